"""Classical mutants (an operator, a number, a word changed): mutmut makes them, forks of one process judge them.

The tests are collected once and run once under a profiler, which tells the functions that each reaches. A mutant is then
a fork in which the function has the mutant's code, and in which the tests that reach it run until one fails, quick ones
first. mutmut's own runner starts Python anew, calls every function through a dispatcher and imports sources by the
repository's root; this one takes a tenth of its time, and packages from wherever they are installed.
"""

from __future__ import annotations

import ast
import difflib
import functools
import gc
import hashlib
import importlib
import json
import os
import random
import resource
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tools.mutants.rooms import Classical

REPOSITORY = Path(__file__).resolve().parents[2]
WORK = REPOSITORY / ".mutants"
LIMIT = 60  # seconds of processor time that a mutant's tests may take: one that never ends is noticed
_AS_IT_IS = "__mutmut_orig"
Place = tuple[str, int]
"""A function, by the file and line that it begins at."""
REGISTRARS = ("rule", "prices")
"""Decorators that list a function and give it back as it is: mutmut would leave whatever is decorated alone."""
_SEPARATOR = "ǁ"  # mutmut's, between a class and its method


@dataclass(frozen=True)
class Mutant:
    """A function of a module with one thing changed. `within` is the class that has it, if one does."""

    module: str
    label: str
    changed: ast.AST = field(repr=False)
    original: ast.AST = field(repr=False)
    within: str = ""

    @cached_property
    def text(self) -> str:
        return ast.unparse(self.changed)

    @property
    def difference(self) -> str:
        """The lines that changed, for people."""
        before, after = ast.unparse(self.original).splitlines()[1:], self.text.splitlines()[1:]
        lines = difflib.unified_diff(before, after, lineterm="", n=0)
        return "\n".join(line for line in lines if line[:1] in "+-" and line[:3] not in ("---", "+++"))

    @property
    def id(self) -> str:
        return f"{self.module}.{self.label}"

    @property
    def function(self) -> FunctionType:
        """What it is a mutant of, in this process."""
        name = self.label.rpartition("__mutmut_")[0].removeprefix("x")
        name = name.rpartition(_SEPARATOR)[2] if self.within else name.removeprefix("_")
        holder: Any = importlib.import_module(self.module)
        if self.within:
            holder = functools.reduce(getattr, self.within.split("."), holder)
        held = vars(holder)[name]
        function: FunctionType = getattr(held, "__func__", held)  # a static or class method's own
        return function

    def install(self) -> None:
        """Give the function the mutant's code and defaults, wherever it is already referred to."""
        function: Any = self.function  # typeshed takes a function that a property gives for a method
        scope = dict(function.__globals__)
        text = "from __future__ import annotations\n" + self.text
        exec(compile(text, function.__code__.co_filename, "exec", dont_inherit=True), scope)  # noqa: S102  # this checkout's own code
        made = scope[self.label]
        function.__code__ = made.__code__
        function.__defaults__, function.__kwdefaults__ = made.__defaults__, made.__kwdefaults__


def mutants_of(room: Classical) -> list[Mutant]:
    """Every mutant there is of a room's sources."""
    return [mutant for path in _sources(room) for mutant in _mutants(path)]


def _sources(room: Classical) -> list[Path]:
    given = [REPOSITORY / source for source in room.sources]
    return sorted(path for each in given for path in ([each] if each.is_file() else each.rglob("*.py")))


def _module(path: Path) -> str:
    """The dotted name that a file is imported by: from the first folder above it that is no package."""
    parts = [path.stem] if path.stem != "__init__" else []
    folder = path.parent
    while (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts)


def _mutants(path: Path) -> Iterable[Mutant]:
    tree = ast.parse(_mutated(path))
    module = _module(path)
    holders: list[ast.Module | ast.ClassDef] = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]
    for holder in holders:
        functions = {
            node.name: node for node in holder.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        for label, node in functions.items():
            name, mark, number = label.rpartition("__mutmut_")
            if mark and number.isdigit():
                node.decorator_list = []
                yield Mutant(module, label, node, functions[name + _AS_IT_IS], getattr(holder, "name", ""))


def _mutated(path: Path) -> str:
    """mutmut's text of a file: each function followed by its mutants. Kept under `.mutants/`, as making it is slow."""
    from mutmut.mutation.file_mutation import mutate_file_contents

    text = _undecorated(path.read_text(encoding="utf-8"))
    kept = WORK / "made" / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.py"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(mutate_file_contents(str(path), text).code, encoding="utf-8")
    return kept.read_text(encoding="utf-8")


def _undecorated(text: str) -> str:
    """A module's text without the decorators that only list functions."""
    lines = text.splitlines(keepends=True)
    for node in ast.parse(text).body:
        for decorator in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) in REGISTRARS:
                span = slice(decorator.lineno - 1, decorator.end_lineno)
                lines[span] = ["\n"] * len(lines[span])
    return "".join(lines)


def run(name: str, room: Classical, children: int, sample: int | None, seed: int) -> dict[str, str]:
    """A verdict a mutant, `killed` or `survived`, of all or of `sample` by chance: as many of each file as its share."""
    mutants = mutants_of(room)
    chosen = mutants if sample is None else _chosen(mutants, sample, seed)
    path = WORK / f"{name}.json"
    verdicts: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    tests = sorted(test for pattern in room.tests for test in REPOSITORY.glob(pattern))
    keys = {mutant.id: _key(mutant, tests) for mutant in chosen}
    left = [mutant for mutant in chosen if not set(keys[mutant.id]) & set(verdicts)]
    random.Random(0).shuffle(left)  # noqa: S311  # what is stopped half-way is a fair sample, too
    if left:
        judge = _Judge(
            {str(path) for path in _sources(room)}, left, children, lambda: _keep(path, verdicts), verdicts, keys
        )
        arguments = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header", *map(str, tests)]
        code = pytest.main(arguments, plugins=[judge])
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            raise RuntimeError(f"{name}: its tests cannot be collected; mend them first")
    return {m.id: next(verdicts[key] for key in keys[m.id] if key in verdicts) for m in chosen}


def _chosen(mutants: list[Mutant], sample: int, seed: int) -> list[Mutant]:
    """So many by chance, always the same for a seed: drawn evenly from the whole list, which is in the order of files."""
    if sample >= len(mutants):
        return mutants
    chance, step = random.Random(seed), len(mutants) / sample  # noqa: S311  # a sample, always the same
    return [mutants[min(int((n + chance.random()) * step), len(mutants) - 1)] for n in range(sample)]


def _key(mutant: Mutant, tests: list[Path]) -> tuple[str, str]:
    """What verdicts are kept under: noticed, it holds as long as the function is the same; else also the tests."""
    changed = f"{mutant.id} {_digest(mutant.text)}"
    return changed, f"{changed} {_digest(*_texts(tuple(tests)))}"


@functools.cache
def _texts(paths: tuple[Path, ...]) -> tuple[str, ...]:
    return tuple(path.read_text(encoding="utf-8") for path in paths)


def _digest(*texts: str) -> str:
    return hashlib.sha256("".join(texts).encode()).hexdigest()[:12]


def _keep(path: Path, verdicts: Mapping[str, str]) -> None:
    path.write_text(json.dumps(verdicts, indent=1, sort_keys=True), encoding="utf-8")


class _Judge:
    """A pytest plugin in place of the loop over tests: it runs them once as they are, then for every mutant."""

    def __init__(
        self,
        sources: set[str],
        mutants: list[Mutant],
        children: int,
        keep: Callable[[], None],
        outcomes: dict[str, str],
        keys: Mapping[str, tuple[str, str]],
    ) -> None:
        self._sources, self._mutants, self._children = sources, mutants, children
        self._keep, self._outcomes, self._keys = keep, outcomes, keys
        self._reach: dict[Place, list[pytest.Item]] = {}
        self._seconds: dict[str, float] = {}
        self._caches: dict[Place, Any] = {}
        self._cached: dict[Place, set[Place]] = {}  # functions that a cached one calls: their results outlive a test

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            return True
        self._caches = _caches(self._sources)
        # What is tried by chance says another thing each time, and takes as long as all that is computed by hand.
        items = [item for item in session.items if not getattr(getattr(item, "obj", None), "is_hypothesis_test", False)]
        for n, item in enumerate(items):
            print(f"\r{n + 1}/{len(items)} tests profiled", end="", flush=True)
            self._profile(item)
        print()
        gc.collect()
        gc.freeze()  # forks share what is there, instead of copying it page by page
        running: dict[int, Mutant] = {}
        waiting = iter(self._mutants)
        done = 0
        while True:
            while len(running) < self._children and (mutant := next(waiting, None)) is not None:
                running[self._fork(mutant)] = mutant
            if not running:
                break
            pid, status = os.wait()
            mutant = running.pop(pid)
            done += 1
            killed = status != 0
            self._outcomes[self._keys[mutant.id][0 if killed else 1]] = "killed" if killed else "survived"
            print(f"\r{done}/{len(self._mutants)} run", end="", flush=True)
            if not killed:
                print(f"\r  survives: {mutant.id}\n{mutant.difference}")
            self._keep()
        print()
        return True

    def _profile(self, item: pytest.Item) -> None:
        """Run a test as it is, and note what it reaches: what it calls, and what filled the caches that it uses."""
        reached: set[Place] = set()
        filling: list[Place] = []

        def profiler(frame: FrameType, event: str, _: Any) -> None:
            if frame.f_code.co_filename in self._sources:
                place = _place(frame.f_code)
                if event == "call":
                    reached.add(place)
                    if place in self._caches:
                        filling.append(place)
                    for cache in filling:
                        self._cached.setdefault(place, set()).add(cache)
                elif event == "return" and filling and filling[-1] == place:
                    filling.pop()

        before = {place: _uses(cache) for place, cache in self._caches.items()}
        started = time.process_time()
        sys.setprofile(profiler)
        try:
            reports = runtestprotocol(item, log=False)
        finally:
            sys.setprofile(None)
        self._seconds[item.nodeid] = time.process_time() - started
        if any(report.failed for report in reports):
            print(f"\r  left out, as it fails without any mutant: {item.nodeid}")
            return
        reached |= {place for place, cache in self._caches.items() if _uses(cache) != before[place]}
        for place in reached:
            self._reach.setdefault(place, []).append(item)

    def _fork(self, mutant: Mutant) -> int:
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            code = self._survives(mutant)
        finally:
            os._exit(code)

    def _survives(self, mutant: Mutant) -> int:
        """0 where no test notices."""
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        place = _place(mutant.function.__code__)
        mutant.install()
        reaching = {item.nodeid: item for item in self._reach.get(place, ())}
        for cache in self._cached.get(place, ()):
            self._caches[cache].cache_clear()
            reaching |= {item.nodeid: item for item in self._reach.get(cache, ())}
        for item in sorted(reaching.values(), key=lambda item: self._seconds[item.nodeid]):
            if any(report.failed for report in runtestprotocol(item, log=False)):
                return 1
        return 0


def _place(code: CodeType) -> Place:
    return code.co_filename, code.co_firstlineno


def _caches(sources: set[str]) -> dict[Place, Any]:
    """The cached functions of these files."""
    caches = {}
    for module in list(sys.modules.values()):
        if getattr(module, "__file__", None) in sources:
            for value in vars(module).values():
                if isinstance(value, functools._lru_cache_wrapper):
                    caches[_place(value.__wrapped__.__code__)] = value
    return caches


def _uses(cache: Any) -> int:
    return int(cache.cache_info().hits + cache.cache_info().misses)

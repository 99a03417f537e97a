"""Structural mutants: a component or the program with one resource, grant or argument taken out.

mutmut knows operators, numbers and words; that a grant is not made at all is no operator, so these are our own. Each
runs in a fork of a process that has Pulumi's SDK loaded already, which is what makes a thousand of them bearable.
"""

from __future__ import annotations

import ast
import copy
import importlib.machinery
import json
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.mutants.rooms import Structural

REPOSITORY = Path(__file__).resolve().parents[2]
WORK = REPOSITORY / ".mutants"
NO_TESTS = 5  # pytest's exit code: nothing is named after the file's classes
LIMIT = 180  # seconds a mutant's tests may take; none should take a tenth of it
_PARSING = threading.Lock()  # a fork amid another thread's parse would have a parser that refuses whatever it is given

# Names of arguments whose loss changes only how a thing is described to people.
PROSE = ("description", "display_name", "documentation", "content")


@dataclass(frozen=True)
class Mutant:
    source: str  # path in the repository
    what: str  # stable from one edit of the file to the next: no line numbers
    line: int
    text: str

    @property
    def id(self) -> str:
        return f"{self.source}: {self.what}"


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of one file. Two of the same words are told apart by a number."""
    tree = ast.parse((REPOSITORY / source).read_text(encoding="utf-8"))
    seen: dict[str, int] = {}
    for index, (node, scope) in enumerate(_walk(tree)):
        for change, what in _changes(node):
            mutated = copy.deepcopy(tree)
            twin = [twin_nodes for twin_nodes, _ in _walk(mutated)][index]
            change(twin)
            words = f"{scope}: {what}"
            seen[words] = seen.get(words, 0) + 1
            number = f" ({seen[words]})" if seen[words] > 1 else ""
            text = ast.unparse(ast.fix_missing_locations(mutated))
            yield Mutant(source, words + number, getattr(node, "lineno", 0), text)


def _walk(tree: ast.AST, scope: str = "module") -> Iterator[tuple[ast.AST, str]]:
    yield tree, scope
    for child in ast.iter_child_nodes(tree):
        inner = scope
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            inner = child.name if scope == "module" else f"{scope}.{child.name}"
        yield from _walk(child, inner)


def _made(node: ast.AST) -> str | None:
    """The name of what a call makes: a resource or its arguments, by their capital letter."""
    if not isinstance(node, ast.Call):
        return None
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name if name[:1].isupper() and not name.endswith("Error") else None


def _changes(node: ast.AST) -> Iterator[tuple[Any, str]]:
    if isinstance(node, ast.Call) and (name := _made(node)):
        for n, keyword in enumerate(node.keywords):
            if keyword.arg is not None and keyword.arg not in PROSE:
                yield lambda twin, n=n: twin.keywords.pop(n), f"{name} without {keyword.arg}"
    if isinstance(node, ast.FunctionDef | ast.For | ast.If | ast.With):
        for field in ("body", "orelse"):
            for n, statement in enumerate(getattr(node, field, [])):
                if isinstance(statement, ast.Expr) and (name := _made(statement.value)):
                    yield lambda twin, n=n, f=field: getattr(twin, f).__setitem__(n, ast.Pass()), f"no {name}"
    if isinstance(node, ast.List | ast.Tuple):
        for n, element in enumerate(node.elts):
            if name := _made(element):
                yield lambda twin, n=n: twin.elts.pop(n), f"{name} not in the list"
            elif isinstance(element, ast.Constant | ast.JoinedStr | ast.Starred) and isinstance(node.ctx, ast.Load):
                yield lambda twin, n=n: twin.elts.pop(n), f"{ast.unparse(element)} not in the list"
    if isinstance(node, ast.Dict):
        for n, key in enumerate(node.keys):
            words = ast.unparse(key) if key else f"**{ast.unparse(node.values[n])}"

            def without(twin: Any, n: int = n) -> None:
                twin.keys.pop(n)
                twin.values.pop(n)

            yield without, f"{words} not in the mapping"
    if isinstance(node, ast.ListComp | ast.DictComp):
        made = _made(node.elt if isinstance(node, ast.ListComp) else node.value)
        if made:

            def never(twin: Any) -> None:
                twin.generators[0].ifs.append(ast.Constant(False))

            yield never, f"no {made} at all"


def run(name: str, room: Structural, children: int, chosen: list[Mutant]) -> dict[str, str]:
    """Run those of `chosen` that have no verdict yet; a verdict a mutant: `killed` or `survived`."""
    WORK.mkdir(exist_ok=True)
    path = WORK / f"{name}.json"
    verdicts: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    left = [mutant for mutant in chosen if mutant.id not in verdicts]
    _preload()
    with ThreadPoolExecutor(children) as pool:
        for _ in pool.map(lambda source: _pass_unchanged(source, room), sorted({mutant.source for mutant in left})):
            pass  # the first that fails says so
        for n, (mutant, verdict) in enumerate(zip(left, pool.map(lambda m: _judge(m, room), left), strict=True)):
            verdicts[mutant.id] = verdict
            survived = sum(v == "survived" for v in verdicts.values())
            print(f"\r{n + 1}/{len(left)} run, {survived} survive", end="", flush=True)
            path.write_text(json.dumps(verdicts, indent=1, sort_keys=True), encoding="utf-8")
    print()
    return {mutant.id: verdicts[mutant.id] for mutant in chosen}


def _preload() -> None:
    """Load everything heavy once; what is mutated and its tests are loaded by each fork anew."""
    import pytest  # noqa: F401

    sys.path[:0] = [str(REPOSITORY / package / "tests") for package in ("components", "policies")]
    for module in (
        "fastyle_components",
        "infra.composition",
        "component_resources.recorder",
        "policy_rules.cases",
        "tests.conftest",
    ):
        importlib.import_module(module)
    _compose()
    for module in list(sys.modules):
        if module.split(".")[0] in ("fastyle_components", "component_resources", "infra", "tests"):
            del sys.modules[module]


def _compose() -> None:
    """One composition, so that the SDK's modules that load themselves on first use are there."""
    import tempfile

    from component_resources.recorder import declare
    from ops.stacks import own_projects
    from tests.support.program import program

    with tempfile.TemporaryDirectory() as folder:
        for stack in own_projects():
            declare(program(stack, Path(folder)))


def _pass_unchanged(source: str, room: Structural) -> None:
    """Raises RuntimeError where the tests fail without any mutant: then every mutant would look noticed."""
    unchanged = Mutant(source, "unchanged", 0, (REPOSITORY / source).read_text(encoding="utf-8"))
    for stage in room.tests:
        if _judge(unchanged, Structural(sources=(), tests=(stage,)), output := WORK / "unchanged.log") != "survived":
            raise RuntimeError(f"{source}: {' '.join(stage)} fail as it is ({output}); mend them first")


def _judge(mutant: Mutant, room: Structural, output: Path = Path(os.devnull)) -> str:
    with _PARSING:
        classes = [node.name for node in ast.parse(mutant.text).body if isinstance(node, ast.ClassDef)]
    own = [(*room.own, "-k", " or ".join(classes))] if room.own and classes else []
    for stage in (*own, *room.tests):
        process = multiprocessing.get_context("fork").Process(target=_in_a_fork, args=(mutant, stage, output))
        with _PARSING:
            process.start()
        process.join(LIMIT)
        if process.is_alive():  # or another thread's start has just waited for it, and is about to note its code
            assert process.pid is not None
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            while process.exitcode is None:
                process.join(0.1)
        if process.exitcode not in (0, NO_TESTS):
            return "killed"
    return "survived"


def _in_a_fork(mutant: Mutant, tests: tuple[str, ...], output: Path) -> None:
    import pytest

    target = str(REPOSITORY / mutant.source)
    original = importlib.machinery.SourceFileLoader.get_code

    def get_code(self: Any, fullname: str) -> Any:
        if self.path == target:
            return compile(mutant.text, target, "exec", dont_inherit=True)  # annotations as the file itself says
        return original(self, fullname)

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
    with output.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(REPOSITORY)
    # What is loaded already is not loaded anew, of which pytest warns; and a warning fails.
    quietly = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
    os._exit(int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *quietly, *tests])))

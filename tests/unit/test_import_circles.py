"""Imports between modules and rooms: none needs one that needs it, and no room what it may not; no stack's name counts."""

from __future__ import annotations

import ast
import graphlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from ops.stacks import own_projects

REPOSITORY = Path(__file__).resolve().parents[2]
ROOMS = (
    "components/fastyle_components",
    "localcloud/fastyle_localcloud",
    "policies/fastyle_policies",
    "infra",
    "ops",
    "tools",
    "workloads",
)

PACKAGES = ("fastyle_components", "fastyle_localcloud", "fastyle_policies")
MAY_IMPORT = {
    "components/fastyle_components": (),
    "localcloud/fastyle_localcloud": (),
    "policies/fastyle_policies": (),
    "infra": ("workloads", "fastyle_components", "fastyle_policies"),
    "workloads": (),
    "ops": ("infra", "workloads", *PACKAGES),
}
"""What CONTRIBUTING.md says of the rooms; `tools` and `tests` may import all of them."""


def modules(package: Path) -> dict[str, Path]:
    """The modules of a package by name."""
    paths = {path.relative_to(package.parent).with_suffix(""): path for path in package.rglob("*.py")}
    return {".".join(place.parts).removesuffix(".__init__"): path for place, path in paths.items()}


_IMPORT = re.compile(r"^[ \t]*(from [\w.]+ import (?:\([^)]*\)|.*)|import .*)", re.MULTILINE)


@cache
def text_of(path: Path) -> str:
    """A module's text, read once for all tests."""
    return path.read_text(encoding="utf-8")


def imported(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """The package's modules that one names in an import, wherever in its text the import stands.

    Import statements alone are parsed: whole modules take a second.
    """
    for node in (ast.parse(statement).body[0] for statement in _IMPORT.findall(text_of(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            # `from package import module` needs the module; a name of the package itself needs its `__init__`.
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (each if each in known else node.module for each in submodules if node.module in known)


def circle(graph: dict[str, set[str]]) -> list[str] | None:
    """A circle of modules, each of which needs the next one."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])[::-1]
    return None


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_of_a_room_needs_one_that_needs_it(room: str) -> None:
    known = modules(REPOSITORY / room)
    assert len(known) > 5, "the room is elsewhere"
    graph = {name: set(imported(path, known)) - {name} for name, path in known.items()}
    assert circle(graph) is None, " -> ".join(circle(graph) or [])


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_what_it_may(room: str) -> None:
    """Also in programs that it writes or runs: a text of Python is as good as an import."""
    others = sorted({"infra", "ops", "tools", "tests", "workloads", *PACKAGES} - {*MAY_IMPORT[room], Path(room).name})
    forbidden = re.compile(rf"(?:^|[\"';])\s*(?:from|import) ({'|'.join(others)})\b", re.MULTILINE)
    texts = {path: text_of(path) for path in (REPOSITORY / room).rglob("*.py")}
    assert [(str(path), match[1]) for path, text in texts.items() for match in forbidden.finditer(text)] == []


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_is_decided_by_the_name_of_a_stack(room: str) -> None:
    """What differs between stacks is configuration; this machine's stack alone has a name that counts."""
    names = own_projects()  # stacks with a prefix may be called like anything: `europe` is a continent, too
    assert len(names) > 1
    quoted = re.compile(rf"[\"'](?:{'|'.join(map(re.escape, names))})[\"']")
    written = []
    for path in (REPOSITORY / room).rglob("*.py"):
        if not quoted.search(text_of(path)):
            continue
        nodes = tuple(ast.walk(ast.parse(text_of(path))))
        examples = {id(node.value) for node in nodes if isinstance(node, ast.keyword) and node.arg == "example"}
        written += [
            f"{path.relative_to(REPOSITORY)}:{node.lineno}"
            for node in nodes
            if isinstance(node, ast.Constant) and node.value in names and id(node) not in examples
        ]
    assert written == []


def test_a_circle_is_told_with_its_modules() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) in (
        ["a", "b", "c", "a"],
        ["b", "c", "a", "b"],
        ["c", "a", "b", "c"],
    )

"""Classical mutants (an operator, a number, a word changed) by mutmut, in a workspace that leaves the checkout alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tools.mutants.rooms import Classical

REPOSITORY = Path(__file__).resolve().parents[2]
WORK = REPOSITORY / ".mutants"

# mutmut's exit codes of a mutant's tests, as far as they mean something; any other counts as killed.
SURVIVED, NO_TESTS, NOT_RUN = 0, 33, None


def run(name: str, room: Classical, children: int, only: list[str]) -> dict[str, str]:
    """Run what has no verdict yet. A verdict a mutant: `killed` or `survived`, by mutmut's name of it."""
    folder = _workspace(name, room)
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(children), *only]
    subprocess.run(command, cwd=folder, check=False, stdin=subprocess.DEVNULL)
    return verdicts(folder)


def known(name: str, room: Classical) -> list[str]:
    """Every mutant there is."""
    folder = _workspace(name, room)
    if not (folder / "mutants").exists():  # a name that nothing has: mutmut makes the mutants, and runs none
        subprocess.run(
            [sys.executable, "-m", "mutmut", "run", "none-of-that-name"], cwd=folder, check=False, capture_output=True
        )
    return sorted(mutant for meta in _metas(folder) for mutant in meta)


def _metas(folder: Path) -> list[dict[str, int | None]]:
    paths = sorted((folder / "mutants").rglob("*.meta"))
    return [json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"] for path in paths]


def verdicts(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for meta in _metas(folder):
        for mutant, code in meta.items():
            if code is not NOT_RUN:
                found[mutant] = "survived" if code in (SURVIVED, NO_TESTS) else "killed"
    return found


def show(name: str, mutant: str) -> str:
    """The mutant as a difference."""
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", "show", mutant], cwd=WORK / name, capture_output=True, text=True, check=False
    )
    return "\n".join(line for line in done.stdout.splitlines() if line[:1] in "+-" and line[:3] not in ("---", "+++"))


def _found(patterns: tuple[str, ...]) -> list[str]:
    return sorted(path.relative_to(REPOSITORY).as_posix() for pattern in patterns for path in REPOSITORY.glob(pattern))


def _workspace(name: str, room: Classical) -> Path:
    folder = WORK / name
    folder.mkdir(parents=True, exist_ok=True)
    for needed in {path.split("/")[0] for path in (*room.sources, *room.needs)} | {"tests", "pyproject.toml"}:
        link = folder / needed
        if not link.is_symlink():
            link.symlink_to(REPOSITORY / needed)
    lines = {
        "source_paths": room.sources,
        "also_copy": room.needs,
        "pytest_add_cli_args_test_selection": _found(room.tests),
        "pytest_add_cli_args": ("-p", "no:cacheprovider"),
    }
    text = "[mutmut]\n" + "".join(f"{key} =\n" + "".join(f"    {v}\n" for v in values) for key, values in lines.items())
    (folder / "setup.cfg").write_text(text, encoding="utf-8")
    return folder

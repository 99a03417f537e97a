"""The judge of structural mutants: a fork of a process that has loaded what the tests load."""

from __future__ import annotations

import subprocess
import sys

from tools.mutants import structural

# A process of its own, as `make mutants` is: in one of pytest's, its plugins are loaded in a way that it does not warn of.
PROGRAM = """
import pytest, xdist
from tools.mutants import structural
from tools.mutants.rooms import Structural

source = "tools/performance.py"
text = (structural.REPOSITORY / source).read_text(encoding="utf-8")
room = Structural(sources=(), tests=(("tests/unit/tools/test_performance_page.py",),))
for line in ("", "raise RuntimeError"):
    print(structural._judge(structural.Mutant(source, "one more line", 0, f"{text}\\n{line}\\n"), room))
"""


def test_what_fails_a_test_is_killed_and_what_changes_nothing_survives() -> None:
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=structural.REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["survived", "killed"]

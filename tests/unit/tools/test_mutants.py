"""The judge of structural mutants: a fork of a process that has pytest and its plugins loaded."""

from __future__ import annotations

import sys

import pytest
import tools
from tools.mutants import structural
from tools.mutants.rooms import Structural

SOURCE = "tools/performance.py"
NOTICING = ("tests/unit/tools/test_performance_page.py",)


@pytest.mark.parametrize(("line", "verdict"), [("", "survived"), ("raise RuntimeError", "killed")])
def test_what_fails_a_test_is_killed_and_what_changes_nothing_survives(
    line: str, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("tools.performance", "tests.unit.tools.test_performance_page"):  # as if nobody had loaded them yet
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.delattr(tools, "performance", raising=False)
    text = (structural.REPOSITORY / SOURCE).read_text(encoding="utf-8")
    mutant = structural.Mutant(SOURCE, "one more line", 0, f"{text}\n{line}\n")
    assert structural._judge(mutant, Structural(sources=(), tests=(NOTICING,))) == verdict

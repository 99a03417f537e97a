"""docs/policies.md is made of the rules; `make documents` writes it."""

from __future__ import annotations

from fastyle_policies.reference import block, current
from fastyle_policies.rules import RULES

from tests.support.plans import REPOSITORY


def test_the_table_of_rules_is_current() -> None:
    text = (REPOSITORY / "docs" / "policies.md").read_text(encoding="utf-8")
    assert current(text) == text, "run: make documents"


def test_it_has_every_rule_with_its_parameters() -> None:
    text = block(RULES)
    for rule in RULES:
        assert text.count(f"| `{rule.id}` |") == 1
        (row,) = (line for line in text.splitlines() if line.startswith(f"| `{rule.id}` |"))
        own = set(rule.parameters.model_fields) - {"protected", "waivers"}
        assert [name for name in own if f"`{name}` = " not in row] == []

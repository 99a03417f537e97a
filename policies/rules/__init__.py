"""All rules of the pack. Each module holds one concern and its `RULES`."""

from __future__ import annotations

from policies.model import Rule
from policies.rules import cost, grants, lifecycle, reliability, security

RULES: tuple[Rule, ...] = (*cost.RULES, *lifecycle.RULES, *security.RULES, *reliability.RULES, *grants.RULES)

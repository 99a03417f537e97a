"""One table of cases a rule, by the rule's id. A module a module of `fastyle_policies.rules`, each with its `CASES`."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from policy_rules.table import Cases

_NO_TABLES = {"linked"}
"""Modules that other modules share."""

CASES: dict[str, Cases] = {
    rule: cases
    for module in iter_modules(__path__)
    if module.name not in _NO_TABLES
    for rule, cases in import_module(f"{__name__}.{module.name}").CASES.items()
}

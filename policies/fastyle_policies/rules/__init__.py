"""All rules of the pack. Each module of this folder holds one concern and declares its rules; one that is there counts."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from fastyle_policies.model import Rule, rules_in

RULES: tuple[Rule, ...] = tuple(
    rule for module in iter_modules(__path__) for rule in rules_in(import_module(f"{__name__}.{module.name}"))
)

"""All rules of the pack. Each module of this folder holds one concern and its `RULES`; a module that is there counts."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from fastyle_policies.model import Rule

RULES: tuple[Rule, ...] = tuple(
    rule for module in iter_modules(__path__) for rule in import_module(f"{__name__}.{module.name}").RULES
)

"""All rules of the pack. Each module holds one concern and its `RULES`."""

from __future__ import annotations

from fastyle_policies.model import Rule
from fastyle_policies.rules import (
    cost,
    deployer,
    exposure,
    grants,
    identity,
    reliability,
    retention,
    sizes,
    spend,
    storage,
)

RULES: tuple[Rule, ...] = (
    *cost.RULES,
    *sizes.RULES,
    *spend.RULES,
    *storage.RULES,
    *retention.RULES,
    *exposure.RULES,
    *identity.RULES,
    *reliability.RULES,
    *grants.RULES,
    *deployer.RULES,
)

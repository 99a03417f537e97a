"""One table of cases a rule, by the rule's id. A module a module of `fastyle_policies.rules`, each with its `CASES`."""

from __future__ import annotations

from policy_rules.cases import (
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
from policy_rules.table import Cases

CASES: dict[str, Cases] = {
    **cost.CASES,
    **sizes.CASES,
    **spend.CASES,
    **storage.CASES,
    **retention.CASES,
    **exposure.CASES,
    **identity.CASES,
    **reliability.CASES,
    **grants.CASES,
    **deployer.CASES,
}

"""What a workload needs that is given the name of something in an environment variable.

The pack knows three conventions; a program's own variables are parameters of the rules about grants.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field

from fastyle_policies import gcp
from fastyle_policies.model import Strict

ON = {"topic": gcp.TOPIC, "dataset": gcp.DATASET, "bucket": gcp.BUCKET}
"""Types of the resources that a variable may name."""
_NOTHING = (None, "", "[]", "{}")
"""Values of a variable that names nothing; an empty list or map is JSON."""


class Use(Strict):
    """What the account of a workload needs for one of its variables."""

    on: Literal["topic", "dataset", "bucket", "project"] = Field(
        description="what the role is needed on: the resource of that kind that the value names, or the project"
    )
    role: str = Field(description="predefined role that it needs")
    permissions: list[str] = Field(
        default_factory=list, description="what of the role is used: a custom role with these will do as well"
    )
    values: list[str] = Field(default_factory=list, description="only with one of these values; empty: with any")
    beside: str = Field(default="", description="only where the workload has this variable as well; empty: anywhere")

    def fits(self, value: Any, names: frozenset[str]) -> bool:
        """Whether it holds for a variable of that value among variables of those names."""
        return (not self.values or value in self.values) and (not self.beside or self.beside in names)


CONVENTIONS: Mapping[str, Use] = MappingProxyType(
    {
        "*_TOPIC": Use(on="topic", role="roles/pubsub.publisher"),
        "*_DATASET": Use(on="dataset", role="roles/bigquery.dataEditor"),
        "*_BUCKET": Use(on="bucket", role="roles/storage.objectViewer"),
    }
)


def use_of(variable: gcp.Variable, names: frozenset[str], own: Mapping[str, Use]) -> Use | None:
    """What a variable means: by the first pattern that fits, the program's own before the conventions."""
    if variable.value in _NOTHING:
        return None
    for uses in (own, CONVENTIONS):
        for pattern, use in uses.items():
            if fnmatchcase(variable.name, pattern) and use.fits(variable.value, names):
                return use
    return None

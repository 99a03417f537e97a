"""The form of a usage file: a calendar of days, variables, amounts by type and by resource."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

DAY_KINDS = ("quiet", "ordinary", "sale")
DEFAULT_MONTH = "ordinary"
Value = bool | int | float | str | dict[str, Any]


class Days(BaseModel):
    """How many days of each kind a month has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quiet: Decimal = Field(default=Decimal(0), ge=0)
    ordinary: Decimal = Field(default=Decimal(0), ge=0)
    sale: Decimal = Field(default=Decimal(0), ge=0)

    @model_validator(mode="after")
    def _a_month(self) -> Days:
        if not 28 <= self.quiet + self.ordinary + self.sale <= 31:
            raise ValueError("the days of a month add up to 28 to 31")
        return self


class Document(BaseModel):
    """A usage file as written; values are numbers, formulas, or amounts a day by kind of day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1]
    calendar: dict[str, Days] = Field(
        default={
            "quiet": Days(quiet=Decimal(30)),
            "ordinary": Days(ordinary=Decimal(30)),
            "sale": Days(sale=Decimal(30)),
        },
        description="months by name: how many quiet, ordinary and sale days each has",
    )
    variables: dict[str, Value] = Field(default={}, description="values by name, for formulas")
    unit_costs: dict[str, Value] = Field(default={}, description="what the total is also divided by: label to number")
    resource_type_default_usage: dict[str, dict[str, Value]] = {}
    resource_usage: dict[str, dict[str, Value]] = {}

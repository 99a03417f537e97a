"""A budget's notice, read from what Cloud Billing publishes.

Format: https://cloud.google.com/billing/docs/how-to/budgets-programmatic-notifications#notification_format
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

_LARGEST = Decimal(10) ** 15  # more money than that is no amount but a fault
_LONGEST_PERIOD = timedelta(days=32)  # budgets here count calendar months
_AHEAD = timedelta(days=1)  # a clock may be wrong, not by more


class Unusable(Exception):  # noqa: N818 - not a fault of ours
    """What came is no notice that can be acted on; the message says why. Another delivery would not change it."""


@dataclass(frozen=True)
class Notice:
    """What a budget's costs were, some hours ago, since the start of its period."""

    budget: str
    """The budget's id, empty where the message does not tell."""
    name: str
    period: datetime
    """When the counted period began (costIntervalStart)."""
    cost: Decimal
    """Negative where credits exceed costs."""
    amount: Decimal
    """What was planned for the period."""
    currency: str

    def reaches(self, share: Decimal) -> bool:
        """Whether costs have reached `share` of the amount; never for an amount of zero, which plans nothing.

        The costs decide: thresholds are named only once exceeded, only those that somebody configured, and some of
        them are forecasts.
        """
        return self.amount > 0 and self.cost >= self.amount * share

    @property
    def text(self) -> str:
        """Costs and plan for a person."""
        spent = f"{self.cost} of {self.amount} {self.currency} since {self.period:%Y-%m-%d}"
        return f"{spent} ({self.cost / self.amount:.0%})" if self.amount > 0 else spent


def read(data: Any, now: datetime) -> Notice:
    """Return the notice in a Pub/Sub event's data (`{"message": {"data": base64, "attributes": {…}}}`).

    Raises:
        Unusable: it is none, of a schema that is not known, or of a period that is not the current one.
    """
    message = data.get("message") if isinstance(data, Mapping) else None
    if not isinstance(message, Mapping):
        raise Unusable("the event holds no Pub/Sub message")
    attributes = message.get("attributes")
    attributes = attributes if isinstance(attributes, Mapping) else {}
    version = str(attributes.get("schemaVersion") or "1.0")
    if version.partition(".")[0] != "1":
        raise Unusable(f"schema version {version!r:.20} is not known here; only 1.x is")
    body = _body(message.get("data"))
    period = _period(body.get("costIntervalStart"))
    if not period - _AHEAD <= now < period + _LONGEST_PERIOD:
        raise Unusable(f"its period began at {period.isoformat()}, which is not the current one")
    return Notice(
        budget=str(attributes.get("budgetId") or ""),
        name=str(body.get("budgetDisplayName") or ""),
        period=period,
        cost=_amount(body, "costAmount"),
        amount=_amount(body, "budgetAmount"),
        currency=str(body.get("currencyCode") or ""),
    )


def _body(encoded: Any) -> dict[str, Any]:
    if not isinstance(encoded, str):
        raise Unusable("the message has no data")
    try:
        body = json.loads(base64.b64decode(encoded, validate=True), parse_float=Decimal, parse_int=Decimal)
    except (binascii.Error, ValueError, ArithmeticError, RecursionError):
        raise Unusable("the message's data is no JSON in base64") from None
    if not isinstance(body, dict):
        raise Unusable("the message's data is no JSON object")
    return body


def _amount(body: dict[str, Any], key: str) -> Decimal:
    value = body.get(key)
    # JSON's numbers are Decimals here; NaN and Infinity, which Python's reader lets through, are floats.
    if not isinstance(value, Decimal) or abs(value) > _LARGEST:
        raise Unusable(f"{key} is {value!r:.40}, no amount")
    return value


def _period(value: Any) -> datetime:
    try:
        period = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise Unusable(f"costIntervalStart is {value!r:.40}, no time") from None
    if period.tzinfo is None or not 2000 < period.year < 9000:
        raise Unusable(f"costIntervalStart is {value!r:.40}, no time with a zone")
    return period

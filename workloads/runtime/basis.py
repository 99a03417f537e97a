"""The currency and time zone that a stack's figures are in, which a later configuration may not rename.

Amounts carry no currency in the marts and a business date no time zone: under another configuration the history would
read as if it had always been that way. Whoever writes figures notes the basis with the first of them; from then on a
service that is configured otherwise refuses to work and says why. Without figures the configuration decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import DictRow

from workloads.runtime.settings import WorkloadSettings

_READ = """
SELECT b.currency, b.timezone,
       EXISTS (SELECT 1 FROM stream_event WHERE stream = 'sales') OR EXISTS (SELECT 1 FROM report_gmv_daily) AS has_amounts,
       EXISTS (SELECT 1 FROM stream_event) OR EXISTS (SELECT 1 FROM report_gmv_daily) AS has_dates
FROM figures_basis AS b
"""
_WRITE = """
INSERT INTO figures_basis (currency, timezone) VALUES (%(currency)s, %(timezone)s)
ON CONFLICT (only_row) DO UPDATE SET currency = excluded.currency, timezone = excluded.timezone, chosen_at = now()
WHERE figures_basis.currency <> excluded.currency OR figures_basis.timezone <> excluded.timezone
"""


class OtherBasis(Exception):  # noqa: N818 - a state
    """The figures that are there are in another currency or time zone; names the key, what it means, and the mend."""


def note(connection: psycopg.Connection[DictRow], settings: WorkloadSettings) -> None:
    """Make the configuration the basis of the figures, if there are none in another one.

    Raises:
        OtherBasis: there are.
    """
    refuse_other(connection.execute(_READ).fetchone(), settings)
    connection.execute(_WRITE, {"currency": settings.currency, "timezone": settings.timezone})


async def compare(connection: psycopg.AsyncConnection[DictRow], settings: WorkloadSettings) -> None:
    """Hold the configuration against the basis; nothing is written.

    Raises:
        OtherBasis: figures that are there are in another one.
    """
    refuse_other(await (await connection.execute(_READ)).fetchone(), settings)


def refuse_other(basis: Mapping[str, Any] | None, settings: WorkloadSettings) -> None:
    """Compare what was read of the basis with the configuration.

    Raises:
        OtherBasis: they differ, and there are figures.
    """
    if basis is None:
        return
    if basis["has_amounts"] and basis["currency"] != settings.currency:
        raise OtherBasis(
            f"fastyle:currency is {settings.currency}, and this stack's figures are in {basis['currency']}: every amount "
            f"of its history would be relabelled; set fastyle:currency back to {basis['currency']}, or begin a stack of "
            "its own for the other currency"
        )
    if basis["has_dates"] and basis["timezone"] != settings.timezone:
        raise OtherBasis(
            f"fastyle:timezone is {settings.timezone}, and this stack's business dates are in {basis['timezone']}: its "
            f"history would be of other days than the new trade; set fastyle:timezone back to {basis['timezone']}, or "
            "empty the figures and replay the lake (docs/operations/changes.md, Currency and time zone)"
        )

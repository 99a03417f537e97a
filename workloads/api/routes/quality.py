"""`/v1/quality`: the faults that stand, what the last run's checks found, and whether they stopped its publication."""

from __future__ import annotations

from datetime import date
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from workloads.api.dependencies import Connection, ConnectionDep, require_caller
from workloads.api.errors import RESPONSES
from workloads.api.freshness import reports_state
from workloads.api.paging import Instant, respond, utc

router = APIRouter(prefix="/v1", tags=["quality"], dependencies=[Depends(require_caller)], responses=RESPONSES)


class Check(BaseModel):
    """One check of the last run that reached them. A failed `error` stops publication, a `warn` is reported."""

    check_name: str = Field(examples=["sales_lines_unique"])
    table_name: str = Field(examples=["staging.sales_lines"])
    severity: str = Field(examples=["error"])
    status: str = Field(description="pass or fail", examples=["pass"])
    failures: int = Field(examples=[0])
    sample: str | None = Field(description="The first failing rows, in words")
    description: str
    checked_at: Instant


class Fault(BaseModel):
    """What a check found wrong at a place, and no run since has found mended. While one of severity `error` stands that
    is not waived, nothing is published."""

    id: str = Field(description="What `fastyle quality waive` takes", examples=["12"])
    check: str = Field(examples=["sales_lines.sku_known"])
    severity: str = Field(description="error or warn", examples=["warn"])
    first_seen: Instant
    last_seen: Instant
    rows: int = Field(description="Cases at last sight", examples=[3])
    where: str = Field(
        description="A business date, SKU, location or stream, or the table as a whole", examples=["TOP-9"]
    )
    waived_until: date | None = Field(description="The last date on which it is let pass; null: never waived")
    waived_reason: str | None
    sample: str | None = Field(description="Some of the cases, in words")
    description: str = Field(description="What should hold")


class Reports(BaseModel):
    """How current the published reports are. `stale_since`: set when a later run did not publish."""

    published_at: Instant | None
    as_of: Instant | None = Field(description="Publish time of the newest event in the reports")
    last_run_state: str | None = Field(description="running, succeeded, stopped (by a check), failed or incomplete")
    last_run_error: str | None
    stale_since: Instant | None


class Quality(BaseModel):
    """Checks of the newest run that reached them, and the faults that stand whatever that run looked at."""

    items: list[Check]
    faults: list[Fault]
    next_page_token: None
    as_of: Instant | None
    reports: Reports


async def open_faults(connection: Connection) -> list[dict[str, Any]]:
    """The faults that stand, those that stop publication first, then the oldest; at most 1,000."""
    cursor = await connection.execute(
        """
        SELECT id::text, check_name AS "check", severity, first_seen, last_seen, failures AS "rows",
               coalesce(nullif(place, ''), table_name) AS "where", waived_until, waived_reason, sample, description
        FROM quality_fault WHERE ended_at IS NULL
        ORDER BY severity, first_seen, quality_fault.id LIMIT 1000
        """
    )
    return [
        row
        | {
            "first_seen": utc(row["first_seen"]),
            "last_seen": utc(row["last_seen"]),
            "waived_until": row["waived_until"] and str(row["waived_until"]),
        }
        async for row in cursor
    ]


@router.get("/quality", response_model=Quality, summary="Data quality")
async def quality(request: Request, connection: ConnectionDep) -> Response:
    """The checks of the newest run that reached them, failures first, and every fault that stands, errors first."""
    cursor = await connection.execute(
        """
        SELECT check_name, table_name, severity, status, failures, sample, description, checked_at
        FROM quality_result
        WHERE run_id = (SELECT run_id FROM quality_result ORDER BY checked_at DESC LIMIT 1)
        ORDER BY status, severity, check_name
        """
    )
    items = [row | {"checked_at": utc(row["checked_at"])} async for row in cursor]
    as_of = max((item["checked_at"] for item in items), default=None)
    faults = await open_faults(connection)
    body = {
        "items": items,
        "faults": faults,
        "next_page_token": None,
        "as_of": as_of,
        "reports": await reports_state(connection),
    }
    return respond(request, body)

"""What a checkout makes of an optional field more of a sale's lines (tests/support/extended.py)."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from tests.support.events import sale
from tests.support.jobs import Recorded
from tests.support.new_mart import proven
from workloads.events import STREAMS, decode, encode, validate
from workloads.events.schema import bigquery_fields
from workloads.pipeline.tables import tables
from workloads.pos_api.openapi import document

Json = dict[str, Any]


def told(name: str, recorded: Recorded) -> Json:
    stream = STREAMS["sales"]
    event = copy.deepcopy(sale())
    event["lines"][0][name] = "1.25"
    now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    raw = {column["name"]: column for column in bigquery_fields(stream)}
    schemas = document(brand="b", currency="USD", most_bytes=1, most_events=1, simulates=False)["components"]["schemas"]
    accepted = validate(stream, event, currency="USD", now=now)
    return {
        "accepted": [line[name] for line in accepted["lines"]] if isinstance(accepted, dict) else accepted,
        "carried": [line[name] for line in decode(stream, encode(stream, event))["lines"]],
        "described": name in schemas[stream.record]["properties"]["lines"]["items"]["properties"],
        "raw": next(column["mode"] for column in raw["lines"]["fields"] if column["name"] == name),
        "items": sorted(
            key
            for key, table in tables().items()
            for c in table.columns
            if name in [f["name"] for f in c.get("fields", ())]
        ),
        "columns": sorted(key for key, table in tables().items() for column in table.columns if column["name"] == name),
        "identity": sum(name in job.sql and "FARM_FINGERPRINT" in job.sql for job in recorded.jobs) > 0,
        "proven": proven(recorded, name),
    }

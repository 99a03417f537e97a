"""What tells a repetition from another event under one id: in live inventory and in BigQuery of the same fields."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.push import change, sale, wrap
from workloads.events import STREAMS, consumed_by
from workloads.events.stream import HISTORY, INVENTORY, Json, Stream
from workloads.inventory_sync.delivery import Event, event_of, unwrap
from workloads.pipeline import identity

LOADED, TAKEN = sorted(consumed_by(HISTORY)), sorted(consumed_by(INVENTORY))
BODIES: dict[str, Json] = {"sales": sale(("TOP-1", 2), ("TOP-2", 1)), "inventory": change("receipt", 5)}
# Another value of each field that the contract allows; `currency` has one value in a stack. Of a field that joined the
# schema later, one follows from its format.
OTHER: dict[str, dict[str, Any]] = {
    "sales": {
        "transaction_id": "T-other",
        "event_time": "2026-01-02T03:04:05Z",
        "location_id": "S02",
        "channel": "online",
        "customer_id": "C1",
        "lines[].line_number": 9,
        "lines[].sku": "TOP-9",
        "lines[].quantity": 7,
        "lines[].unit_price": "11.00",
        "lines[].discount": "1.00",
    },
    "inventory": {
        "event_time": "2026-01-02T03:04:05Z",
        "location_id": "S02",
        "sku": "TOP-9",
        "kind": "transfer_in",
        "quantity": 6,
        "reference": "R1",
    },
}
KEPT = {
    "sales": "FARM_FINGERPRINT(TO_JSON_STRING(STRUCT(r.transaction_id, FORMAT_TIMESTAMP('%F %H:%M:%E6S', r.event_time) AS event_time, r.location_id, r.channel, r.customer_id, r.currency, ARRAY(SELECT CONCAT(CAST(l.line_number AS STRING), '|', l.sku, '|', CAST(l.quantity AS STRING), '|', CAST(CAST(LEAST(GREATEST(l.unit_price, -1), 1000000000000) * 10000 AS INT64) AS STRING), '|', CAST(CAST(LEAST(GREATEST(l.discount, -1), 1000000000000) * 10000 AS INT64) AS STRING)) FROM UNNEST(r.lines) AS l ORDER BY l.line_number) AS lines)))",
    "inventory": "FARM_FINGERPRINT(TO_JSON_STRING(STRUCT(FORMAT_TIMESTAMP('%F %H:%M:%E6S', r.event_time) AS event_time, r.location_id, r.sku, r.kind, r.quantity, r.reference)))",
}


def paths(fields: list[Json], prefix: str = "") -> Iterator[tuple[str, Json]]:
    """Every field of a schema that holds a value, by its path."""
    for field in fields:
        if isinstance(field["type"], dict):
            yield from paths(field["type"]["items"]["fields"], f"{field['name']}[].")
        else:
            yield f"{prefix}{field['name']}", field


def told(stream: str) -> dict[str, Json]:
    """The fields that tell an event from another one: all but its id, and the currency, which has one value in a stack."""
    fields = dict(paths(STREAMS[stream].avro["fields"]))
    return {path: field for path, field in fields.items() if path not in ("event_id", "currency")}


def first_form(stream: str) -> Stream:
    """The stream without the optional fields that joined its schema after `OTHER` was written."""
    avro = copy.deepcopy(STREAMS[stream].avro)

    def kept(fields: list[Json], prefix: str = "") -> list[Json]:
        for field in fields:
            if isinstance(field["type"], dict):
                inner = field["type"]["items"]
                inner["fields"] = kept(inner["fields"], f"{field['name']}[].")
        return [f for f in fields if "default" not in f or f"{prefix}{f['name']}" in OTHER[stream]]

    avro["fields"] = kept(avro["fields"])
    return dataclasses.replace(STREAMS[stream], avro=avro)


def another(field: Json) -> Any:
    """A value that the field's contract allows, and that no body here has."""
    contract = field["contract"]
    values = {
        "id": "other-1",
        "uuid": "0f0c9e9a-58f4-4d5e-9b57-0a2b6c1d7e8f",
        "time": "2026-01-02T03:04:05Z",
        "amount": "7.77",
        "symbol": (contract.get("symbols") or [None])[-1],
        "integer": contract.get("minimum"),
    }
    return values[contract["format"]]


def varied(stream: str) -> Iterator[tuple[str, Json]]:
    """The stream's body with another value of one field, for each."""
    for path, field in told(stream).items():
        value = OTHER[stream].get(path, another(field))
        body = copy.deepcopy(BODIES[stream])
        place: Any = body["lines"][0] if path.startswith("lines[].") else body
        place[path.removeprefix("lines[].")] = value
        yield path, body


def heard(stream: str, body: Json) -> Event:
    return event_of(stream, unwrap(json.dumps(wrap(stream, body)).encode()), currency="USD")


@pytest.mark.parametrize("stream", TAKEN)
def test_every_field_of_the_schema_is_varied(stream: str) -> None:
    """Those of the first schema by the values above; what joined later is optional."""
    later = told(stream).keys() - OTHER[stream].keys()
    assert OTHER[stream].keys() <= told(stream).keys()
    assert [path for path in later if "default" not in told(stream)[path]] == []
    assert {path for path, body in varied(stream) if body != BODIES[stream]} == told(stream).keys()


@pytest.mark.parametrize("stream", TAKEN)
def test_a_change_of_any_field_is_another_event_to_live_inventory(stream: str) -> None:
    said = heard(stream, BODIES[stream]).body_sha256
    assert heard(stream, copy.deepcopy(BODIES[stream])).body_sha256 == said
    assert [path for path, body in varied(stream) if heard(stream, body).body_sha256 == said] == []


@pytest.mark.parametrize("stream", LOADED)
def test_bigquery_hashes_every_field_once_and_no_other(stream: str) -> None:
    """That each of them makes a difference there, `test_both_stores_tell_the_same_conflicts` shows."""
    items = STREAMS[stream].items
    lines = None if items is None else items["name"]
    text = re.sub(r"IF\(\w\.\w+ IS NULL", "IF(", re.sub(r"ORDER BY l\.\w+", "", identity.body_hash(stream)))
    hashed = re.findall(r"\b([rl])\.(\w+)", text)
    names = [f"{lines}[].{name}" if row == "l" else name for row, name in hashed if (row, name) != ("r", lines)]
    assert sorted(names) == sorted(dict(paths(STREAMS[stream].avro["fields"])).keys() - {"event_id"})


@pytest.mark.parametrize("stream", KEPT)
def test_the_hashes_that_stacks_keep_stay_what_they_are(stream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed form makes conflicts of all repetitions: what is loaded is known by the hash that it was loaded with."""
    monkeypatch.setitem(STREAMS, stream, first_form(stream))
    assert re.sub(r"\s+", "", identity.body_hash(stream)) == re.sub(r"\s+", "", KEPT[stream])


def test_a_field_that_is_absent_was_never_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """An optional field that joins the schema later leaves the hash of every event without it as it was."""
    sales = first_form("sales")
    monkeypatch.setitem(STREAMS, "sales", sales)
    avro = copy.deepcopy(sales.avro)
    voided = {"name": "void_of", "type": ["null", "string"], "default": None, "contract": {"format": "id"}}
    tax = {"name": "tax", "type": ["null", "string"], "default": None, "contract": {"format": "amount"}}
    avro["fields"].append(voided)
    next(field for field in avro["fields"] if field["name"] == "lines")["type"]["items"]["fields"].append(tax)
    before = identity.body_hash("sales")
    monkeypatch.setitem(STREAMS, "sales", dataclasses.replace(sales, avro=avro))
    after = identity.body_hash("sales")
    line = "IF(l.tax IS NULL, '', CONCAT('|tax=', CAST(CAST(LEAST(GREATEST(l.tax, -1), 1000000000000) * 10000 AS INT64) AS STRING)))"
    said = "IF(r.void_of IS NULL, '', CONCAT('|void_of=', r.void_of))"
    inner = before.removeprefix("FARM_FINGERPRINT(").removesuffix(")")
    assert after == f"FARM_FINGERPRINT(CONCAT({inner}, {said}))".replace(") FROM UNNEST", f", {line}) FROM UNNEST")

"""Bad input over the wire: refused naming index and field, never a 5xx, never a lost neighbour."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.checkout import Checkout


def sale(**changes: Any) -> dict[str, Any]:
    line = {"line_number": 1, "sku": "BAD-1", "quantity": 1, "unit_price": "10.00", "discount": "0.00"}
    return {
        "event_id": str(uuid.uuid4()),
        "transaction_id": f"bad-{uuid.uuid4()}",
        "event_time": "2026-01-02T03:04:05Z",
        "location_id": "S01",
        "channel": "store",
        "currency": "USD",
        "lines": [line],
        **changes,
    }


def with_line(**changes: Any) -> dict[str, Any]:
    event = sale()
    event["lines"][0].update(changes)
    return event


BAD: dict[str, tuple[Any, str]] = {
    "quantity 0": (with_line(quantity=0), "lines[0].quantity"),
    "quantity as text": (with_line(quantity="1"), "lines[0].quantity"),
    "quantity true": (with_line(quantity=True), "lines[0].quantity"),
    "quantity too large": (with_line(quantity=1_000_001), "lines[0].quantity"),
    "price as number": (with_line(unit_price=10.0), "lines[0].unit_price"),
    "price negative": (with_line(unit_price="-1"), "lines[0].unit_price"),
    "price with 5 decimals": (with_line(unit_price="1.00001"), "lines[0].unit_price"),
    "price with 13 digits": (with_line(unit_price="1234567890123"), "lines[0].unit_price"),
    "price NaN": (with_line(unit_price="NaN"), "lines[0].unit_price"),
    "discount above the line": (with_line(discount="10.01"), "lines[0].discount"),
    "sku NUL": (with_line(sku="A\0B"), "lines[0].sku"),
    "sku too long": (with_line(sku="x" * 129), "lines[0].sku"),
    "sku empty": (with_line(sku=""), "lines[0].sku"),
    "unknown field in a line": (with_line(colour="red"), "lines[0].colour"),
    "unknown field": (sale(till="7"), "till"),
    "another currency": (sale(currency="EUR"), "currency"),
    "1970": (sale(event_time="1970-01-01T00:00:00Z"), "event_time"),
    "2999": (sale(event_time="2999-01-01T00:00:00Z"), "event_time"),
    "no Z": (sale(event_time="2026-01-02T03:04:05+00:00"), "event_time"),
    "7 fraction digits": (sale(event_time="2026-01-02T03:04:05.1234567Z"), "event_time"),
    "31 February": (sale(event_time="2026-02-31T00:00:00Z"), "event_time"),
    "upper-case UUID": (sale(event_id=str(uuid.uuid4()).upper()), "event_id"),
    "channel": (sale(channel="phone"), "channel"),
    "no lines": (sale(lines=[]), "lines"),
    "1,001 lines": (sale(lines=[{**sale()["lines"][0], "line_number": n} for n in range(1001)]), "lines"),
    "line number twice": (sale(lines=sale()["lines"] * 2), "lines[1].line_number"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_event_is_named_and_its_neighbours_are_kept(case: str, stack: Checkout) -> None:
    event, field = BAD[case]
    with stack.http("pos_api") as client:
        alone = client.post("/v1/transactions", json=event)
        assert (alone.status_code, alone.json()["accepted"]) == (400, 0), alone.text
        among = client.post("/v1/transactions", json=[sale(), event, sale()])
    assert among.status_code == 202, among.text
    body = among.json()
    assert body["accepted"] == 2
    assert {(r["index"], r["field"]) for r in body["rejected"]} == {(1, field)}
    assert all(r["error"] for r in body["rejected"])


def test_neighbours_of_bad_events_reach_the_shelf(stack: Checkout, eventually: Callable[..., None]) -> None:
    sku = f"N-{uuid.uuid4()}"
    good = with_line(sku=sku)
    with stack.http("pos_api") as client:
        assert client.post("/v1/transactions", json=[with_line(quantity=0), good, sale(lines=[])]).status_code == 202
    with stack.http() as api:
        eventually(lambda: api.get(f"/v1/inventory/S01/{sku}").status_code == 200, "the good neighbour counts", 30)
        assert api.get(f"/v1/inventory/S01/{sku}").json()["on_hand"] == -1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"{", 400, id="an object that does not end"),
        pytest.param(b"", 400, id="nothing"),
        pytest.param(b"null", 400, id="null"),
        pytest.param(b'"text"', 400, id="a string"),
        pytest.param(b"[]", 400, id="no events"),
        pytest.param(b"[1, null, []]", 400, id="no objects"),
        pytest.param(b'{"event_id": \xff}', 400, id="not UTF-8"),
        pytest.param(b"[" * 100_000, 400, id="nested without end"),
        pytest.param(json.dumps([0] * 100_000).encode(), 413, id="too many events"),
        pytest.param(b'"' + b"x" * 10_000_000 + b'"', 413, id="too long"),
        pytest.param(json.dumps(with_line(sku="\U0001f457 dress \0")).encode(), 400, id="emoji and NUL"),
        pytest.param(json.dumps(sale(location_id="\ud800")).encode(), 400, id="half a surrogate pair"),
    ],
)
def test_a_bad_body_is_refused(body: bytes, status: int, stack: Checkout) -> None:
    with stack.http("pos_api") as client:
        response = client.post("/v1/transactions", content=body, headers={"content-type": "application/json"})
    assert response.status_code == status, response.text[:300]


@pytest.mark.parametrize("path", ["/v1/transactions", "/v1/inventory-changes"])
@pytest.mark.parametrize(("token", "status"), [("", 401), ("wrong", 401)])
def test_no_or_wrong_credential_at_the_pos_api(path: str, token: str, status: int, stack: Checkout) -> None:
    with stack.http("pos_api", token=token) as client:
        assert client.post(path, json=sale()).status_code == status


def test_a_till_speaks_for_its_own_location_only(stack: Checkout, eventually: Callable[..., None]) -> None:
    token = stack.fastyle("credentials", "issue", "till-S07", "--location", "S07").stdout.strip().splitlines()[-1]
    with stack.http("pos_api", token=token) as client:
        eventually(
            lambda: client.post("/v1/transactions", json=sale(location_id="S07")).status_code == 202, "known", 90
        )
        assert client.post("/v1/transactions", json=sale(location_id="S01")).status_code == 403


def test_no_or_wrong_credential_at_the_api(stack: Checkout) -> None:
    for token in ("", "wrong"):
        with stack.http("api", token=token) as client:
            assert client.get("/v1/inventory").status_code in (401, 403)
            assert client.get("/health").status_code == 200


def test_a_missing_grant_refuses_the_delivery_and_status_names_it(
    stack: Checkout, eventually: Callable[..., None]
) -> None:
    import sqlite3

    path = stack.root / ".localcloud" / "iam.sqlite"
    with sqlite3.connect(path) as iam:
        rows = iam.execute(
            "SELECT resource, role, member FROM grants WHERE role = 'roles/run.invoker' AND resource LIKE '%/services/inventory-sync'"
        ).fetchall()
        assert rows, "the push account may invoke inventory-sync"
        iam.execute("DELETE FROM grants WHERE role = 'roles/run.invoker' AND resource LIKE '%/services/inventory-sync'")
    sku = f"G-{uuid.uuid4()}"
    try:
        with stack.http("pos_api") as client:
            assert client.post("/v1/transactions", json=with_line(sku=sku)).status_code == 202

        def named() -> bool:
            result = stack.fastyle("status", check=False)
            return result.returncode == 1 and "roles/run.invoker" in result.stdout and rows[0][2] in result.stdout

        eventually(named, "status names the missing grant", 60)
        with stack.http() as api:
            assert api.get(f"/v1/inventory/S01/{sku}").status_code == 404
    finally:
        with sqlite3.connect(path) as iam:
            iam.executemany("INSERT OR IGNORE INTO grants VALUES (?, ?, ?)", rows)
    with stack.http() as api:
        eventually(lambda: api.get(f"/v1/inventory/S01/{sku}").status_code == 200, "the delivery is made up for", 120)

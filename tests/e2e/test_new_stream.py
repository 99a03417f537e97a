"""A third stream and one more mart by `fastyle new` alone, and another retailer by configuration alone: the copy `grown`."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import fastavro
import httpx
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage  # type: ignore[attr-defined]  # no stubs

from tests.e2e.conftest import MART, TOPIC
from tests.support.checkout import Checkout
from tests.support.events import sale


def lake_ids(stack: Checkout) -> set[str]:
    endpoints = stack.endpoints
    client = storage.Client(
        project=endpoints["project"],
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": endpoints["storage"]},
    )
    return {
        record["attributes"]["event_id"]
        for blob in client.list_blobs(endpoints["bucket"], prefix=f"{TOPIC}/")
        for record in fastavro.reader(io.BytesIO(blob.download_as_bytes()))
        if isinstance(record, dict)
    }


def test_an_event_of_the_new_stream_is_in_warehouse_live_view_and_lake(
    grown: Checkout, eventually: Callable[..., None]
) -> None:
    assert set(grown.endpoints["topics"]) == {"sales", "inventory", "price_changes"}
    event = {"event_id": str(uuid.uuid4()), "event_time": "2026-03-01T12:30:00Z", "location_id": "S01"}
    with grown.http("pos_api") as till:
        answer = till.post(f"/v1/{TOPIC}", json=event)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": []})

    def ids(table: str, condition: str) -> list[str]:
        query = f"SELECT event_id FROM {table} WHERE {condition}"
        return [row["event_id"] for row in grown.warehouse().query_and_wait(query)]

    arrived = ("raw.price_changes", "publish_time >= TIMESTAMP('2000-01-01')")
    eventually(lambda: event["event_id"] in ids(*arrived), "the event in the raw table")
    # Its history with what no run has loaded: the same query loads it with the next run.
    assert event["event_id"] in ids("staging.live_price_changes", "business_date = '2026-03-01'")
    httpx.post(f"{grown.endpoints['pubsub_control']}/flush", timeout=60, trust_env=False).raise_for_status()
    assert event["event_id"] in lake_ids(grown)
    with grown.http() as api:  # the run of `make up` checked the raw table's quality
        named = [check["check_name"] for check in api.get("/v1/quality").raise_for_status().json()["items"]]
    assert {"price_changes.freshness", "price_changes.unique", "price_changes.location_known"} <= set(named)


def test_the_new_mart_is_in_warehouse_and_api(grown: Checkout) -> None:
    def sums(view: str, *more: str) -> dict[tuple[str, str], Any]:
        columns = ", ".join(("SUM(net_sales) AS net_sales", *more))
        query = f"SELECT business_date, location_id, {columns} FROM marts.{view} WHERE business_date >= '2000-01-01' GROUP BY 1, 2"
        rows = [dict(row) for row in grown.warehouse().query_and_wait(query)]
        return {(str(row.pop("business_date")), row.pop("location_id")): row for row in rows}

    published = sums(MART, "SUM(transactions) AS transactions")
    assert len(published) > 1
    assert {key: row["net_sales"] for key, row in published.items()} == {
        key: row["net_sales"] for key, row in sums("gmv_daily").items()
    }
    assert sums(f"{MART}_live", "SUM(transactions) AS transactions") == published, "nothing arrived since the run"
    dates: dict[str, Any] = {"from": min(published)[0], "to": max(published)[0], "page_size": 1000}
    with grown.http() as api:
        page = api.get(f"/v1/marts/{MART}", params=dates).raise_for_status().json()
        named = [check["check_name"] for check in api.get("/v1/quality").raise_for_status().json()["items"]]
        assert f"/v1/marts/{MART}" in api.get("/openapi.json").json()["paths"]
    assert page["as_of"]
    assert {
        (row["business_date"], row["location_id"]): (Decimal(row["net_sales"]), row["transactions"])
        for row in page["items"]
    } == {key: (row["net_sales"], row["transactions"]) for key, row in published.items()}
    assert {f"{MART}.unique", f"{MART}.complete"} <= set(named)


def test_the_first_day_is_another_retailer_s(grown: Checkout) -> None:
    """`make up` compared the counts of every store; here: whose trade it was, and by which clock."""
    berlin = ZoneInfo("Europe/Berlin")
    with grown.http() as api:
        context = api.get("/v1/context").raise_for_status().json()
        assert api.get("/openapi.json").json()["info"]["title"] == "Nordhaus"
        page = api.get("/").text
        rows = api.get("/v1/reports/gmv", params={"grain": "day", "by": "location_id"}).raise_for_status().json()
    assert "<title>Nordhaus</title>" in page
    assert {key: context[key] for key in ("brand", "locale", "currency", "timezone")} == {
        "brand": "Nordhaus",
        "locale": "de-DE",
        "currency": "EUR",
        "timezone": "Europe/Berlin",
    }
    assert context["today"] == str(datetime.now(berlin).date())
    names = {location["name"] for location in context["locations"]}
    assert {"Zentrallager Leipzig", "Berlin Kurfürstendamm", "Wien Mariahilfer Straße"} <= names
    assert {row["location_id"] for row in rows["items"]} <= {
        location["location_id"] for location in context["locations"]
    }
    dates = "SELECT DISTINCT DATE(event_time, 'Europe/Berlin') AS date FROM raw.sales_transactions WHERE publish_time >= TIMESTAMP('2000-01-01') AND location_id != 'fastyle-verify'"
    marts = "SELECT DISTINCT business_date AS date FROM marts.gmv_daily WHERE business_date >= '2000-01-01'"
    traded, published = ({row["date"] for row in grown.warehouse().query_and_wait(query)} for query in (dates, marts))
    assert published == traded
    assert datetime.now(berlin).date() - timedelta(days=1) in published


def test_a_sale_in_dollars_is_refused(grown: Checkout) -> None:
    with grown.http("pos_api") as till:
        described = till.get("/openapi.json").json()
        answer = till.post("/v1/transactions", json=sale(event_id=str(uuid.uuid4()), currency="USD"))
    assert described["info"]["title"] == "Nordhaus POS API"
    assert answer.status_code == 400
    assert [fault["field"] for fault in answer.json()["rejected"]] == ["currency"]

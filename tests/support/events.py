"""Valid events of the contract for tests, and their variations."""

from __future__ import annotations

from typing import Any

from workloads.events import STREAMS


def _whole(stream: str, event: dict[str, Any]) -> dict[str, Any]:
    """The event with null for each optional field of the schema that it does not give, as validation completes it."""
    return {field["name"]: None for field in STREAMS[stream].avro["fields"] if "default" in field} | event


def _whole_line(given: dict[str, Any]) -> dict[str, Any]:
    [lines] = (field for field in STREAMS["sales"].avro["fields"] if field["name"] == "lines")
    return {field["name"]: None for field in lines["type"]["items"]["fields"] if "default" in field} | given


def sale(**changes: Any) -> dict[str, Any]:
    """Return a sale with a sold and a returned line; `changes` replaces or adds fields."""
    event: dict[str, Any] = {
        "event_id": "3f0c9e9a-58f4-4d5e-9b57-0a2b6c1d7e8f",
        "transaction_id": "S01-1",
        "event_time": "2026-03-01T11:59:59.123456Z",
        "location_id": "S01",
        "channel": "store",
        "customer_id": "C1",
        "currency": "USD",
        "lines": [
            _whole_line({"line_number": 1, "sku": "A", "quantity": 2, "unit_price": "10.00", "discount": "20"}),
            _whole_line({"line_number": 2, "sku": "A", "quantity": -1, "unit_price": "0.0001", "discount": "0"}),
        ],
    }
    return _whole("sales", event) | changes


def change(**changes: Any) -> dict[str, Any]:
    """Return a receipt of stock; `changes` replaces or adds fields."""
    event = {
        "event_id": "3f0c9e9a-58f4-4d5e-9b57-0a2b6c1d7e8f",
        "event_time": "2026-03-01T11:59:59Z",
        "location_id": "W01",
        "sku": "A",
        "kind": "receipt",
        "quantity": 5,
        "reference": "DN-1",
    }
    return _whole("inventory", event) | changes


def line(**changes: Any) -> dict[str, Any]:
    """Return a sale whose only line has the changes."""
    return sale(lines=[sale()["lines"][0] | changes])

"""Valid events of the contract for tests, and their variations."""

from __future__ import annotations

from typing import Any


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
            {"line_number": 1, "sku": "A", "quantity": 2, "unit_price": "10.00", "discount": "20"},
            {"line_number": 2, "sku": "A", "quantity": -1, "unit_price": "0.0001", "discount": "0"},
        ],
    }
    return event | changes


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
    return event | changes


def line(**changes: Any) -> dict[str, Any]:
    """Return a sale whose only line has the changes."""
    return sale(lines=[sale()["lines"][0] | changes])

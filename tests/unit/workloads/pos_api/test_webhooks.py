"""A shop system's webhook: one function, from what the system sends to events; the rest is as for a till."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from tests.support.pos_api import credentials
from workloads.pos_api import webhooks
from workloads.pos_api.service import PosApi
from workloads.runtime.credentials import CredentialStore

ORDER = {
    "order": "1001",
    "paid_at": "2026-03-01T12:30:00Z",
    "articles": [{"article": "TOP-1", "pieces": 2, "price": "10.00"}, {"article": "BAG", "pieces": 1, "price": "5"}],
}


def orders(body: Any) -> Iterator[webhooks.Event]:
    """The sale of an order, and none of a request that only asks whether anybody is there."""
    if body == {"ping": True}:
        return
    lines = [
        {"line_number": n, "sku": a["article"], "quantity": a["pieces"], "unit_price": a["price"], "discount": "0"}
        for n, a in enumerate(body["articles"], 1)
    ]
    yield (
        "sales",
        {
            "event_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"shop/{body['order']}")),
            "transaction_id": f"shop-{body['order']}",
            "event_time": body["paid_at"],
            "location_id": "W01",
            "channel": "online",
            "currency": body.get("currency", "USD"),
            "lines": lines,
        },
    )


class Kept:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    def publish(self, events: list[tuple[str, Any]]) -> None:
        self.events += events


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def shop(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """The POS API with the one function more."""
    monkeypatch.setitem(webhooks.WEBHOOKS, "shop", orders)
    file = tmp_path / "credentials.json"
    file.write_text(credentials(shop=["W01"], till=["S01"]), encoding="utf-8")
    service = PosApi(brand="Fastyle", currency="USD", credentials=CredentialStore(file), publisher=kept)  # type: ignore[arg-type]
    app = Flask(__name__)
    methods = ["GET", "POST"]
    handle = lambda path: service(request._get_current_object())  # type: ignore[attr-defined]  # noqa: E731
    app.add_url_rule("/<path:path>", "handle", handle, methods=methods)
    return app.test_client()


def send(shop: FlaskClient, body: Any, token: str = "shop", name: str = "shop") -> tuple[int, Any]:
    answer = shop.post(f"/v1/webhooks/{name}", json=body, headers={"Authorization": f"Bearer {token}"})
    return answer.status_code, answer.json


def test_what_a_shop_sends_is_a_sale_however_often(shop: FlaskClient, kept: Kept) -> None:
    for _ in range(2):
        assert send(shop, ORDER) == (202, {"accepted": 1, "rejected": []})
    [(stream, event), (_, again)] = kept.events
    assert (stream, event["transaction_id"], event["customer_id"], len(event["lines"])) == (
        "sales",
        "shop-1001",
        None,
        2,
    )
    assert again == event, "one event_id: it counts once"
    assert send(shop, {"ping": True}) == (202, {"accepted": 0, "rejected": []})


def test_it_is_checked_as_a_till_is(shop: FlaskClient, kept: Kept) -> None:
    status, body = send(shop, {**ORDER, "currency": "EUR"})
    assert (status, body["rejected"][0]["field"]) == (400, "currency")
    assert send(shop, ORDER, token="till")[0] == 403, "another location's credential"
    assert send(shop, ORDER, token="nobody")[0] == 401
    unreadable: list[Any] = [{"order": "1002"}, [], None, {**ORDER, "articles": 7}]
    for wrong in unreadable:
        status, body = send(shop, wrong)
        assert (status, body["rejected"][0]["field"]) == (400, "body"), wrong
        assert "is not what shop sends" in body["rejected"][0]["error"]
    assert kept.events == []


def test_its_path_is_described_and_no_other_answers(shop: FlaskClient) -> None:
    assert "/v1/webhooks/shop" in shop.get("/openapi.json").json["paths"]  # type: ignore[index]
    assert send(shop, ORDER, name="other")[0] == 404

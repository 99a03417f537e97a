"""A third stream by `fastyle new stream` alone, in the cloud of a fresh copy: an event that the POS API accepted is in the
raw table and in the lake."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable, Iterator

import fastavro
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage  # type: ignore[attr-defined]  # no stubs

from tests.conftest import processes_of
from tests.support.checkout import Checkout

TOPIC = "price-changes"


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A copy of the checkout with a third stream, brought up once."""
    copy = Checkout.copy_to(tmp_path_factory.mktemp("grown"))
    copy.make("setup")
    copy.fastyle("new", "stream", TOPIC)
    copy.make("up")
    yield copy
    copy.make("down", check=False)
    assert processes_of(copy) == []


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


def test_an_event_of_the_new_stream_is_in_warehouse_and_lake(grown: Checkout, eventually: Callable[..., None]) -> None:
    assert set(grown.endpoints["topics"]) == {"sales", "inventory", "price_changes"}
    event = {"event_id": str(uuid.uuid4()), "event_time": "2026-03-01T12:30:00Z", "location_id": "S01"}
    with grown.http("pos_api") as till:
        answer = till.post(f"/v1/{TOPIC}", json=event)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "rejected": []})

    def rows() -> list[str]:
        query = "SELECT event_id FROM raw.price_changes WHERE publish_time >= TIMESTAMP('2000-01-01')"
        return [row["event_id"] for row in grown.warehouse().query_and_wait(query)]

    eventually(lambda: event["event_id"] in rows(), "the event in the raw table")
    grown.fastyle("pipeline", "run")  # it flushes the exports first, and checks the raw table's quality
    assert event["event_id"] in lake_ids(grown)
    with grown.http() as api:
        named = [check["check_name"] for check in api.get("/v1/quality").raise_for_status().json()["items"]]
    assert "price_changes.freshness" in named

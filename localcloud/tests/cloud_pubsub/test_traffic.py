"""Bytes of messages as Pub/Sub bills them."""

from __future__ import annotations

from fastyle_localcloud.pubsub.messages import PubsubMessage
from fastyle_localcloud.pubsub.traffic import Traffic, billed_size


def test_a_message_is_billed_with_attributes_key_id_and_time() -> None:
    """5 of data, 3 + 4 of an attribute in UTF-8, 2 of the key, 16 of the id, 20 of the time: 50."""
    assert billed_size(PubsubMessage(data=b"12345", attributes={"a-b": "cdé"}, ordering_key="S1")) == 50
    assert billed_size(PubsubMessage()) == 36


def test_a_request_is_billed_for_a_thousand_bytes_at_least_and_an_export_for_what_it_is() -> None:
    small, large = PubsubMessage(data=b"x" * 64), PubsubMessage(data=b"x" * 1964)
    published, exported = Traffic(), Traffic()
    published.count([small])
    published.count([small, large])
    exported.count([small, small], minimum=0)
    assert published.as_json() == {"messages": 3, "requests": 2, "bytes": 2200, "billed_bytes": 1000 + 2100}
    assert exported.as_json() == {"messages": 2, "requests": 1, "bytes": 200, "billed_bytes": 200}

"""Nothing is answered before the commit that holds it: a kill between the two would lose what was promised."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from fastyle_localcloud.pubsub import journal, messages
from fastyle_localcloud.pubsub.broker import Broker
from fastyle_localcloud.pubsub.publisher_api import PublisherApi
from fastyle_localcloud.pubsub.subscriber_api import SubscriberApi
from google.pubsub_v1 import types

from cloud_pubsub.broker import CHANGES, SUBSCRIPTION, TOPIC, Change, opened_broker


async def _publish(broker: Broker) -> None:
    sent = types.PublishRequest.pb()(topic=TOPIC, messages=[messages.PubsubMessage(data=b"two")])
    await PublisherApi(broker, None).publish(sent)


async def _acknowledge(broker: Broker) -> None:
    backlog = broker.subscriptions[SUBSCRIPTION]
    ack_ids = [backlog.ack_id(delivery) for delivery in backlog.take(1, 1_000, 10)]
    settled = types.AcknowledgeRequest.pb()(subscription=SUBSCRIPTION, ack_ids=ack_ids)
    await SubscriberApi(broker, None).acknowledge(settled)


ANSWERED: dict[str, Change] = {**CHANGES, "a message": _publish, "an acknowledgement": _acknowledge}


@pytest.mark.parametrize("name", ANSWERED)
async def test_nothing_is_answered_before_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The commit is held: what does not wait for it has answered by the time that it begins."""
    begun, go_on = threading.Event(), threading.Event()
    commit = journal.Journal._commit

    def held(self: journal.Journal, batches: Iterable[Any]) -> None:
        begun.set()
        assert go_on.wait(30)
        commit(self, batches)

    async with opened_broker(tmp_path) as broker:
        monkeypatch.setattr(journal.Journal, "_commit", held)
        answer: asyncio.Task[Any] = asyncio.create_task(ANSWERED[name](broker))
        try:
            assert await asyncio.to_thread(begun.wait, 30), "nothing is stored"
            answered_early = answer.done()
        finally:
            go_on.set()
        await answer
    assert not answered_early

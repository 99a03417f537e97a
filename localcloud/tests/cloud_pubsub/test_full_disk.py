"""The broker when its store cannot write: what is not stored did not happen, and nothing is given up."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastyle_localcloud.pubsub import server
from fastyle_localcloud.pubsub.broker import Broker
from fastyle_localcloud.pubsub.deliverers import Deliverers

from cloud_pubsub.broker import CHANGES, HOLD, PROJECT, SUBSCRIPTION, opened_broker


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    async with opened_broker(tmp_path) as opened:
        yield opened


@contextmanager
def no_room(broker: Broker) -> Iterator[None]:
    """SQLite refuses every change, as on a full disk."""
    broker.journal._writer.execute("PRAGMA query_only = ON")
    try:
        yield
    finally:
        broker.journal._writer.execute("PRAGMA query_only = OFF")


def _state(broker: Broker) -> Any:
    return (
        {name: topic.config.SerializeToString(deterministic=True) for name, topic in broker.topics.items()},
        {name: [backlog.config.name for backlog in topic.backlogs] for name, topic in broker.topics.items()},
        {
            name: (backlog.config.SerializeToString(deterministic=True), backlog.count(), backlog.watermark)
            for name, backlog in broker.subscriptions.items()
        },
        {schema.name: [revision.id for revision in schema.revisions] for schema in broker.schemas.list(PROJECT)},
    )


@pytest.mark.parametrize("name", CHANGES)
async def test_a_change_that_is_not_stored_is_undone_and_can_be_made_later(broker: Broker, name: str) -> None:
    """It was kept in memory: `pulumi up` again was told that the topic exists, and a restart had lost it."""
    before = _state(broker)
    with no_room(broker), pytest.raises(sqlite3.OperationalError):
        await CHANGES[name](broker)
    assert _state(broker) == before
    await CHANGES[name](broker)
    assert _state(broker) != before


async def test_a_dead_letter_that_is_not_stored_leaves_its_message_in_the_backlog(broker: Broker) -> None:
    """The message was settled whether the letter was stored or not: the next acknowledgement made its loss durable."""
    backlog, hold = broker.subscriptions[SUBSCRIPTION], broker.subscriptions[HOLD]
    [delivery] = backlog.take(1, 1_000, 0.01)
    with no_room(broker):
        backlog.refuse(delivery, "no good", permanent=True)
        with pytest.raises(sqlite3.OperationalError):
            await broker.journal.execute()  # commits are answered in order: the letter's was refused before this one
        assert (backlog.count(), hold.count()) == (1, 0)
    [again] = backlog.take(1, 1_000, 10)
    assert again.message().data == b"one"
    backlog.refuse(again, "no good", permanent=True)
    await broker.journal.execute()
    assert (backlog.count(), hold.count()) == (0, 1)


async def test_old_messages_are_pruned_again_once_there_is_room(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "_PRUNE_SECONDS", 0.01)
    deliverers = Deliverers(broker, key_path=None, issuer="", storage_url="", bigquery_url="")
    serving = server.Server(broker, deliverers, 0, 0)
    backlog = broker.subscriptions[SUBSCRIPTION]
    done = backlog.settle(backlog.take(1, 1_000, 10))
    assert done is not None
    await done
    with no_room(broker):
        pruner = asyncio.create_task(serving._prune_for_ever())
        async with asyncio.timeout(30):
            while caplog.text.count("old messages are kept for now") < 2:
                await asyncio.sleep(0.01)
        assert not pruner.done()
    async with asyncio.timeout(30):
        while broker.journal.query("SELECT count(*) FROM messages") != [(0,)]:
            await asyncio.sleep(0.01)
    pruner.cancel()


async def test_a_delivery_that_cannot_read_the_store_begins_again(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliverers = Deliverers(broker, key_path=None, issuer="", storage_url="", bigquery_url="")
    monkeypatch.setattr("fastyle_localcloud.pubsub.deliverers._AGAIN_SECONDS", 0.01)
    runs = 0

    class Deliverer:
        async def run(self) -> None:
            nonlocal runs
            runs += 1
            if runs < 3:
                raise sqlite3.OperationalError("disk I/O error")

    await deliverers._run("name", Deliverer(), None)  # type: ignore[arg-type]
    assert runs == 3

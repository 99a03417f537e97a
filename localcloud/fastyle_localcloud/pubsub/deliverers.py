"""Runs what delivers by itself: a task for each push and export subscription, replaced when its settings change."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import aiohttp

from fastyle_localcloud.pubsub.backlog import Backlog
from fastyle_localcloud.pubsub.broker import Broker
from fastyle_localcloud.pubsub.export import Exporter
from fastyle_localcloud.pubsub.push import Pusher, Tokens
from fastyle_localcloud.pubsub.to_bigquery import BigQueryExporter
from fastyle_localcloud.pubsub.to_storage import StorageExporter

log = logging.getLogger(__name__)

_AGAIN_SECONDS = 5.0


class Deliverers:
    """The deliverers of a broker's subscriptions, by name."""

    def __init__(
        self, broker: Broker, *, key_path: Path | None, issuer: str, storage_url: str, bigquery_url: str
    ) -> None:
        self._broker = broker
        self._tokens = Tokens(key_path, issuer)
        self._storage_url = storage_url
        self._bigquery_url = bigquery_url
        self._session: aiohttp.ClientSession | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._exporters: dict[str, Exporter] = {}

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30), trust_env=False
        )
        self._broker.on_change = self.refresh
        for name in list(self._broker.subscriptions):
            self.refresh(name)

    async def stop(self) -> None:
        self._broker.on_change = lambda name: None
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        if self._session:
            await self._session.close()

    def refresh(self, name: str) -> None:
        """A subscription began, changed or ended."""
        if former := self._tasks.pop(name, None):
            former.cancel()
        self._exporters.pop(name, None)
        backlog = self._broker.subscriptions.get(name)
        if backlog is None or backlog.config.detached or self._session is None:
            return
        deliverer = self._deliverer(backlog)
        if deliverer is None:
            return
        if isinstance(deliverer, Exporter):
            self._exporters[name] = deliverer
        self._tasks[name] = asyncio.create_task(self._run(name, deliverer, former), name=f"deliver-{name}")

    async def _run(self, name: str, deliverer: Pusher | Exporter, former: asyncio.Task[None] | None) -> None:
        if former:  # what it holds comes back before anything is taken again
            await asyncio.gather(former, return_exceptions=True)
        while True:
            try:
                await deliverer.run()
                return
            except Exception as error:  # the message store cannot be read, say
                log.error("delivery of %s begins again: %s: %s", name, type(error).__name__, error)
                await asyncio.sleep(_AGAIN_SECONDS)

    def _deliverer(self, backlog: Backlog) -> Pusher | Exporter | None:
        assert self._session is not None
        config, access = backlog.config, self._broker.access
        topic = self._broker.topics.get(config.topic)
        validator = topic.validator if topic else None
        if config.push_config.push_endpoint:
            return Pusher(backlog, self._session, access, self._tokens)
        if config.HasField("bigquery_config"):
            return BigQueryExporter(backlog, access, self._session, self._bigquery_url, validator)
        if config.HasField("cloud_storage_config"):
            return StorageExporter(backlog, access, self._session, self._storage_url, validator)
        return None

    async def flush(self, seconds: float = 60.0) -> dict[str, str]:
        """Have everything published so far exported; by subscription why it was not, empty when all is written.

        It gives up when nothing was written for so many `seconds`, however much there is to write.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        fewest: int | None = None
        targets = {
            name: self._broker.topics[exporter.backlog.config.topic].last_id
            for name, exporter in self._exporters.items()
            if exporter.backlog.config.topic in self._broker.topics
        }
        while targets:
            for name in list(targets):
                exporter = self._exporters.get(name)
                if exporter is None or not exporter.backlog.unsettled_up_to(targets[name]):
                    del targets[name]
                elif exporter.backlog.count() == 0:
                    del targets[name]  # only messages that a filter drops are left
                else:
                    exporter.hurry()
            waiting = sum(self._exporters[name].backlog.count() for name in targets)
            if fewest is None or waiting < fewest:
                deadline, fewest = loop.time() + seconds, waiting
            if not targets or loop.time() > deadline:
                break
            await asyncio.sleep(0.05)
        return {name: self._reason(name) for name in targets}

    def _reason(self, name: str) -> str:
        refusal = self._broker.subscriptions[name].last_refusal
        return refusal.reason if refusal else "still being written"

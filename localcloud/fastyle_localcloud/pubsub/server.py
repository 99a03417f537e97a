"""The process: Google's gRPC API on one port a caller, and a small control server over HTTP."""

from __future__ import annotations

import asyncio
import logging
import sqlite3

import grpc
from aiohttp import web

from fastyle_localcloud.callers import only_programs
from fastyle_localcloud.grpc_callers import guarded_server
from fastyle_localcloud.ports import HOST
from fastyle_localcloud.pubsub.broker import Broker
from fastyle_localcloud.pubsub.deliverers import Deliverers
from fastyle_localcloud.pubsub.publisher_api import PublisherApi
from fastyle_localcloud.pubsub.resources import seconds
from fastyle_localcloud.pubsub.rpc import handler
from fastyle_localcloud.pubsub.schema_api import SchemaApi
from fastyle_localcloud.pubsub.subscriber_api import SubscriberApi
from fastyle_localcloud.pubsub.topic import MAX_REQUEST_BYTES

log = logging.getLogger(__name__)

_PRUNE_SECONDS = 10.0
_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_REQUEST_BYTES + 2**20),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
]


class Server:
    """Serves one broker until `stop`."""

    def __init__(self, broker: Broker, deliverers: Deliverers, port: int, control_port: int) -> None:
        self._broker = broker
        self._deliverers = deliverers
        self._port = port
        self._control_port = control_port
        self._servers: dict[str, tuple[int, grpc.aio.Server]] = {}  # by e-mail; "" is the project's owner
        self._runner: web.AppRunner | None = None
        self._pruner: asyncio.Task[None] | None = None
        self._pruned: dict[int, int] = {}

    async def start(self) -> None:
        await self._listen("", self._port)
        for email, port in self._broker.journal.query("SELECT email, port FROM identities"):
            await self._listen(email, port)
        await self._deliverers.start()
        app = web.Application(middlewares=[only_programs])
        app.add_routes(
            [
                web.get("/health", self._health),
                web.get("/stats", self._stats),
                web.get("/traffic", self._traffic),
                web.post("/flush", self._flush),
                web.put("/identities/{email}", self._identity),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self._control_port).start()
        self._pruner = asyncio.create_task(self._prune_for_ever(), name="prune")

    async def stop(self) -> None:
        if self._pruner:
            self._pruner.cancel()
        if self._runner:
            await self._runner.cleanup()
        await self._deliverers.stop()
        await asyncio.gather(*(server.stop(0.5) for _, server in self._servers.values()))

    async def _listen(self, email: str, port: int) -> int:
        """Serve the API as `email` (empty: the owner) would see it; returns the port."""
        caller = f"serviceAccount:{email}" if email else None
        server = guarded_server(options=_OPTIONS)
        apis = (PublisherApi, SubscriberApi, SchemaApi)
        server.add_generic_rpc_handlers([handler(api(self._broker, caller)) for api in apis])
        try:
            bound = server.add_insecure_port(f"{HOST}:{port}")
        except RuntimeError:
            if not email:
                raise
            log.warning("port %d of %s is taken: another one", port, email)
            bound = server.add_insecure_port(f"{HOST}:0")
        await server.start()
        self._servers[email] = bound, server
        return bound

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"ready": True})

    async def _stats(self, request: web.Request) -> web.Response:
        stats = {
            name.rsplit("/", 1)[-1]: {
                "backlog": backlog.count(),
                "oldest_unacked_seconds": round(backlog.oldest_unacked_seconds(), 3),
                "delivered": backlog.acknowledged,
                "last_refusal": backlog.last_refusal.as_json() if backlog.last_refusal else None,
            }
            for name, backlog in self._broker.subscriptions.items()
        }
        return web.json_response(stats)

    async def _traffic(self, request: web.Request) -> web.Response:
        traffic = {
            kind: {name.rsplit("/", 1)[-1]: each.traffic.as_json() for name, each in counted.items()}
            for kind, counted in (("topics", self._broker.topics), ("subscriptions", self._broker.subscriptions))
        }
        return web.json_response(traffic)

    async def _flush(self, request: web.Request) -> web.Response:
        left = await self._deliverers.flush()
        return web.json_response({"left": left}, status=503 if left else 200)

    async def _identity(self, request: web.Request) -> web.Response:
        email = request.match_info["email"]
        if email not in self._servers:
            port = await self._listen(email, 0)
            statement = ("INSERT OR REPLACE INTO identities VALUES (?, ?)", (email, port))
            await self._broker.journal.execute(statement)
        return web.json_response({"port": self._servers[email][0]})

    async def _prune_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_PRUNE_SECONDS)
            try:
                await self.prune()
            except (OSError, sqlite3.Error) as error:  # a full disk, say: what is past its time goes once there is room
                log.warning("old messages are kept for now: %s", error)

    async def prune(self) -> None:
        """Let go of what is past its retention, and of what every subscription has settled and nobody may seek to."""
        pruned = False
        for topic in list(self._broker.topics.values()):
            keep = [topic.last_id]
            for backlog in topic.backlogs:
                backlog.expire(topic.last_older(seconds(backlog.config.message_retention_duration)))
                keep.append(backlog.watermark)
                if (seekable := self._broker.retained_after(topic, backlog)) is not None:
                    keep.append(seekable)
            if topic.retention:
                keep.append(topic.last_older(topic.retention))
            if (low := min(keep)) > self._pruned.get(topic.id, 0):
                await self._broker.journal.execute(
                    ("DELETE FROM messages WHERE topic = ? AND id <= ?", (topic.id, low)),
                    ("PRAGMA incremental_vacuum(2000)", ()),
                )
                self._pruned[topic.id] = low
                pruned = True
        if pruned:
            await self._broker.journal.give_memory_back()

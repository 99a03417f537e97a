"""The service: push requests in, stock out.

An answer of 204 acknowledges; anything else makes Pub/Sub deliver the message again, after a back-off.
| answer | when |
|---|---|
| 204 | recorded, recorded before, or published as a dead letter |
| 400, 408, 413 | not a push delivery |
| 401, 403 | without Pub/Sub's token for this service |
| 503 | not now: no schema yet, no database, no issuer's keys, no dead-letter topic |

**Migrations.** Between requests an instance has next to no CPU. So the schema is brought up to date while the instance
starts, when it has: `/health`, which the start-up probe asks, is 503 until that is done. It ends earlier when the database
cannot be reached (it may be asleep, and deliveries wait) or a migration takes longer than the probe would; then deliveries
wait with it for a while, which gives it CPU, and are refused. A migration that cannot work keeps a revision from starting:
the one before goes on serving. An instance that ends in the middle leaves whole migrations behind (`runtime.migrate`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from zoneinfo import ZoneInfo

import psycopg
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from workloads.inventory_sync.dead_letter import DeadLetters, NotPublished
from workloads.inventory_sync.delivery import Delivery, NotADelivery, Poison, event_of, unwrap
from workloads.inventory_sync.group_commit import GroupCommit, Unavailable, Unrecordable
from workloads.inventory_sync.ledger import Connection, Outcome
from workloads.inventory_sync.settings import TAKEN, Settings
from workloads.runtime.basis import OtherBasis, note
from workloads.runtime.bodies import BodyRefused, read_body
from workloads.runtime.database import connect, connect_async
from workloads.runtime.identity_token import IdentityTokenVerifier, KeysUnavailable, TokenRefused
from workloads.runtime.migrate import MigrationError, migrate
from workloads.runtime.server import AccessLog, TypeAsSaid

log = logging.getLogger(__name__)

_BODY_BYTES = 16 * 1024 * 1024  # a message of Pub/Sub's 10 MB in base64, and its envelope
_MIGRATION_RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0)
_START_SECONDS = 90.0  # for migrations while the instance starts; its probe gives up after 120
_UNREACHABLE_SECONDS = 20.0  # for the database: time for a new grant or a restart, not for a night
_DELIVERY_SECONDS = 10.0  # a delivery waits for the schema, well under its subscription's deadline


class InventorySync:
    """What the service holds while it runs."""

    def __init__(self, settings: Settings, dead_letters: DeadLetters) -> None:
        self._settings = settings
        self._dead_letters = dead_letters
        self._verifier = IdentityTokenVerifier(
            settings, audience=settings.push_audience, email=settings.push_service_account
        )
        self._commits = GroupCommit(self._connect, ZoneInfo(settings.timezone))
        self._not_ready: str | None = "the schema is being brought up to date"
        self._migrated = asyncio.Event()
        self._unreachable = self._faulty = False
        self._starts_until: float | None = float("inf")  # None: started, and stays so
        self._unreachable_until = float("inf")

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Migrate while requests are served already, for the database may come later than the service; drain at the
        end."""
        await self._commits.start()
        self._starts_until = time.monotonic() + _START_SECONDS
        self._unreachable_until = time.monotonic() + _UNREACHABLE_SECONDS
        migration = asyncio.create_task(self._migrate())
        try:
            yield
        finally:
            migration.cancel()
            await asyncio.gather(migration, return_exceptions=True)
            await self._commits.stop()
            await asyncio.to_thread(self._dead_letters.close)

    async def _connect(self) -> Connection:
        return await connect_async(self._settings)

    def _note_basis(self) -> None:
        """Units of another business day must not be added to those that are there.

        Raises:
            OtherBasis: the figures are in another currency or time zone; deliveries wait in Pub/Sub meanwhile.
        """
        with connect(self._settings) as connection:
            note(connection, self._settings)

    async def _migrate(self) -> None:
        attempt = 0
        while True:
            try:
                revision = await asyncio.to_thread(migrate, self._settings, self._settings.database_roles)
                await asyncio.to_thread(self._note_basis)
            except psycopg.OperationalError as error:
                self._not_ready = f"the database cannot be reached: {(str(error).splitlines() or ['?'])[0]}"
                self._unreachable, self._faulty = True, False
                log.warning(self._not_ready)
            except (MigrationError, OtherBasis) as error:
                self._not_ready = str(error)
                self._unreachable, self._faulty = False, True
                log.error(self._not_ready)
            except Exception:
                self._not_ready = "the migration failed in an unforeseen way, which was logged"
                self._unreachable, self._faulty = False, True
                log.exception(self._not_ready)
            else:
                log.info("schema at revision %s", revision)
                self._not_ready = None
                self._migrated.set()
                return
            await asyncio.sleep(_MIGRATION_RETRY_SECONDS[min(attempt, len(_MIGRATION_RETRY_SECONDS) - 1)])
            attempt += 1

    async def health(self, request: Request) -> Response:
        """The process runs, and its start is over."""
        if self._starting():
            return _refusal(503, f"starting: {self._not_ready}")
        self._starts_until = None
        return JSONResponse({"status": "ok"})

    def _starting(self) -> bool:
        """Whether the start goes on: for the migration to end, for the database to come, or, faulty, for ever."""
        if self._starts_until is None or self._not_ready is None:
            return False
        if self._faulty:
            return True
        until = min(self._starts_until, self._unreachable_until) if self._unreachable else self._starts_until
        return time.monotonic() < until

    async def _schema(self) -> None:
        """Wait a moment for the schema, where it is not there yet.

        Raises:
            Unavailable: it still is not; says why.
        """
        if self._not_ready is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._migrated.wait(), _DELIVERY_SECONDS)
        if self._not_ready is not None:
            raise Unavailable(self._not_ready)

    async def ready(self, request: Request) -> Response:
        """Deliveries can be recorded: the schema is there and the database answers."""
        fault = self._not_ready
        if fault is None:
            try:
                async with asyncio.timeout(5), await self._connect() as connection:
                    await connection.execute("SELECT 1")
            except (psycopg.Error, OSError, TimeoutError) as error:
                fault = f"the database cannot be reached: {(str(error).splitlines() or ['timed out'])[0]}"
        return _refusal(503, fault) if fault else JSONResponse({"status": "ready"})

    def push(self, stream: str) -> Callable[[Request], Awaitable[Response]]:
        """Return the handler of the stream's push subscription."""

        async def handle(request: Request) -> Response:
            try:
                await self._verifier.verify(request.headers.get("authorization"))
                await self._schema()
                delivery = unwrap(await read_body(request, _BODY_BYTES))
                await self._take(stream, delivery)
            except TokenRefused as error:
                log.warning("push refused: %s", error, extra={"stream": stream})
                return _refusal(error.status, str(error))
            except NotADelivery as error:
                return _refusal(400, str(error))
            except BodyRefused as error:
                return _refusal(error.status, str(error))
            except (Unavailable, KeysUnavailable, NotPublished) as error:
                log.warning("delivery postponed: %s", error, extra={"stream": stream})
                return _refusal(503, str(error))
            except ClientDisconnect:
                return _refusal(400, "the caller hung up")
            return Response(status_code=204)

        return handle

    async def _take(self, stream: str, delivery: Delivery) -> None:
        """Record the delivery's event, or publish it as a dead letter."""
        where = {"stream": stream, "message_id": delivery.message_id}
        try:
            event = event_of(stream, delivery, currency=self._settings.currency)
            where["event_id"] = str(event.event_id)
            outcome = await self._commits.record(event)
        except (Poison, Unrecordable) as error:
            await self._dead_letters.publish(stream, delivery, str(error))
            log.warning("dead letter: %s", error, extra=where)
        else:
            if outcome is Outcome.CONFLICT:
                log.warning("another body under a known event_id: kept in event_conflict, not counted", extra=where)


def _refusal(status: int, message: str) -> Response:
    return JSONResponse({"error": {"code": status, "message": message}}, status)


def create_app(settings: Settings, dead_letters: DeadLetters) -> Starlette:
    """Return the ASGI application, which closes `dead_letters` at its end."""
    service = InventorySync(settings, dead_letters)
    app = Starlette(
        routes=[
            *(Route(f"/push/{stream}", service.push(stream), methods=["POST"]) for stream in TAKEN),
            Route("/health", service.health),
            Route("/ready", service.ready),
        ],
        middleware=[Middleware(AccessLog, level=logging.DEBUG), Middleware(TypeAsSaid)],
        lifespan=service.lifespan,
    )
    app.router.redirect_slashes = False  # a redirect would name whatever host the request says
    return app

"""The API as an application: routers under `/v1`, the dashboard's files at `/`.

`/v1/*` is for callers that the platform or a token let in; `/health`, `/ready`, `/openapi.json` and the static
files hold no data and are open to whoever the platform lets through.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import psycopg_pool
from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from starlette.middleware.gzip import GZipMiddleware

from workloads.api import errors, pages
from workloads.api.changes import Changes
from workloads.api.dependencies import snapshot
from workloads.api.feed import Feed
from workloads.api.freshness import SharedFreshness
from workloads.api.interface import ApiAuth
from workloads.api.routes import ROUTERS
from workloads.api.settings import Settings
from workloads.marts.read_model import reports
from workloads.runtime import basis
from workloads.runtime.credentials import CredentialStore
from workloads.runtime.database import missing_tables, pool, schema_fault
from workloads.runtime.server import AccessLog, TypeAsSaid

log = logging.getLogger(__name__)

REVISION = "0007"  # the migration whose tables the routers read
STATIC = Path(__file__).parent / "static"
LIBRARIES = Path(__file__).parents[2] / "web"  # of the archive
# Cloud SQL's smallest tier takes 25 connections in all.
POOL_SIZE = 5
_DESCRIPTION = (
    "Live inventory and published reports, from Cloud SQL. Lists are pages: give `next_page_token` as `page_token`. Ratios are decimal "
    "strings of nine places. Send an answer's ETag as `If-None-Match` and be told with 304 that nothing changed."
)


def create_app(settings: Settings, static: Path = STATIC, libraries: Path = LIBRARIES) -> FastAPI:
    """Return the ASGI application, with the page in `static` at `/` and the `libraries` that it loads."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with app.state.pool:
            yield
            await app.state.feed.close()
            await app.state.changes.close()

    app = FastAPI(
        title=settings.brand,
        version="1",
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # A redirect would name whatever host the request says that it is for.
        redirect_slashes=False,
    )
    app.state.settings = settings
    app.state.pool = pool(settings, max_size=POOL_SIZE)
    app.state.changes = Changes(settings)
    app.state.freshness = SharedFreshness(partial(snapshot, app))
    app.state.feed = Feed(app.state.changes, app.state.pool, settings, app.state.freshness)
    app.state.credentials = None
    if settings.api_auth is ApiAuth.TOKEN:
        assert settings.credentials_file is not None  # the settings see to it
        app.state.credentials = CredentialStore(settings.credentials_file)
    app.add_middleware(GZipMiddleware, minimum_size=1024)
    app.add_middleware(TypeAsSaid)
    app.add_middleware(AccessLog)
    errors.install(app)
    app.add_api_route("/health", _health, include_in_schema=False)
    app.add_api_route("/ready", _ready, include_in_schema=False)
    for router in ROUTERS:
        # As they are: `include_router` would make each anew on its first request.
        app.router.routes.extend(router.routes)
    app.router.routes.extend(pages.routes(static, libraries, brand=settings.brand))
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's documented way to change it
    return app


async def _health() -> JSONResponse:
    """The process runs."""
    return JSONResponse({"status": "ok"})


async def _ready(request: Request) -> JSONResponse:
    """The database answers and has the tables."""
    try:
        async with asyncio.timeout(5), request.app.state.pool.connection() as connection:
            fault = await schema_fault(connection, REVISION) or await missing_tables(connection, reports())
            if fault is None:
                await basis.compare(connection, request.app.state.settings)
    except basis.OtherBasis as error:
        fault = str(error)
    except (psycopg.Error, psycopg_pool.PoolTimeout, OSError, TimeoutError) as error:
        fault = f"the database cannot be reached: {(str(error).splitlines() or [type(error).__name__])[0]}"
    return errors.answer(503, fault) if fault else JSONResponse({"status": "ready"})


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's description without the 422 that it always promises, and with the token where one is asked for."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        for path in schema["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
        schemas = schema.setdefault("components", {}).setdefault("schemas", {})
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        schema["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        schema["security"] = [{"bearer": []}]
        app.openapi_schema = schema
    return app.openapi_schema

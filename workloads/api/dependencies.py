"""What the routes are given: settings, a database connection, and the assurance that the caller may ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import psycopg
from fastapi import Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from psycopg.rows import DictRow

from workloads.api.errors import ApiError
from workloads.api.settings import Settings
from workloads.runtime import basis
from workloads.runtime.credentials import CredentialStore, Unreadable

Connection = psycopg.AsyncConnection[DictRow]


# Asynchronous, though nothing is waited for: FastAPI would run them in a thread for each request.
async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


@asynccontextmanager
async def snapshot(app: FastAPI) -> AsyncIterator[Connection]:
    """A connection in a read-only transaction: all of its queries see one state."""
    async with app.state.pool.connection() as connection:
        await connection.set_read_only(True)
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        await _refuse_other_basis(app, connection)
        yield connection


async def _connection(request: Request) -> AsyncIterator[Connection]:
    """A connection for the time of one request."""
    async with snapshot(request.app) as connection:
        yield connection


async def _refuse_other_basis(app: FastAPI, connection: Connection) -> None:
    """Show no figure under another currency or time zone than it was reckoned in.

    Asked once: only a new configuration, which is a new process, makes a difference.

    Raises:
        ApiError: 503, names the key, what it means and the mend.
    """
    if getattr(app.state, "basis_compared", False):
        return
    try:
        await basis.compare(connection, app.state.settings)
    except basis.OtherBasis as error:
        raise ApiError(503, str(error)) from None
    app.state.basis_compared = True


async def require_caller(request: Request) -> None:
    """Let the request pass if the API need not check it, or its token is good for every location.

    With `API_AUTH=platform` Cloud Run's invoker check or IAP has let the caller in already. A credential that
    is limited to some locations is a till's: it would see the others' figures here.

    Raises:
        ApiError: 401, 403, or 503 while nobody can be told from a stranger.
    """
    credentials: CredentialStore | None = request.app.state.credentials
    if credentials is None:
        return
    # In a thread: now and then it reads the mounted secret.
    try:
        caller = await run_in_threadpool(credentials.authenticate, request.headers.get("authorization"))
    except Unreadable:
        raise ApiError(503, "the tokens cannot be read now: try again", headers={"Retry-After": "1"}) from None
    if caller is None:
        headers = {"WWW-Authenticate": 'Bearer realm="fastyle"'}
        raise ApiError(401, "send Authorization: Bearer <token> with a token of this API", headers=headers)
    if not caller.is_unlimited:
        raise ApiError(403, "this token is limited to some locations: the API needs one for all of them")


SettingsDep = Annotated[Settings, Depends(_settings)]
# Closed before the answer is sent, so that a slow client holds no connection.
ConnectionDep = Annotated[Connection, Depends(_connection, scope="function")]

"""PostgreSQL for the workloads: how to connect, with which limits, and whether the schema is there.

With `DATABASE_AUTH=iam` the password is an access token of the process's service account, fetched for each new
connection: tokens live for an hour, connections for longer.
"""

from __future__ import annotations

import asyncio
from typing import Any

import google.auth
import google.auth.transport.requests
import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from workloads.runtime.interface import DatabaseAuth

LOGIN_SCOPE = "https://www.googleapis.com/auth/sqlservice.login"
CONNECT_SECONDS = 3
# A statement that waits longer is given up, so that a request is refused while its caller still listens.
STATEMENT_MILLISECONDS = 10_000
# A silently dead server (a failed-over instance, a cut network) is noticed within about 15 s.
_KEEPALIVE = {"keepalives": 1, "keepalives_idle": 5, "keepalives_interval": 3, "keepalives_count": 3}


class DatabaseSettings(BaseSettings):
    """`DATABASE_URL` and `DATABASE_AUTH`; mixed into the settings of each workload that has a database."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    database_url: str = Field(description="postgresql://<user>@<host>:<port>/<database>, without a password")
    database_auth: DatabaseAuth = Field(
        default=DatabaseAuth.NONE, description="iam (the password is an access token) or none"
    )

    @field_validator("database_url")
    @classmethod
    def _without_password(cls, value: str) -> str:
        try:
            parts = psycopg.conninfo.conninfo_to_dict(value)
        except psycopg.Error:
            raise ValueError("is not a PostgreSQL connection string") from None
        if "password" in parts:
            raise ValueError("holds a password, which would show in the service's configuration")
        return value


def connect(settings: DatabaseSettings, **limits: Any) -> psycopg.Connection[DictRow]:
    """Open a connection. `limits` override the parameters of `parameters`.

    Raises:
        psycopg.OperationalError: the server cannot be reached or refuses the user.
    """
    return psycopg.connect(settings.database_url, row_factory=dict_row, **parameters(settings, **limits))


async def connect_async(settings: DatabaseSettings, **limits: Any) -> psycopg.AsyncConnection[DictRow]:
    """Open a connection for asyncio; otherwise as `connect`."""
    given = await asyncio.to_thread(parameters, settings, **limits)
    return await psycopg.AsyncConnection.connect(settings.database_url, row_factory=dict_row, **given)


def pool(settings: DatabaseSettings, *, max_size: int) -> AsyncConnectionPool[psycopg.AsyncConnection[DictRow]]:
    """Return a pool, not yet open, that serves again as soon as the server does.

    Connections are tested before use, and a request is refused (`psycopg_pool.PoolTimeout`) after a few
    seconds without one. The pool's own reconnection backs off ever longer; giving it up at once makes each
    request try anew instead.
    """

    async def given() -> dict[str, Any]:
        return {"row_factory": dict_row, **await asyncio.to_thread(parameters, settings)}

    return AsyncConnectionPool(
        settings.database_url,
        kwargs=given,
        connection_class=psycopg.AsyncConnection[DictRow],
        check=AsyncConnectionPool.check_connection,
        min_size=0,
        max_size=max_size,
        timeout=CONNECT_SECONDS,
        max_lifetime=30 * 60,
        reconnect_timeout=0.5,
        open=False,
    )


def parameters(settings: DatabaseSettings, *, statement_milliseconds: int = STATEMENT_MILLISECONDS) -> dict[str, Any]:
    """Return the connection parameters that are not in the URL, a fresh password included."""
    given: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        # jit: compiling takes longer than any statement of ours would save by it.
        "options": f"-c statement_timeout={statement_milliseconds} -c timezone=UTC -c jit=off",
        **_KEEPALIVE,
    }
    if settings.database_auth is DatabaseAuth.IAM:
        given["password"] = _access_token()
    return given


def _access_token() -> str:
    try:
        credentials, _ = google.auth.default(scopes=[LOGIN_SCOPE])
        credentials.refresh(google.auth.transport.requests.Request())  # type: ignore[no-untyped-call]
    except google.auth.exceptions.GoogleAuthError as error:
        # An OperationalError, as for any other reason not to be let in: callers treat it as passing.
        raise psycopg.OperationalError(f"no access token for the database: {error}") from None
    return str(credentials.token)


async def schema_fault(connection: psycopg.AsyncConnection[DictRow], wanted: str) -> str | None:
    """Say why the schema is not at revision `wanted` or later; None when it is.

    Revisions are numbers of four digits, so that they compare as strings.
    """
    # to_regclass first: the subselect on a missing table would not even be planned.
    row = await (await connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL AS there")).fetchone()
    assert row is not None
    if not row["there"]:
        return f"the database has no schema yet, revision {wanted} is needed: inventory-sync writes it at its start"
    row = await (await connection.execute("SELECT max(version_num) AS revision FROM alembic_version")).fetchone()
    revision = row["revision"] if row else None
    if revision is None or revision < wanted:
        return f"the schema is at revision {revision}, {wanted} is needed: deploy inventory-sync of this version"
    return None


async def missing_tables(connection: psycopg.AsyncConnection[DictRow], wanted: list[str]) -> str | None:
    """Say which of the wanted tables are not there yet; None when all are."""
    asked = "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NULL ORDER BY name"
    missing = [row["name"] async for row in await connection.execute(asked, [wanted])]
    if not missing:
        return None
    return f"the database has no {', '.join(missing)} yet: deploy inventory-sync of this version"

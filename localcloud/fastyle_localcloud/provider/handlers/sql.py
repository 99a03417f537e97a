"""Cloud SQL: databases and users in the one real PostgreSQL; the instance itself is recorded."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from fastyle_localcloud.provider.live import Live, Properties, Refused, live
from fastyle_localcloud.workloads import PRIVATE_ADDRESS

if TYPE_CHECKING:
    from fastyle_localcloud.cloud import LocalCloud

SUPERUSER_ROLE = "cloudsqlsuperuser"  # what Cloud SQL gives instead of superuser rights
_IAM_ACCOUNT = "CLOUD_IAM_SERVICE_ACCOUNT"


async def _run(cloud: LocalCloud, *statements: sql.SQL | sql.Composed) -> list[Any]:
    """Run statements as the superuser; the last one's rows."""

    def work() -> list[Any]:
        with psycopg.connect(cloud.postgres, autocommit=True) as db:
            for statement in statements:
                cursor = db.execute(statement)
            return cursor.fetchall() if cursor.description else []

    try:
        return await asyncio.to_thread(work)
    except psycopg.Error as e:
        raise Refused(f"PostgreSQL: {e.diag.message_primary or e}") from None


async def _exists(cloud: LocalCloud, table: str, column: str, name: str) -> bool:
    query = sql.SQL("SELECT 1 FROM {} WHERE {} = {}").format(sql.Identifier(table), sql.Identifier(column), name)
    return bool(await _run(cloud, query))


async def _ensure_role(cloud: LocalCloud, name: str, options: sql.Composable) -> None:
    verb = "ALTER" if await _exists(cloud, "pg_roles", "rolname", name) else "CREATE"
    await _run(cloud, sql.SQL("{} ROLE {} {}").format(sql.SQL(verb), sql.Identifier(name), options))


async def _drop_role(cloud: LocalCloud, role: str) -> None:
    """Drop a role; what it owns goes to Cloud SQL's superuser, what it was granted is taken back."""
    name = sql.Identifier(role)

    def give_up(database: str) -> None:
        with psycopg.connect(cloud.postgres, dbname=database, autocommit=True) as db:
            db.execute(sql.SQL("REASSIGN OWNED BY {} TO {}").format(name, sql.Identifier(SUPERUSER_ROLE)))
            db.execute(sql.SQL("DROP OWNED BY {}").format(name))

    if not await _exists(cloud, "pg_roles", "rolname", role):
        return
    for database in await _run(cloud, sql.SQL("SELECT datname FROM pg_database WHERE NOT datistemplate")):
        await asyncio.to_thread(give_up, database[0])
    await _run(cloud, sql.SQL("DROP ROLE IF EXISTS {}").format(name))


async def _belongs(cloud: LocalCloud, kind: str, name: str, instance: str) -> None:
    """Note of which instance a database or role is a part: several share the one PostgreSQL, each goes with its own."""
    comment = sql.SQL("COMMENT ON {} {} IS {}")
    await _run(cloud, comment.format(sql.SQL(kind), sql.Identifier(name), sql.Literal(_mark(instance))))


def _mark(instance: str) -> str:
    return f"Cloud SQL instance {instance}"


_DATABASES = "SELECT datname FROM pg_database WHERE shobj_description(oid, 'pg_database') = {}"
_ROLES = "SELECT rolname FROM pg_roles WHERE shobj_description(oid, 'pg_authid') = {}"


@live("gcp:sql/databaseInstance:DatabaseInstance")
class DatabaseInstance(Live):
    """Its databases and users go with it: those that were abandoned as well."""

    async def create(self, cloud: LocalCloud, inputs: Properties) -> tuple[str, Properties]:
        await _ensure_role(cloud, SUPERUSER_ROLE, sql.SQL("NOLOGIN CREATEDB CREATEROLE"))
        return inputs["id"], {"privateIpAddress": PRIVATE_ADDRESS, "firstIpAddress": PRIVATE_ADDRESS}

    async def read(self, cloud: LocalCloud, id: str, state: Properties) -> Properties | None:
        return {}

    async def delete(self, cloud: LocalCloud, id: str, state: Properties) -> None:
        mark = sql.Literal(_mark(state["name"]))
        for (database,) in await _run(cloud, sql.SQL(_DATABASES).format(mark)):
            await _run(cloud, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
        for (role,) in await _run(cloud, sql.SQL(_ROLES).format(mark)):
            await _drop_role(cloud, role)


@live("gcp:sql/database:Database")
class Database(Live):
    async def create(self, cloud: LocalCloud, inputs: Properties) -> tuple[str, Properties]:
        if not await _exists(cloud, "pg_database", "datname", inputs["name"]):
            statement = sql.SQL("CREATE DATABASE {} OWNER {}")
            await _run(cloud, statement.format(sql.Identifier(inputs["name"]), sql.Identifier(SUPERUSER_ROLE)))
        await _belongs(cloud, "DATABASE", inputs["name"], inputs["instance"])
        return inputs["id"], {}

    async def read(self, cloud: LocalCloud, id: str, state: Properties) -> Properties | None:
        return {} if await _exists(cloud, "pg_database", "datname", state["name"]) else None

    async def delete(self, cloud: LocalCloud, id: str, state: Properties) -> None:
        await _run(cloud, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(state["name"])))


@live("gcp:sql/user:User")
class User(Live):
    """An IAM service account's user logs in with the account's access token, here as in Cloud SQL."""

    async def create(self, cloud: LocalCloud, inputs: Properties) -> tuple[str, Properties]:
        name = inputs["name"]
        password = inputs.get("password") or inputs.get("passwordWo")
        if inputs.get("type") == _IAM_ACCOUNT:
            email = f"{name}.gserviceaccount.com"
            if not cloud.metadata.exists(email):
                raise Refused(f"user {name}: there is no service account {email}; the stack must make it first")
            password = cloud.identities.access_token(email)
        options = sql.SQL("LOGIN PASSWORD {}").format(str(password)) if password else sql.SQL("LOGIN")
        await _ensure_role(cloud, name, options)
        await _belongs(cloud, "ROLE", name, inputs["instance"])
        await self._set_roles(cloud, name, [], inputs.get("databaseRoles") or [])
        return inputs["id"], {}

    async def _set_roles(self, cloud: LocalCloud, name: str, old: list[str], new: list[str]) -> None:
        user = sql.Identifier(name)
        for role in new:
            await _run(cloud, sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), user))
        for role in set(old) - set(new):
            await _run(cloud, sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(role), user))

    async def read(self, cloud: LocalCloud, id: str, state: Properties) -> Properties | None:
        return {} if await _exists(cloud, "pg_roles", "rolname", state["name"]) else None

    async def update(self, cloud: LocalCloud, id: str, old: Properties, new: Properties) -> Properties:
        await self._set_roles(cloud, new["name"], old.get("databaseRoles") or [], new.get("databaseRoles") or [])
        return {}

    async def delete(self, cloud: LocalCloud, id: str, state: Properties) -> None:
        await _drop_role(cloud, state["name"])

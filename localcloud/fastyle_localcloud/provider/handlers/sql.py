"""Cloud SQL: databases and users in the one real PostgreSQL; the instance itself is recorded."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
from psycopg import sql

from fastyle_localcloud.provider.live import Live, Properties, Refused, live
from fastyle_localcloud.workloads import PRIVATE_ADDRESS

SUPERUSER_ROLE = "cloudsqlsuperuser"  # what Cloud SQL gives instead of superuser rights
_IAM_ACCOUNT = "CLOUD_IAM_SERVICE_ACCOUNT"


_IDENTIFIED = {"DATABASE": ("pg_database", "datname"), "ROLE": ("pg_roles", "rolname")}
"""Where PostgreSQL lists what there is of a kind, and the column of its names."""
_DATABASES = "SELECT datname FROM pg_database WHERE shobj_description(oid, 'pg_database') = {}"
_ROLES = "SELECT rolname FROM pg_roles WHERE shobj_description(oid, 'pg_authid') = {}"


class _InPostgres(Live):
    async def _run(self, statement: str, *names: str | sql.Composable, database: str | None = None) -> list[Any]:
        """Run a statement as the superuser, with texts as identifiers in its places; its rows."""
        places = [sql.Identifier(name) if isinstance(name, str) else name for name in names]

        def work() -> list[Any]:
            with psycopg.connect(self.cloud.postgres, autocommit=True, dbname=database) as db:
                cursor = db.execute(sql.SQL(statement).format(*places))
                return cursor.fetchall() if cursor.description else []

        try:
            return await asyncio.to_thread(work)
        except psycopg.Error as e:
            raise Refused(f"PostgreSQL: {e.diag.message_primary or e}") from None

    async def _exists(self, kind: str, name: str) -> bool:
        return bool(await self._run("SELECT 1 FROM {} WHERE {} = {}", *_IDENTIFIED[kind], sql.Literal(name)))

    async def _ensure_role(self, name: str, options: sql.Composable) -> None:
        verb = "ALTER" if await self._exists("ROLE", name) else "CREATE"
        await self._run(f"{verb} ROLE {{}} {{}}", name, options)

    async def _drop_role(self, role: str) -> None:
        """Drop a role; what it owns goes to Cloud SQL's superuser, what it was granted is taken back."""
        if not await self._exists("ROLE", role):
            return
        for (database,) in await self._run("SELECT datname FROM pg_database WHERE NOT datistemplate"):
            await self._run("REASSIGN OWNED BY {} TO {}", role, SUPERUSER_ROLE, database=database)
            await self._run("DROP OWNED BY {}", role, database=database)
        await self._run("DROP ROLE IF EXISTS {}", role)

    async def _drop_database(self, name: str) -> None:
        await self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    async def _belongs(self, kind: str, name: str, instance: str) -> None:
        """Note of which instance a database or role is a part: several share the one PostgreSQL, each goes with its own."""
        await self._run(f"COMMENT ON {kind} {{}} IS {{}}", name, _mark(instance))


def _mark(instance: str) -> sql.Literal:
    return sql.Literal(f"Cloud SQL instance {instance}")


@live("gcp:sql/databaseInstance:DatabaseInstance")
class DatabaseInstance(_InPostgres):
    """Its databases and users go with it: those that were abandoned as well."""

    async def create(self, inputs: Properties) -> Properties:
        await self._ensure_role(SUPERUSER_ROLE, sql.SQL("NOLOGIN CREATEDB CREATEROLE"))
        return {"privateIpAddress": PRIVATE_ADDRESS, "firstIpAddress": PRIVATE_ADDRESS}

    async def read(self, state: Properties) -> Properties | None:
        return {}

    async def delete(self, state: Properties) -> None:
        for (database,) in await self._run(_DATABASES, _mark(state["name"])):
            await self._drop_database(database)
        for (role,) in await self._run(_ROLES, _mark(state["name"])):
            await self._drop_role(role)


@live("gcp:sql/database:Database")
class Database(_InPostgres):
    async def create(self, inputs: Properties) -> Properties:
        if not await self._exists("DATABASE", inputs["name"]):
            await self._run("CREATE DATABASE {} OWNER {}", inputs["name"], SUPERUSER_ROLE)
        await self._belongs("DATABASE", inputs["name"], inputs["instance"])
        return {}

    async def read(self, state: Properties) -> Properties | None:
        return {} if await self._exists("DATABASE", state["name"]) else None

    async def delete(self, state: Properties) -> None:
        await self._drop_database(state["name"])


@live("gcp:sql/user:User")
class User(_InPostgres):
    """An IAM service account's user logs in with the account's access token, here as in Cloud SQL."""

    async def create(self, inputs: Properties) -> Properties:
        name = inputs["name"]
        password = inputs.get("password") or inputs.get("passwordWo")
        if inputs.get("type") == _IAM_ACCOUNT:
            email = f"{name}.gserviceaccount.com"
            if not self.cloud.metadata.exists(email):
                raise Refused(f"user {name}: there is no service account {email}; the stack must make it first")
            password = self.cloud.identities.access_token(email)
        options = sql.SQL("LOGIN PASSWORD {}").format(str(password)) if password else sql.SQL("LOGIN")
        await self._ensure_role(name, options)
        await self._belongs("ROLE", name, inputs["instance"])
        return await self.update({}, inputs)

    async def read(self, state: Properties) -> Properties | None:
        return {} if await self._exists("ROLE", state["name"]) else None

    async def update(self, old: Properties, new: Properties) -> Properties:
        before, after = (values.get("databaseRoles") or [] for values in (old, new))
        for role in after:
            await self._run("GRANT {} TO {}", role, new["name"])
        for role in set(before) - set(after):
            await self._run("REVOKE {} FROM {}", role, new["name"])
        return {}

    async def delete(self, state: Properties) -> None:
        await self._drop_role(state["name"])

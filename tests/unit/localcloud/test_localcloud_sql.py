"""Cloud SQL in the real PostgreSQL: what an instance takes along when it is deleted, and what it does not."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from fastyle_localcloud.provider.handlers.sql import Database, DatabaseInstance, User

from tests.support.postgres import Server

pytestmark = pytest.mark.slow


def test_an_instance_takes_its_databases_and_users_along_and_no_other_s() -> None:
    """Their own declarations are abandoned: an instance that is stopped would refuse to delete them."""
    own = Server()
    cloud: Any = SimpleNamespace(postgres=own.url())
    for instance in ("shop", "other"):
        asyncio.run(DatabaseInstance(cloud).create({"id": instance, "name": instance}))
        asyncio.run(Database(cloud).create({"id": "d", "name": f"{instance}_db", "instance": instance}))
        user = {"id": "u", "name": f"{instance}_api", "instance": instance, "password": "p", "type": "BUILT_IN"}
        asyncio.run(User(cloud).create(user))
        with psycopg.connect(own.url(f"{instance}_db"), autocommit=True) as db:
            db.execute(f"CREATE TABLE trade (id int); ALTER TABLE trade OWNER TO {instance}_api")

    asyncio.run(DatabaseInstance(cloud).delete({"name": "shop"}))

    with psycopg.connect(own.url()) as db:
        databases = {row[0] for row in db.execute("SELECT datname FROM pg_database WHERE NOT datistemplate")}
        roles = {row[0] for row in db.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE '%_api'")}
    assert "other_db" in databases
    assert "shop_db" not in databases
    assert roles == {"other_api"}
    own.remove()

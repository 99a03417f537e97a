"""Brings the database's schema up to date: `sql/postgres`, run by Alembic, and the tables of marts with a read model.

Two instances may start at once: an advisory lock of the session makes them take turns, and the second finds nothing
left to do. Each migration is one transaction, and so are the grants: a migrator that is killed leaves whole migrations
behind and no lock, and the next one goes on there. A schema of a later version is left alone: migrations are written so
that the code before them still runs, and a roll-back is that code.
"""

from __future__ import annotations

import logging
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError

from workloads.marts import read_model
from workloads.runtime.database import DatabaseSettings, parameters
from workloads.runtime.interface import Role

log = logging.getLogger(__name__)

SCRIPTS = Path(__file__).resolve().parents[2] / "sql" / "postgres"
_LOCK = 0x66617374_796C6500  # an arbitrary key of our own ("fastyle") for pg_advisory_lock
_MIGRATION_MILLISECONDS = 15 * 60 * 1000


_PRIVILEGES = {
    Role.READER: sql.SQL("SELECT"),
    Role.WRITER: sql.SQL("SELECT, INSERT, UPDATE, DELETE"),
}


class MigrationError(Exception):
    """The schema cannot be brought up to date; says why and how to mend it. Trying again will not help."""


def migrate(settings: DatabaseSettings, roles: dict[str, Role] | None = None, target: str = "head") -> str | None:
    """Run the pending migrations, make the marts' tables, give the users in `roles` their rights; return the revision.

    A user that does not exist is logged and left out: it gets its rights at the next start.

    Raises:
        psycopg.OperationalError: the server cannot be reached, or went away.
        MigrationError: the user may not write the schema, or a migration is wrong.
    """
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(
            settings.database_url, **parameters(settings, statement_milliseconds=_MIGRATION_MILLISECONDS)
        ),
        poolclass=NullPool,
    )
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            later = _later(connection, config)
            connection.commit()
            if later is None:
                config.attributes["connection"] = connection
                command.upgrade(config, target)
            else:
                log.warning("the schema is at revision %s, later than this version's: left alone", later)
            connection.commit()  # the look at what is pending began a transaction
            with connection.begin():
                raw = connection.connection.driver_connection
                assert isinstance(raw, psycopg.Connection)
                if later is None and target == "head":
                    read_model.ensure(raw)
                _grant(raw, roles or {})
                row = raw.execute("SELECT max(version_num) FROM alembic_version").fetchone()
            return row[0] if row else None
    except DBAPIError as error:
        raise _cause(error.orig) from error
    except read_model.OtherGrain as error:
        raise MigrationError(str(error)) from None
    except psycopg.errors.InsufficientPrivilege as error:
        raise _cause(error) from error
    finally:
        engine.dispose()


def _later(connection: Connection, config: Config) -> str | None:
    """The schema's revision, when it is later than the newest that this version knows."""
    if connection.execute(text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return None
    revision = connection.execute(text("SELECT max(version_num) FROM alembic_version")).scalar()
    # Revisions are numbers of four digits, so that they compare as strings.
    return revision if revision and revision > (ScriptDirectory.from_config(config).get_current_head() or "") else None


def _cause(original: BaseException | None) -> Exception:
    if isinstance(original, psycopg.errors.InsufficientPrivilege):
        return MigrationError(
            f"the schema cannot be written: {_first_line(original)}; give this service's database user the role "
            "cloudsqlsuperuser (databaseRoles of its sql.User), or CREATE on schema public"
        )
    if isinstance(original, psycopg.OperationalError):
        return original
    return MigrationError(f"a migration in sql/postgres failed: {_first_line(original)}")


def _first_line(error: BaseException | None) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _grant(connection: psycopg.Connection[tuple[object, ...]], roles: dict[str, Role]) -> None:
    existing_roles = {
        row[0] for row in connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [[*roles]])
    }
    schemas = [
        str(row[0])
        for row in connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname IN ('public', 'verification') ORDER BY 1"
        )
    ]
    for user, role in sorted(roles.items()):
        if user not in existing_roles:
            log.error(
                "database user %r does not exist: it gets no rights; create it and start this service again", user
            )
            continue
        for schema in schemas:
            _grant_schema(connection, sql.Identifier(schema), sql.Identifier(user), role)


def _grant_schema(
    connection: psycopg.Connection[tuple[object, ...]], schema: sql.Identifier, user: sql.Identifier, role: Role
) -> None:
    # Revoked first: a writer that became a reader may no longer write.
    statements = [
        "GRANT USAGE ON SCHEMA {schema} TO {user}",
        "REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {user}",
        "GRANT {privileges} ON ALL TABLES IN SCHEMA {schema} TO {user}",
        *(["GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {user}"] if role is Role.WRITER else []),
    ]
    for statement in statements:
        connection.execute(sql.SQL(statement).format(schema=schema, user=user, privileges=_PRIVILEGES[role]))

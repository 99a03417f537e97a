"""BigQuery's and Cloud Storage's stand-ins as processes of a test's own, without the rest of the local cloud."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from localcloud.process import ProcessSpec
from localcloud.standins import bigquery, storage
from tests.support.pubsub import free_port

PROJECT = "fastyle-local"


@contextmanager
def standins(folder: Path) -> Iterator[dict[str, str]]:
    """Start both in `folder`; yields the variables by which the workloads find them."""
    port, grpc_port, storage_port = free_port(), free_port(), free_port()
    objects, data = folder / "objects", folder / "bigquery"
    environment = dict(os.environ)
    specs = (
        storage.spec(port=storage_port, data_dir=objects, location="us-central1", env=environment),
        bigquery.spec(
            port=port, grpc_port=grpc_port, project=PROJECT, data_dir=data, storage_dir=objects, env=environment
        ),
    )
    with (folder / "standins.log").open("wb") as log:
        processes = [
            subprocess.Popen(spec.argv, env=dict(spec.env), cwd=spec.cwd, stdout=log, stderr=log) for spec in specs
        ]
        try:
            for spec, process in zip(specs, processes, strict=True):
                _wait(spec, process)
            yield {
                "BIGQUERY_EMULATOR_HOST": f"http://127.0.0.1:{port}",
                "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{storage_port}",
            }
        finally:
            for process in processes:
                process.kill()
                process.wait()


def _wait(spec: ProcessSpec, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while True:
        assert process.poll() is None, f"{spec.name} ended at its start"
        assert time.monotonic() < deadline, f"{spec.name} did not start"
        try:
            httpx.get(f"http://127.0.0.1:{spec.port}{spec.health_path}").raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.1)

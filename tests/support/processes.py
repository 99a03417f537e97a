"""Processes of the local cloud on their own, as a test or a bench starts them."""

from __future__ import annotations

import gc
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from fastyle_localcloud.ports import HOST
from fastyle_localcloud.process import ProcessSpec

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients of this machine's own listeners: httpx else reads every certificate for each, 30 ms."""


def fork() -> int:
    """As `os.fork`, but the child never finalizes what this process left to its garbage collector.

    A channel of gRPC among it would wait for ever for a thread that the child does not have.
    """
    if (child := os.fork()) == 0:
        gc.freeze()
    return child


def free_port() -> int:
    """A loopback port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


@contextmanager
def running(log: Path, *specs: ProcessSpec) -> Iterator[None]:
    """Start processes and wait until each is healthy; what they print is in `log`. They are stopped at the end."""
    with log.open("wb") as output:
        processes = [
            subprocess.Popen(spec.argv, env=dict(spec.env), cwd=spec.cwd, stdout=output, stderr=output)
            for spec in specs
        ]
        try:
            for spec, process in zip(specs, processes, strict=True):
                _wait(spec, process, log)
            yield
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(timeout=30)


def _wait(spec: ProcessSpec, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    with httpx.Client(base_url=f"http://{HOST}:{spec.port}", trust_env=False, verify=NO_CERTIFICATES) as client:
        while True:
            assert process.poll() is None, f"{spec.name} ended at its start: {log.read_text()[-2000:]}"
            assert time.monotonic() < deadline, f"{spec.name} did not start: {log.read_text()[-2000:]}"
            try:
                client.get(spec.health_path or "/").raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.1)

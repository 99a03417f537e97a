"""Language hosts that start with the Google provider's classes imported, for tests that start engines by the dozen.

Pulumi's engine starts a language host for every preview and every update, and half of what that host does is to import
packages. Here one process imports them once, and forks a host of the package's own code for each engine. It imports
nothing of this checkout but the host, so that each program still reads its own modules.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

MODULES = (
    *(
        "artifactregistry",
        "bigquery",
        "billing",
        "cloudfunctionsv2",
        "cloudrunv2",
        "cloudscheduler",
        "composer",
        "compute",
    ),
    *("iam", "iap", "logging", "monitoring", "projects", "pubsub", "secretmanager", "serviceaccount"),
    *("servicenetworking", "sql", "storage"),
)
"""Of the provider's, which imports each of them when it is first used: those that the committed stacks need."""


@cache
def warm_python() -> Path:
    """The command that takes the place of `python` where an engine starts its language host (`LOCALCLOUD_PYTHON`)."""
    folder = Path(tempfile.mkdtemp(prefix="hosts-"))
    address, command = folder / "socket", folder / "python"
    command.write_text(f"#!/bin/sh\nexec '{sys.executable}' -IS '{__file__}' '{address}' \"$@\"\n", encoding="utf-8")
    command.chmod(0o755)
    server = subprocess.Popen(
        [sys.executable, "-P", __file__, str(address)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    atexit.register(server.communicate)  # closes its input, and so ends it; so does the end of this process
    return command


def ask(address: str, arguments: list[str]) -> None:
    """Be the process that the engine started: have a host forked, and end with it, or end it when told to."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        call = {"arguments": arguments, "folder": str(Path.cwd()), "environment": dict(os.environ)}
        socket.send_fds(connection, [b" "], [0, 1, 2])
        connection.sendall(json.dumps(call).encode() + b"\n")
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: connection.shutdown(socket.SHUT_WR))
        connection.recv(1)  # the host writes nothing: this is its end


def serve(address: str) -> None:
    """Import the packages, then fork a host for each that asks, until standard input ends."""
    gc.disable()
    host = importlib.import_module("fastyle_localcloud.engine.language_host")
    provider = importlib.import_module("pulumi_gcp")
    for name in MODULES:
        hasattr(getattr(provider, name), "any attribute")  # imports it
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:  # hosts that have ended
                    pass
            _, streams, _, _ = socket.recv_fds(connection, 1, 3)
            if os.fork() == 0:
                listener.close()
                _become(host, connection, streams)
            for stream in streams:
                os.close(stream)
            connection.close()
    shutil.rmtree(Path(address).parent)


def _become(host: Any, connection: socket.socket, streams: list[int]) -> None:
    """Be the host that was asked for: its streams, folder, environment and arguments; never returns."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    requests = connection.makefile("rb")
    call = json.loads(requests.readline())
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update(call["environment"])
    sys.argv[1:] = call["arguments"]

    def end_with_the_caller() -> None:
        requests.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end_with_the_caller, daemon=True).start()
    try:
        host.main()
    finally:
        os._exit(1)


if __name__ == "__main__":
    where, *rest = sys.argv[1:]
    if rest:
        ask(where, rest)
    else:
        serve(where)

"""The daemon of one local cloud: stand-ins, provider, control server and workloads, until it is told to stop.

`daemon.json` appears once everything is ready and goes with it; `daemon.lock` is held for as long as it lives.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from pathlib import Path

from fastyle_localcloud.cloud import LocalCloud
from fastyle_localcloud.files import write_atomically
from fastyle_localcloud.process import StartFailed
from fastyle_localcloud.processes import PROGRESS, Identity, lock
from fastyle_localcloud.provider.server import ProviderServer, serve
from fastyle_localcloud.settings import Settings


def describe(cloud: LocalCloud, provider_port: int) -> dict[str, object]:
    """What others need to reach the local cloud: the content of `daemon.json`."""
    identity = Identity.of(os.getpid())
    return {
        "pid": identity.pid,
        "started": identity.started,
        "project": cloud.project,
        "provider_port": provider_port,
        "control": cloud.control_url,
        "pubsub": cloud.pubsub_host,
        "pubsub_control": cloud.pubsub_control,
        "storage": cloud.storage_url,
        "bigquery": cloud.bigquery_url,
        "postgres": cloud.postgres,
    }


async def run(state_dir: Path) -> int:
    """Serve until SIGTERM or SIGINT; 1 when the local cloud does not start."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    cloud, provider = LocalCloud(state_dir, Settings.read(state_dir)), None
    described = state_dir / "daemon.json"
    described.unlink(missing_ok=True)  # of one that was killed
    starting = asyncio.create_task(_start(cloud))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            starting.cancel()
        provider = await starting
        write_atomically(described, json.dumps(describe(cloud, provider.port), indent=1).encode())
        cloud.control.ready = True
        _say("the local cloud is ready")
        await stopping
    except asyncio.CancelledError:
        return 0
    except StartFailed as failure:
        print(f"error: {failure}", flush=True)
        return 1
    finally:
        described.unlink(missing_ok=True)
        stopping.cancel()
        if provider:
            await provider.stop()
        await cloud.stop()
    return 0


async def _start(cloud: LocalCloud) -> ProviderServer:
    await cloud.start(_say)
    await cloud.workloads.restore()
    for name, url in cloud.workloads.moved.items():
        _say(f"the port of {name} is taken by another program: now {url}")
    provider = await serve(cloud, cloud.state_dir / "provider.sqlite", cloud.ports.get("provider"))
    cloud.control.extra["provider_port"] = provider.port
    return provider


def _say(line: str) -> None:
    print(f"{PROGRESS}{line}", flush=True)


def main() -> None:
    """`python -m fastyle_localcloud.daemon STATE_DIR`: started by `python -m fastyle_localcloud up`."""
    state_dir = Path(sys.argv[1]).resolve()
    held = lock(state_dir)
    if held is None:
        sys.exit("error: another daemon of this local cloud is running")
    with held, contextlib.suppress(KeyboardInterrupt):
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
        logging.getLogger("aiohttp").setLevel(logging.WARNING)
        sys.exit(asyncio.run(run(state_dir)))


if __name__ == "__main__":
    main()

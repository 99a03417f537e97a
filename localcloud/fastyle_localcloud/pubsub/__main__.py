"""`python -m fastyle_localcloud.pubsub --data-dir D --port P --control-port C --project-number N`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
from pathlib import Path

from fastyle_localcloud.pubsub.access import Access
from fastyle_localcloud.pubsub.broker import Broker
from fastyle_localcloud.pubsub.deliverers import Deliverers
from fastyle_localcloud.pubsub.journal import Journal
from fastyle_localcloud.pubsub.server import Server


async def _run(arguments: argparse.Namespace) -> None:
    """Serve until told to stop; what was acknowledged is on disk whatever ends the process."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    arguments.data_dir.mkdir(parents=True, exist_ok=True)
    journal = Journal(arguments.data_dir / "pubsub.sqlite")
    broker = Broker(journal, Access(_path("LOCALCLOUD_IAM"), arguments.project_number))
    deliverers = Deliverers(
        broker,
        key_path=_path("LOCALCLOUD_OIDC_KEY"),
        issuer=os.environ.get("LOCALCLOUD_OIDC_ISSUER", ""),
        storage_url=os.environ.get("STORAGE_EMULATOR_HOST", ""),
        bigquery_url=os.environ.get("LOCALCLOUD_BIGQUERY", ""),
    )
    server = Server(broker, deliverers, arguments.port, arguments.control_port)
    await server.start()
    await stop.wait()
    await server.stop()
    await journal.close()


def _path(variable: str) -> Path | None:
    return Path(os.environ[variable]) if os.environ.get(variable) else None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fastyle_localcloud.pubsub", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True, help="of Google's gRPC API, as the project's owner")
    parser.add_argument("--control-port", type=int, required=True, help="of /health, /stats, /flush, /identities")
    parser.add_argument("--project-number", required=True, help="names Pub/Sub's service agent")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    arguments = parser.parse_args()
    try:
        import uvloop
    except ImportError:  # not on every platform
        asyncio.run(_run(arguments))
    else:
        uvloop.run(_run(arguments))


if __name__ == "__main__":
    main()

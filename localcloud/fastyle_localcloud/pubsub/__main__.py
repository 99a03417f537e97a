"""`python -m fastyle_localcloud.pubsub --data-dir D --port P --control-port C --project-number N`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
from pathlib import Path

from fastyle_localcloud.pubsub.server import serve


async def _run(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    grants, key = os.environ.get("LOCALCLOUD_IAM"), os.environ.get("LOCALCLOUD_OIDC_KEY")
    await serve(
        data_dir=arguments.data_dir,
        port=arguments.port,
        control_port=arguments.control_port,
        project_number=arguments.project_number,
        grants=Path(grants) if grants else None,
        key_path=Path(key) if key else None,
        issuer=os.environ.get("LOCALCLOUD_OIDC_ISSUER", ""),
        storage_url=os.environ.get("STORAGE_EMULATOR_HOST", ""),
        bigquery_url=os.environ.get("LOCALCLOUD_BIGQUERY", ""),
        stop=stop,
    )


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

"""`python -m fastyle_localcloud.storage --folder F --port P --location L`."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

from aiohttp import web

from fastyle_localcloud.ports import HOST
from fastyle_localcloud.storage.objects import Objects
from fastyle_localcloud.storage.server import StorageServer


async def _serve(folder: Path, port: int, location: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = StorageServer(Objects(folder), f"http://{HOST}:{port}", location)
    # Not decompressed: an object is kept as it was sent.
    runner = web.AppRunner(server.application(), access_log=None, auto_decompress=False, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    await stop.wait()
    await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fastyle_localcloud.storage", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where objects lie as BUCKET/OBJECT")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--location", required=True, help="of buckets that are created without one")
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.folder, arguments.port, arguments.location))


if __name__ == "__main__":
    main()

"""`python -m fastyle_localcloud.provider --port 0`: the provider alone, for plans; prints its port and serves until stopped."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal

from fastyle_localcloud.provider.server import serve


async def _run(port: int) -> None:
    server = await serve(None, None, port)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    print(server.port, flush=True)
    await stop.wait()
    await server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="loopback port; 0 takes a free one")
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    asyncio.run(_run(args.port))


if __name__ == "__main__":
    main()

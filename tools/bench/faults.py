"""Faults for the soak: each is done to the running stack for a while, and has a sign by which the stack reports it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from google.cloud import pubsub_v1

from ops.endpoints import STATE_DIR, Endpoints

KILLED = ("pos-api", "inventory-sync", "api", "pubsub", "postgres", "bigquery", "storage")
STOPPED = ("inventory-sync", "bigquery", "postgres")
SLOW_CLIENTS = 30
POISON = 50
SMALL_VOLUME_BYTES = 8 * 2**30
"""Of a volume up to this size the disk is filled; a larger one may be everything that the machine has."""

Status = dict[str, Any]
Sign = Callable[[Status, Status], bool]
"""Whether the status now, beside the one before the fault, reports it."""


@dataclass(frozen=True)
class Fault:
    """`inject` starts it and ends it on leaving; without a `sign` it must change nothing for anybody else."""

    name: str
    seconds: float
    inject: Callable[[], AbstractAsyncContextManager[None]]
    sign: Sign | None


def faults(endpoints: Endpoints, processes: Callable[[], dict[str, dict[str, Any]]]) -> list[Fault]:
    """Every fault that can be done here; `processes` tells the local cloud's processes by name."""
    killed = [Fault(f"kill -9 of {name}", 5, lambda n=name: _kill(processes, n), _process(name)) for name in KILLED]  # type: ignore[misc]
    stopped = [Fault(f"SIGSTOP of {name}", 60, lambda n=name: _stop(processes, n), _process(name)) for name in STOPPED]  # type: ignore[misc]
    return [
        *killed,
        *stopped,
        Fault(f"{SLOW_CLIENTS} clients of a byte a second", 30, lambda: _slow_clients(endpoints), None),
        Fault(f"{POISON} messages of poison on each topic", 5, lambda: _poison(endpoints), _dead_letters),
        *([Fault("a full disk", 60, _full_disk, _full_volume)] if _small_volume() else []),
    ]


def left_out() -> str | None:
    """What could not be done here, and how it could."""
    if _small_volume():
        return None
    return "a full disk: run in a checkout whose .localcloud is a volume of 8 GiB or less"


@asynccontextmanager
async def _kill(processes: Callable[[], dict[str, dict[str, Any]]], name: str) -> AsyncIterator[None]:
    os.kill(processes()[name]["pid"], signal.SIGKILL)
    yield


@asynccontextmanager
async def _stop(processes: Callable[[], dict[str, dict[str, Any]]], name: str) -> AsyncIterator[None]:
    pid = processes()[name]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):  # given up and started again meanwhile
            os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def _slow_clients(endpoints: Endpoints) -> AsyncIterator[None]:
    address = urlsplit(endpoints.pos_api)

    async def dribble() -> None:
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(address.hostname, address.port)
                writer.write(b"POST /v1/transactions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n")
                while not writer.is_closing():
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(1)
            await asyncio.sleep(1)

    clients = [asyncio.create_task(dribble()) for _ in range(SLOW_CLIENTS)]
    try:
        yield
    finally:
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)


@asynccontextmanager
async def _poison(endpoints: Endpoints) -> AsyncIterator[None]:
    """Messages that the topics' schema accepts and the contract does not: quantities of a receipt below zero."""
    body = (
        b'{"event_id":"%s","event_time":"0001-01-01T00:00:00Z","location_id":"POISON","sku":"POISON","kind":"receipt",'
        b'"quantity":-5,"reference":null}'
    )

    def publish() -> None:
        os.environ["PUBSUB_EMULATOR_HOST"] = endpoints.pubsub
        publisher = pubsub_v1.PublisherClient()
        messages = [{"data": body % f"not-a-uuid-{n}".encode()} for n in range(POISON)]
        publisher.api.publish(topic=endpoints.topics["inventory"], messages=messages, retry=None)

    await asyncio.to_thread(publish)
    yield


@asynccontextmanager
async def _full_disk() -> AsyncIterator[None]:
    filler = STATE_DIR / "filler"
    try:
        await asyncio.to_thread(_fill, filler)
        yield
    finally:
        filler.unlink(missing_ok=True)


def _fill(filler: Path) -> None:
    """Take what is free at once, then write until nothing more fits, in large pieces and in small ones."""
    with filler.open("wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(filler.parent).free
            os.posix_fallocate(file.fileno(), 0, free)
            file.seek(free)
        for size in (2**22, 2**12):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)):
                    pass


def _small_volume() -> bool:
    return shutil.disk_usage(STATE_DIR if STATE_DIR.exists() else Path.cwd()).total <= SMALL_VOLUME_BYTES


def _process(name: str) -> Sign:
    def sign(before: Status, now: Status) -> bool:
        processes = {process["name"]: process for process in now["processes"]}
        earlier = {process["name"]: process for process in before["processes"]}
        return (
            processes[name]["state"] != "running"
            or processes[name]["restarts"] > earlier[name]["restarts"]
            or _refused(now)
        )

    return sign


def _full_volume(before: Status, now: Status) -> bool:
    return bool(now["volume"]["full"]) and not before["volume"]["full"]


def _refused(status: Status) -> bool:
    return any((s or {}).get("last_refusal") and s["backlog"] for s in status["subscriptions"].values())


def _dead_letters(before: Status, now: Status) -> bool:
    def held(status: Status) -> int:
        return sum(s["backlog"] for name, s in status["subscriptions"].items() if name.endswith("-dead-letter-hold"))

    return held(now) > held(before)

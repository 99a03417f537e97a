"""What the storage gate answers when the stand-in behind it does not: a reason, and that it may be tried again."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fastyle_localcloud.ports import HOST, Ports
from fastyle_localcloud.standins import storage_gate
from fastyle_localcloud.standins.storage import make_certificate, spec
from fastyle_localcloud.standins.storage_gate import StorageGate

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def gated(tmp_path: Path, talk: Talk | None) -> AsyncIterator[str]:
    """URL of a gate; behind it a server that talks like `talk`, or nobody."""
    certificate = make_certificate(tmp_path / "storage.pem")
    ports = Ports(tmp_path / "ports.json")
    behind, port = ports.get("behind"), ports.get("storage")
    server = None
    if talk is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        server = await asyncio.start_server(talk, HOST, behind, ssl=context)
    gate = StorageGate(port, behind, certificate)
    await gate.start()
    try:
        yield f"http://{HOST}:{port}/storage/v1/b"
    finally:
        await gate.stop()
        if server:
            server.close()
            await server.wait_closed()


async def get(url: str) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession(trust_env=False) as client, client.get(url) as answer:
        return answer.status, json.loads(await answer.text())["error"]


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def test_a_stand_in_that_is_down_is_told_apart_from_one_that_hangs_up(tmp_path: Path) -> None:
    async with gated(tmp_path, None) as url:
        status, error = await get(url)
    assert (status, error["code"]) == (503, 503)
    assert error["message"] == "the Cloud Storage stand-in is not running; it is being started again"
    async with gated(tmp_path, hang_up) as url:
        status, error = await get(url)
    assert status == 503
    assert error["message"].startswith("the Cloud Storage stand-in ended the connection before its answer: ")


@pytest.mark.parametrize("talk", [None, hang_up])
async def test_a_full_volume_is_named_whatever_the_stand_in_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, talk: Talk | None
) -> None:
    monkeypatch.setattr(storage_gate, "volume", lambda folder: {"full": folder == tmp_path})
    async with gated(tmp_path, talk) as url:
        status, error = await get(url)
    assert (status, error["message"]) == (503, "the volume of the Cloud Storage stand-in is full")


def test_the_stand_in_gives_back_what_a_large_upload_took_unless_told_otherwise(tmp_path: Path) -> None:
    def environment(**env: str) -> dict[str, str]:
        return dict(spec(port=1, data_dir=tmp_path, location="us-central1", env=env).env)

    assert environment()["GOMEMLIMIT"] == "48MiB"
    assert environment(GOMEMLIMIT="1GiB")["GOMEMLIMIT"] == "1GiB"

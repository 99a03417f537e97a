"""Who may call the local cloud and the services: programs of this user, and pages of the service's own site."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from fastyle_localcloud import callers, socket_owner
from fastyle_localcloud.callers import OnlyPrograms, only_programs
from fastyle_localcloud.grpc_callers import guarded_server
from fastyle_localcloud.socket_owner import Users

from cloud_processes.other_user import NOBODY, another_users_socket
from workloads.runtime.origins import SameOrigin

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 1 1
   1: 0100007F:C001 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1001        0 2 1
   2: 0100007F:C002 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1002        0 3 1
   3: 0100007F:C003 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 3 1
   4: 0100007F:C005 0100007F:1F90 06 00000000:00000000 03:00000000 00000000     0        0 0 1
"""
PROGRAM = {"Host": "127.0.0.1:8080"}
WEB_PAGES = [
    {"Host": "127.0.0.1:8080", "Origin": "https://evil.example"},
    {"Host": "127.0.0.1:8080", "Origin": "null"},
    {"Host": "127.0.0.1:8080", "Sec-Fetch-Site": "cross-site"},
    {"Host": "localhost", "Sec-Fetch-Site": "same-site"},
    {"Host": "rebound.evil.example:8080"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": ""},
]


@pytest.fixture
def another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every caller seems to be another user's."""

    class Nobody(Users):
        def allowed(self, port: int, server: int | None = None) -> bool:
            return False

    monkeypatch.setattr(callers, "USERS", Nobody())


def users(tmp_path: Path) -> Users:
    table = tmp_path / "tcp"
    table.write_text(TABLE)
    return Users((table, tmp_path / "no-tcp6"), own=1001)


@pytest.mark.parametrize(
    ("port", "allowed"), [(0xC001, True), (0xC002, False), (0xC003, True), (0xC004, False), (0xC005, False)]
)
def test_a_connection_belongs_to_whose_socket_is_at_its_other_end(tmp_path: Path, port: int, allowed: bool) -> None:
    assert users(tmp_path).allowed(port) is allowed


def test_where_the_system_does_not_say_everybody_counts_as_this_user(tmp_path: Path) -> None:
    assert Users((tmp_path / "none",), own=1001).allowed(0xC002)


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, int]]:
    """A connection of another user's, where this one may be another user, and the port that it is made to."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with another_users_socket() as client:
            client.connect(listener.getsockname())
            yield client, listener.getsockname()[1]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says")
@pytest.mark.parametrize("asked", [True, False], ids=["by a question about it", "by the table of all"])
def test_the_system_says_whose_a_connection_is(connection: tuple[socket.socket, int], asked: bool) -> None:
    client, server = connection
    port, expected = client.getsockname()[1], NOBODY if os.getuid() == 0 else os.getuid()
    assert socket_owner.owner(port, server if asked else None) == expected
    assert not Users(own=expected + 1).allowed(port, server if asked else None)
    if asked:
        assert socket_owner._asked(port, server) == expected, "nothing has to be searched for it"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says")
@pytest.mark.parametrize("asked", [True, False], ids=["by a question about it", "by the table of all"])
def test_a_client_that_has_gone_is_not_taken_for_root(connection: tuple[socket.socket, int], asked: bool) -> None:
    """Linux says 0 of a closed socket: who did not wait for the answer was another user, answered as if it were root."""
    client, server = connection
    port = client.getsockname()[1]
    client.sendall(b"DELETE / HTTP/1.1")
    client.close()
    assert not Users(own=1).allowed(port, server if asked else None)


@pytest.mark.parametrize("headers", WEB_PAGES, ids=str)
async def test_web_pages_are_refused_by_every_kind_of_http_server(headers: dict[str, str]) -> None:
    assert (await _ask_asgi(headers)).status_code == 403
    assert await _ask_aiohttp(headers) == 403


async def test_programs_are_answered() -> None:
    assert (await _ask_asgi(PROGRAM)).status_code == 200
    assert await _ask_aiohttp(PROGRAM) == 200


@pytest.mark.usefixtures("another_user")
async def test_another_user_is_refused() -> None:
    refused = await _ask_asgi(PROGRAM)
    assert (refused.status_code, refused.json()["error"]["message"]) == (
        403,
        "the local cloud belongs to another user of this machine",
    )
    assert await _ask_aiohttp(PROGRAM) == 403
    for style in ("plain", "coroutine", "generator"):
        assert await _call_grpc(style) == "PERMISSION_DENIED"


@pytest.mark.parametrize("style", ["plain", "coroutine", "generator"])
async def test_this_user_is_answered_by_grpc(style: str) -> None:
    assert await _call_grpc(style) == "OK"


SITE = {"Host": "api.example.com"}


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", SITE, 200),
        ("POST", SITE | {"Origin": "https://api.example.com"}, 200),
        ("POST", SITE | {"Origin": "https://evil.example"}, 403),
        ("POST", SITE | {"Origin": "null"}, 403),
        ("GET", SITE | {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, 200),
        ("GET", SITE | {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ("GET", SITE | {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ("POST", SITE | {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
    ],
    ids=str,
)
async def test_a_service_answers_its_own_site_and_programs(method: str, headers: dict[str, str], status: int) -> None:
    assert (await _ask(SameOrigin(_answering), headers, method)).status_code == status


async def test_a_service_that_knows_its_names_has_no_other() -> None:
    app = SameOrigin(_answering, "127.0.0.1, localhost")
    assert (await _ask(app, {"Host": "localhost:9000"})).status_code == 200
    assert (await _ask(app, {"Host": "rebound.evil.example:9000"})).status_code == 421


async def _answering(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def _ask(app: Any, headers: dict[str, str], method: str = "POST") -> httpx.Response:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as own:
        transport = httpx.ASGITransport(app, client=own.getsockname())
        async with httpx.AsyncClient(
            transport=transport, base_url=f"http://127.0.0.1:{own.getpeername()[1]}"
        ) as client:
            return await client.request(method, "/", headers=headers)


async def _ask_asgi(headers: dict[str, str]) -> httpx.Response:
    return await _ask(OnlyPrograms(_answering), headers)


async def _ask_aiohttp(headers: dict[str, str]) -> int:
    async def answer(request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application(middlewares=[only_programs])
    app.router.add_post("/", answer)
    async with TestClient(TestServer(app)) as client, client.post("/", headers=headers) as response:
        return response.status


async def _call_grpc(style: str) -> str:
    def plain(request: bytes, context: Any) -> bytes:
        return b""

    async def coroutine(request: bytes, context: Any) -> bytes:
        return b""

    async def generator(request: bytes, context: Any) -> Any:
        yield b""

    server = guarded_server(options=[])
    make = grpc.unary_stream_rpc_method_handler if style == "generator" else grpc.unary_unary_rpc_method_handler
    method = {"plain": plain, "coroutine": coroutine, "generator": generator}[style]
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("t", {"M": make(method)})])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        channel: Any = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        async with channel:
            if style == "generator":
                async for _ in channel.unary_stream("/t/M")(b""):
                    pass
            else:
                await channel.unary_unary("/t/M")(b"")
    except grpc.aio.AioRpcError as error:
        return error.code().name
    finally:
        await server.stop(None)
    return "OK"

"""The POS API beside clients that send slowly and a Pub/Sub that does not answer: others are served, all are answered."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import functions_framework
import httpx
import pytest
from fastyle_localcloud import function_server
from fastyle_localcloud.socket_owner import FOREIGN

import workloads
from cloud_processes.other_user import another_users_socket
from tests.support.events import sale
from tests.support.pos_api import environment_in
from tests.support.publisher_server import PublisherServer, publisher_server
from tests.unit.workloads.pos_api.test_pos_api import SALES, wait_for
from workloads.pos_api.publisher import PROBE_SECONDS, Outage, PublishError

pytestmark = pytest.mark.slow

THREADS = 8
GOOD = {"Authorization": "Bearer all"}
# Deadlines a tenth of the real ones: what is shown is that they hold.
ENTRY = """
import workloads.pos_api.body as body
import workloads.pos_api.publisher as publisher

body.BODY_SECONDS, body.PIECE_SECONDS = 3.0, 1.0
publisher.ATTEMPT_SECONDS, publisher.RETRY_SECONDS, publisher.ANSWER_SECONDS = 1.0, 1.5, 3.0
from workloads.pos_api.main import handle as handle
"""


post = partial(httpx.post, verify=httpx.create_ssl_context())
"""Of a connection of its own. The certificates, which none of these needs, are read once and not by each."""

SLEEPER = """
import time

def handle(request):
    time.sleep(0 if request.method == "GET" else 1)
    return "done"
"""


@pytest.fixture(scope="module")
def pubsub() -> Iterator[PublisherServer]:
    with publisher_server() as server:
        yield server


@pytest.fixture(scope="module")
def address(pubsub: PublisherServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """The server that runs in the cloud, with few threads."""
    command = [sys.executable, "-m", "functions_framework"]
    with serving(command, tmp_path_factory.mktemp("pos-api"), pubsub) as served:
        yield served


@pytest.fixture(scope="module")
def sleeper(pubsub: PublisherServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """A function of a second a request, as the local cloud runs it."""
    folder, packages = tmp_path_factory.mktemp("sleeper"), str(Path(functions_framework.__file__).parents[1])
    command = [sys.executable, "-I", function_server.__file__, str(folder), packages]
    with serving(command, folder, pubsub, entry=SLEEPER) as served:
        yield served


@contextmanager
def serving(command: list[str], folder: Path, pubsub: PublisherServer, entry: str = ENTRY) -> Iterator[tuple[str, int]]:
    environment = environment_in(folder, pubsub.port)
    (folder / "main.py").write_text(entry)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*command, "--source", "main.py", "--target", "handle"]
    variables = os.environ | environment | {"THREADS": str(THREADS)}
    process = subprocess.Popen([*command, "--host", "127.0.0.1", "--port", str(port)], cwd=folder, env=variables)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            wait_for(client)
        yield "127.0.0.1", port
    finally:
        process.terminate()
        process.wait(10)


class Slow:
    """A client that sends the head of a request at once and then a byte of its body every 50 ms."""

    def __init__(self, address: tuple[str, int], authorization: str, framing: str) -> None:
        self._socket = socket.create_connection(address, timeout=20)
        head = f"POST {SALES} HTTP/1.1\r\nHost: pos\r\n{authorization}{framing}\r\n\r\n"
        self._socket.sendall(head.encode())
        self._byte = b"1\r\n \r\n" if "chunked" in framing else b" "
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._drip, daemon=True)
        self._thread.start()

    def _drip(self) -> None:
        while not self._stop.wait(0.05):
            try:
                self._socket.sendall(self._byte)
            except OSError:
                return

    def status(self) -> int:
        """The status of the answer, which may come long before the body has been sent."""
        line = b""
        while b"\r\n" not in line:
            piece = self._socket.recv(1024)
            assert piece, "closed without an answer"
            line += piece
        return int(line.split()[1])

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)
        self._socket.close()


@contextmanager
def slow_clients(count: int, *arguments: Any) -> Iterator[list[Slow]]:
    with ExitStack() as stack:
        clients = [Slow(*arguments) for _ in range(count)]
        for client in clients:
            stack.callback(client.close)
        yield clients


@pytest.mark.parametrize("framing", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
def test_a_caller_without_a_credential_is_answered_before_its_body(address: tuple[str, int], framing: str) -> None:
    """One byte a second and no credential once stopped the POS API: twice as many of them as there are threads."""
    with slow_clients(2 * THREADS, address, "", framing) as clients:
        started = time.monotonic()
        assert [client.status() for client in clients] == [401] * len(clients)
        answer = post(f"http://{address[0]}:{address[1]}{SALES}", json=sale(), headers=GOOD, timeout=20)
        assert answer.status_code == 202
        assert time.monotonic() - started < 8, "2 rounds of the second that each connection is kept after its answer"


@pytest.mark.parametrize("framing", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
def test_a_slow_body_is_given_up(address: tuple[str, int], framing: str) -> None:
    with slow_clients(THREADS, address, "Authorization: Bearer all\r\n", framing) as clients:
        assert [client.status() for client in clients] == [408] * len(clients)
        answer = post(f"http://{address[0]}:{address[1]}{SALES}", json=sale(), headers=GOOD, timeout=20)
        assert answer.status_code == 202


def test_slow_heads_keep_no_thread_of_the_local_cloud(pubsub: PublisherServer, tmp_path: Path) -> None:
    """In the cloud they end at Google's front end; the framework's server alone gives each a thread, for ever."""
    packages = str(Path(functions_framework.__file__).parents[1])
    command = [sys.executable, "-I", function_server.__file__, str(tmp_path), packages]
    tmp_path.joinpath("workloads").symlink_to(Path(workloads.__file__ or "").parent)
    with serving(command, tmp_path, pubsub) as address, ExitStack() as stack:
        connections = [stack.enter_context(socket.create_connection(address, timeout=20)) for _ in range(3 * THREADS)]
        started, stop = time.monotonic(), threading.Event()

        def drip() -> None:
            while not stop.wait(0.2):
                for connection in connections:
                    with suppress(OSError):
                        connection.sendall(b"X-Slow: 1\r\n")

        for connection in connections:
            connection.sendall(f"POST {SALES} HTTP/1.1\r\n".encode())
        dripping = threading.Thread(target=drip, daemon=True)
        dripping.start()
        url = f"http://{address[0]}:{address[1]}{SALES}"
        with httpx.Client(headers=GOOD, timeout=20) as client:  # also on a connection that served one before
            assert [client.post(url, json=sale()).status_code for _ in range(3)] == [202] * 3
        assert time.monotonic() - started < function_server.HEAD_SECONDS, "it was not their end that made room"
        for connection in connections:
            with suppress(ConnectionResetError):
                assert connection.recv(1024) == b""
        assert time.monotonic() - started < 2 * function_server.HEAD_SECONDS, "all were ended together"
        stop.set()
        dripping.join()


def test_more_than_the_threads_can_bear_is_refused_in_time(sleeper: tuple[str, int]) -> None:
    """They waited for their turn until they gave up: the flood of the soak had 89,776 time-outs and no refusal."""
    url, count = f"http://{sleeper[0]}:{sleeper[1]}{SALES}", 8 * THREADS

    def send(_: int) -> tuple[httpx.Response, float]:
        started = time.monotonic()
        return post(url, json=sale(), timeout=60), time.monotonic() - started

    with ThreadPoolExecutor(count) as senders:
        answers = list(senders.map(send, range(count)))
    assert post(url, json=sale(), timeout=60).status_code == 200
    statuses = Counter(answer.status_code for answer, _ in answers)
    assert set(statuses) == {200, 503}
    assert statuses[200] >= 2 * THREADS, "who waits for a short while is served"
    assert max(seconds for _, seconds in answers) < function_server.WAIT_SECONDS + 4, "one after another takes 8 s"
    refused = next(answer for answer, _ in answers if answer.status_code == 503)
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["detail"] == "too many requests: send it again"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_user_of_the_machine_is_refused_by_a_function(sleeper: tuple[str, int]) -> None:
    with another_users_socket() as other:
        other.settimeout(10)
        other.connect(sleeper)
        other.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        head, _, body = other.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert b"Connection: close" in head
    assert json.loads(body)["detail"] == FOREIGN


def test_a_body_that_ends_early_is_the_senders_fault(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=20) as connection:
        body = json.dumps(sale()).encode()
        head = f"POST {SALES} HTTP/1.1\r\nHost: pos\r\nAuthorization: Bearer all\r\nContent-Length: {len(body) + 1}\r\n\r\n"
        connection.sendall(head.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"ended after" in answer


def test_every_till_is_answered_in_time_while_pubsub_is_silent(
    address: tuple[str, int], pubsub: PublisherServer
) -> None:
    """Many more requests than threads: those behind the ones that wait are refused, not kept waiting for their turn."""
    pubsub.hold.clear()
    url = f"http://{address[0]}:{address[1]}{SALES}"

    def send(_: int) -> tuple[int, float]:
        started = time.monotonic()
        status = post(url, json=sale(), headers=GOOD, timeout=60).status_code
        return status, time.monotonic() - started

    count = 8 * THREADS
    with ThreadPoolExecutor(count) as senders:
        answers = list(senders.map(send, range(count)))
    assert {status for status, _ in answers} == {503}
    # One turn takes up to 2.5 s with these deadlines; eight turns would take 20.
    assert max(seconds for _, seconds in answers) < 10
    pubsub.hold.set()
    deadline = time.monotonic() + 20
    while post(url, json=sale(), headers=GOOD, timeout=20).status_code != 202:
        assert time.monotonic() < deadline, "it is taken as silent though it answers"
        time.sleep(0.2)


def test_an_outage_lets_one_request_a_second_try() -> None:
    clock = [0.0]
    outage = Outage(lambda: clock[0])
    outage.check()
    outage.silent()
    for clock[0] in (0.0, PROBE_SECONDS - 0.01):
        with pytest.raises(PublishError):
            outage.check()
    clock[0] = PROBE_SECONDS
    outage.check()
    with pytest.raises(PublishError):
        outage.check()
    outage.answered()
    outage.check()
    outage.check()

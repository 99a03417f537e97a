"""What every workload stands on: structured logs, bearer credentials and bounded bodies."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from workloads.runtime import credentials as credentials_module
from workloads.runtime import logs
from workloads.runtime.bodies import BodyRefused, read_body
from workloads.runtime.credentials import CredentialStore, Unreadable, parse


@pytest.fixture
def root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.mark.usefixtures("root_logger")
def test_a_log_record_is_one_line_of_json_with_its_fields() -> None:
    out = io.StringIO()
    logs.configure("INFO", out)
    log = logging.getLogger("shop")
    log.debug("not shown")
    log.warning("two\nlines of %s", "text", extra={"event_id": "e1", "when": Path("x")})
    try:
        raise ValueError("bad")
    except ValueError:
        log.exception("failed")
    first, second = map(json.loads, out.getvalue().splitlines())
    assert first["time"].endswith("Z")
    assert {key: first[key] for key in first if key != "time"} == {
        "severity": "WARNING",
        "message": "two\nlines of text",
        "logger": "shop",
        "event_id": "e1",
        "when": "x",
    }
    assert second["severity"] == "ERROR"
    assert "ValueError: bad" in second["stack_trace"]


def entry(token: str, **changes: Any) -> dict[str, Any]:
    return {"id": token, "sha256": hashlib.sha256(token.encode()).hexdigest(), "locations": ["*"]} | changes


def content(*entries: Any) -> bytes:
    return json.dumps({"credentials": list(entries)}).encode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[]", "is not JSON of the form"),
        (b"{}", "is not JSON of the form"),
        (b'{"credentials": {}}', "is not an array"),
        (b'{"credentials": ' + b"[" * 9000, "is not JSON of the form"),
    ],
)
def test_a_file_that_is_no_list_of_credentials_says_so(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse(data)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (1, "is not an object"),
        (entry("b", id=""), "id is not a name"),
        (entry("b", id=" "), "id is not a name"),
        (entry("b", id="a\nb"), "id is not a name"),
        (entry("b", id="x" * 129), "id is not a name"),
        (entry("b", id=None), "id is not a name"),
        (entry("b", sha256="plain text"), "sha256 is not"),
        (entry("b", sha256=None), "sha256 is not"),
        (entry("b", locations="*"), "locations is not"),
        (entry("b", locations=[1]), "locations is not"),
        (entry("b", locations=[""]), "locations is not"),
        (entry("b", locations=[]), "locations is not"),
    ],
)
def test_a_bad_entry_is_told_and_costs_no_other(bad: Any, words: str) -> None:
    """One once kept an old list in force, revoked credentials with it, and locked everybody out at the next start."""
    good, [fault] = parse(content(entry("a"), bad, entry("c")))
    assert [credential.id for credential in good] == ["a", "c"]
    assert fault.startswith("credentials[1]: ")
    assert words in fault
    assert hashlib.sha256(b"b").hexdigest() not in fault


def test_a_credential_is_for_its_locations() -> None:
    (till, all_), _ = parse(content(entry("till", locations=["S01", "S02"]), entry("all")))
    assert (till.allows("S02"), till.allows("S03"), till.is_unlimited) == (True, False, False)
    assert (all_.allows("S03"), all_.is_unlimited) == (True, True)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CredentialStore:
    monkeypatch.setattr(credentials_module, "_STAT_SECONDS", 0)
    return CredentialStore(tmp_path / "credentials.json")


def test_the_file_is_followed_through_its_life(
    store: CredentialStore, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing, good, malformed (the last good stays), rotated, unreadable for a moment and for long: each fault is logged once.

    A reading of Cloud Run's mount is a call of Secret Manager: a failed one once told every till that it was unknown.
    """
    path = tmp_path / "credentials.json"

    def let_in(token: str) -> bool:
        return store.authenticate(f"Bearer {token}") is not None

    for _ in range(2):
        with pytest.raises(Unreadable):
            let_in("a")
    path.write_bytes(content(entry("a")))
    assert let_in("a")
    path.write_bytes(b"{")
    assert [let_in("a"), let_in("a")] == [True, True]
    path.write_bytes(content(entry("b")))
    assert [let_in("a"), let_in("b")] == [False, True]
    path.unlink()
    assert [let_in("a"), let_in("b")] == [False, True]
    monkeypatch.setattr(credentials_module, "_KEPT_SECONDS", 0)
    with pytest.raises(Unreadable):
        let_in("b")
    path.write_bytes(content(entry("b")))
    assert let_in("b")
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 4
    assert "every caller gets 503" in caplog.messages[0]
    assert "1 credentials read before stay in force" in caplog.messages[1]
    assert "1 credentials read before stay in force for 15 minutes" in caplog.messages[2]
    assert "every caller gets 503" in caplog.messages[3]
    assert not any(hashlib.sha256(b"a").hexdigest() in message for message in caplog.messages)


def test_nobody_waits_for_another_s_reading(
    store: CredentialStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credentials.json").write_bytes(content(entry("a")))
    assert store.authenticate("Bearer a")
    reads, may_end = threading.Event(), threading.Event()

    def hang(now: float) -> None:
        reads.set()
        may_end.wait(20)

    monkeypatch.setattr(store, "_refresh", hang)
    reader = threading.Thread(target=store.authenticate, args=("Bearer a",))
    reader.start()
    assert reads.wait(20)
    assert store.authenticate("Bearer a")
    assert reader.is_alive()
    may_end.set()
    reader.join(20)


def test_a_bad_entry_neither_keeps_revoked_ones_nor_locks_out(
    store: CredentialStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "credentials.json"
    path.write_bytes(content(entry("a"), entry("revoked")))
    assert store.authenticate("Bearer revoked")
    path.write_bytes(content(entry("a"), entry("b", id="")))
    assert store.authenticate("Bearer revoked") is None
    assert store.authenticate("Bearer a")
    assert "credentials[1]: id is not a name" in caplog.text
    assert "1 others are in force" in caplog.text


def test_a_change_that_keeps_the_time_stamp_is_seen(
    store: CredentialStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret's mount may present a new version as the same file of the same size and time."""
    path = tmp_path / "credentials.json"
    path.write_bytes(content(entry("a")))
    assert store.authenticate("Bearer a")
    stat = path.stat()
    path.write_bytes(content(entry("b")))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert store.authenticate("Bearer b") is None
    monkeypatch.setattr(credentials_module, "_READ_SECONDS", 0)
    assert store.authenticate("Bearer b")


def test_a_time_stamp_that_is_always_new_has_it_read_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cloud Run's: each reading is an access of Secret Manager, of which the estimates have one a minute."""
    path = tmp_path / "credentials.json"
    now, reads = [0.0], [0]
    read_bytes = Path.read_bytes

    def counted(file: Path) -> bytes:
        reads[0] += 1
        return read_bytes(file)

    monkeypatch.setattr(Path, "read_bytes", counted)
    monkeypatch.setattr(credentials_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    store = CredentialStore(path)

    def minutes(count: int, token: str) -> list[bool]:
        let_in = []
        for _ in range(count * 60):
            now[0] += 1
            os.utime(path, (now[0], now[0]))
            let_in.append(store.authenticate(f"Bearer {token}") is not None)
        return let_in

    path.write_bytes(content(entry("a")))
    assert all(minutes(10, "a"))
    assert reads[0] <= 12
    path.write_bytes(content(entry("b")))
    assert any(minutes(1, "b")), "a new version is seen within a minute"
    assert all(minutes(9, "b"))
    assert reads[0] <= 24
    path.write_bytes(b"{")
    assert all(minutes(10, "b")), "the last good one stays"
    assert reads[0] <= 36


@pytest.mark.parametrize(
    "header", [None, "", "bearer", "Bearer  ", "Basic a", "a", "Bearer aa", "Bearer " + "a" * 5000, "Bearer \udcff"]
)
def test_anything_else_is_nobody(store: CredentialStore, tmp_path: Path, header: str | None) -> None:
    (tmp_path / "credentials.json").write_bytes(content(entry("a")))
    assert store.authenticate("bearer a")
    assert store.authenticate(header) is None


async def test_a_body_is_bounded_in_size_and_in_time() -> None:
    async def read(pieces: list[bytes], *, ends: bool) -> bytes:
        async def receive() -> dict[str, Any]:
            if pieces:
                return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces) or not ends}
            await asyncio.sleep(60)
            raise AssertionError("waited for a sender without end")

        request = Request({"type": "http", "method": "POST", "headers": []}, receive)
        return await read_body(request, 4, seconds=0.05)

    assert await read([b"ab", b"cd"], ends=True) == b"abcd"
    for pieces, ends, status in (([b"ab", b"cde"], True, 413), ([b"a"], False, 408)):
        with pytest.raises(BodyRefused) as refused:
            await read(pieces, ends=ends)
        assert refused.value.status == status

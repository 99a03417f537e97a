"""The Cloud Storage stand-in by Google's own client, and by clients that are slow, foreign or cut off."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google_crc32c
import httpx
import pytest
from fastyle_localcloud.ports import HOST
from fastyle_localcloud.storage.process import spec
from google.api_core.exceptions import BadRequest, Conflict, MethodNotImplemented, NotFound, PreconditionFailed
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage as google_storage  # type: ignore[attr-defined]  # google.cloud has no stubs

from cloud_processes.other_user import another_users_socket

PIECE = 256 * 1024


class Storage:
    """One server in `folder`, and a client of it."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port = int(probe.getsockname()[1])
        what = spec(port=self.port, data_dir=folder / "data", location="us-central1", env=os.environ)
        self.folder, self.process = folder / "data", subprocess.Popen(what.argv, env=dict(what.env), cwd=what.cwd)
        self.url = f"http://{HOST}:{self.port}"
        self.http = httpx.Client(base_url=self.url, trust_env=False, timeout=60)
        deadline = time.monotonic() + 60
        while True:
            assert self.process.poll() is None, "the server ended at its start"
            assert time.monotonic() < deadline, "the server did not start"
            try:
                self.http.get(what.health_path or "/").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.02)
        credentials: Any = AnonymousCredentials()  # type: ignore[no-untyped-call]
        self.client: Any = google_storage.Client(
            project="p", credentials=credentials, client_options={"api_endpoint": self.url}
        )

    def connect(self) -> socket.socket:
        return socket.create_connection((HOST, self.port), timeout=60)


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    started = Storage(tmp_path_factory.mktemp("storage"))
    yield started
    started.process.terminate()
    assert started.process.wait(20) == 0


@pytest.fixture
def bucket(storage: Storage, request: pytest.FixtureRequest) -> Any:
    return storage.client.create_bucket(f"b{abs(hash(request.node.name)) % 10**9}")


def crc32c(content: bytes) -> str:
    return base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode()


@pytest.mark.parametrize("kind", ["multipart", "resumable", "streamed"])
def test_what_is_uploaded_is_read_back_whole_and_in_ranges(
    bucket: Any, storage: Storage, tmp_path: Path, kind: str
) -> None:
    content = os.urandom(3 * PIECE + 17)
    name = "a b/ü+%2F&?#.bin"
    blob = bucket.blob(name, chunk_size=None if kind == "multipart" else PIECE)
    blob.metadata, blob.cache_control = {"who": "a till"}, "no-store"
    if kind == "streamed":
        with blob.open("wb", chunk_size=PIECE) as file:  # of a size that nobody knows at the begin
            file.write(content)
    else:
        path = tmp_path / "content"
        path.write_bytes(content)
        blob.upload_from_filename(str(path), content_type="text/x", checksum="crc32c")
    found = bucket.get_blob(name)
    assert found is not None
    assert (found.size, found.crc32c, found.metadata, found.cache_control) == (
        *(len(content), crc32c(content)),
        *({"who": "a till"}, "no-store"),
    )
    assert found.download_as_bytes() == content
    assert found.download_as_bytes(start=5, end=9) == content[5:10]
    assert found.download_as_bytes(start=PIECE * 3) == content[PIECE * 3 :]
    assert (storage.folder / bucket.name / name).read_bytes() == content, "where the BigQuery stand-in reads it"
    public = storage.http.get(f"/{bucket.name}/a%20b/%C3%BC+%252F&%3F%23.bin", headers={"Range": "bytes=-4"})
    assert (public.status_code, public.content) == (206, content[-4:]), "as Go and Java read"
    beyond = storage.http.get(f"/{bucket.name}/a%20b/%C3%BC+%252F&%3F%23.bin", headers={"Range": "bytes=99999999-"})
    assert beyond.status_code == 416


def test_a_plain_upload_heeds_its_conditions_and_type(bucket: Any, storage: Storage) -> None:
    """fake-gcs-server ignored them there."""
    url, headers = f"/upload/storage/v1/b/{bucket.name}/o?uploadType=media&name=n", {"Content-Type": "text/x"}
    first = storage.http.post(f"{url}&ifGenerationMatch=0", content=b"one", headers=headers).json()
    assert (first["contentType"], first["size"]) == ("text/x", "3")
    assert storage.http.post(f"{url}&ifGenerationMatch=0", content=b"two").status_code == 412
    assert storage.http.post(f"{url}&ifGenerationMatch={first['generation']}", content=b"two").status_code == 200
    assert storage.http.get(f"/storage/v1/b/{bucket.name}/o/n?alt=media").content == b"two"


def test_conditions_of_the_client(bucket: Any) -> None:
    blob = bucket.blob("n")
    blob.upload_from_string("one", if_generation_match=0)
    first = blob.generation
    blob.upload_from_string("two", if_generation_match=first)
    with pytest.raises(PreconditionFailed):
        bucket.blob("n").upload_from_string("three", if_generation_match=first)
    with pytest.raises(PreconditionFailed):
        blob.delete(if_generation_match=first)
    with pytest.raises(NotFound):
        bucket.blob("n", generation=first).download_as_bytes()
    blob.content_type = "text/y"
    blob.patch(if_metageneration_match=1)
    assert (blob.metageneration, blob.generation > (first or 0)) == (2, True)
    with pytest.raises(PreconditionFailed):
        blob.patch(if_metageneration_match=1)
    assert bucket.blob("n").download_as_bytes() == b"two"


def test_listings_are_in_order_in_pages_and_by_folder(bucket: Any, storage: Storage) -> None:
    names = ["a", "b/1", "b/2", "b/c/3", "b0", "ä", "z/9"]
    for name in reversed(names):
        bucket.blob(name).upload_from_string("x")

    def listed(**options: Any) -> list[str]:
        return [blob.name for blob in storage.client.list_blobs(bucket, page_size=2, **options)]

    assert listed() == sorted(names)
    assert listed(prefix="b") == ["b/1", "b/2", "b/c/3", "b0"]
    assert listed(prefix="b/") == ["b/1", "b/2", "b/c/3"]
    assert listed(start_offset="b/2", end_offset="b0") == ["b/2", "b/c/3"]
    assert listed(prefix="nothing/") == []
    assert listed(prefix="../") == []
    by_folder = storage.client.list_blobs(bucket, delimiter="/", page_size=2)
    assert ([blob.name for blob in by_folder], by_folder.prefixes) == (["a", "b0", "ä"], {"b/", "z/"})
    with pytest.raises(MethodNotImplemented):
        listed(match_glob="*")


def test_copies_compositions_and_changes(bucket: Any) -> None:
    one, two = bucket.blob("one"), bucket.blob("two")
    one.metadata = {"who": "a till"}
    one.upload_from_string("1", content_type="text/x")
    two.upload_from_string("2")
    both = bucket.blob("both")
    both.compose([one, two, one])
    both.reload()
    assert (both.download_as_bytes(), both.content_type, both.component_count) == (b"121", "text/x", 3)
    assert (both.md5_hash, both.crc32c) == (None, crc32c(b"121"))
    copied = bucket.copy_blob(one, bucket, "copied")
    assert (copied.download_as_bytes(), copied.content_type, copied.metadata) == (b"1", "text/x", {"who": "a till"})
    with pytest.raises(PreconditionFailed):
        bucket.copy_blob(two, bucket, "copied", if_generation_match=0)
    copied.metadata = {"who": None, "when": "now"}
    copied.patch()
    assert bucket.get_blob("copied").metadata == {"when": "now"}
    copied.content_language = "en"
    copied.update()
    assert bucket.get_blob("copied").content_language == "en"


def test_buckets(storage: Storage) -> None:
    client = storage.client
    made = client.create_bucket("some-bucket", location="EU")
    made.labels = {"owner": "somebody"}
    made.patch()
    found = client.get_bucket("some-bucket")
    assert (found.location, found.labels, found.storage_class) == ("EU", {"owner": "somebody"}, "STANDARD")
    assert "some-bucket" in {bucket.name for bucket in client.list_buckets()}
    with pytest.raises(Conflict):
        client.create_bucket("some-bucket")
    found.blob("a/b").upload_from_string("x")
    with pytest.raises(Conflict):
        found.delete()
    found.delete(force=True)
    with pytest.raises(NotFound):
        client.get_bucket("some-bucket")
    with pytest.raises(NotFound):
        found.blob("n").upload_from_string("x")
    refused = storage.http.post("/storage/v1/b", json={"name": "../x"})
    assert refused.status_code == 400


def test_an_upload_that_was_cut_off_goes_on_where_it_was(bucket: Any, storage: Storage) -> None:
    content = os.urandom(PIECE + 100)
    url = f"/upload/storage/v1/b/{bucket.name}/o?uploadType=resumable&name=cut"
    location = storage.http.post(url, json={"contentType": "text/x"}).headers["Location"]
    path = location.removeprefix(storage.url)
    with storage.connect() as cut:
        head = f"PUT {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(content)}\r\n\r\n"
        cut.sendall(head.encode() + content[:1000])
        while storage.http.put(path, headers={"Content-Range": "bytes */*"}).headers.get("Range") != "bytes=0-999":
            time.sleep(0.01)
    total = len(content)
    more = {"Content-Range": f"bytes 500-{total - 1}/{total}"}  # some of it again
    assert storage.http.put(path, content=content[500:], headers=more).json()["size"] == str(total)
    again = storage.http.put(path, headers={"Content-Range": f"bytes */{total}"})
    assert again.json()["crc32c"] == crc32c(content), "who missed the answer is told again"
    gap = storage.http.post(url, json={}).headers["Location"].removeprefix(storage.url)
    assert storage.http.put(gap, content=b"x", headers={"Content-Range": "bytes 5-5/6"}).status_code == 400
    assert storage.http.delete(gap).status_code == 499
    assert storage.http.put(gap, content=b"x").status_code == 404


def test_a_content_that_is_not_the_one_that_was_announced_is_refused(bucket: Any, storage: Storage) -> None:
    def upload(content: bytes, attributes: bytes) -> int:
        parts = [
            b"--x\r\nContent-Type: application/json\r\n\r\n",
            attributes,
            b"\r\n--x\r\n\r\n",
            content,
            b"\r\n--x--\r\n",
        ]
        headers = {"Content-Type": "multipart/related; boundary=x"}
        url = f"/upload/storage/v1/b/{bucket.name}/o?uploadType=multipart"
        return storage.http.post(url, content=b"".join(parts), headers=headers).status_code

    assert upload(b"hello", json.dumps({"name": "n", "crc32c": crc32c(b"other")}).encode()) == 400
    assert upload(b"hello", b"not JSON") == 400
    assert upload(b"hello", b"[]") == 400
    assert bucket.get_blob("n") is None
    assert upload(b"hello", json.dumps({"name": "n", "crc32c": crc32c(b"hello")}).encode()) == 200


def test_a_slow_client_keeps_nobody_waiting_and_leaves_nothing(bucket: Any, storage: Storage) -> None:
    """fake-gcs-server answered no other request, reads included, until the last byte had come."""
    heads = (
        (f"POST /upload/storage/v1/b/{bucket.name}/o?uploadType=media&name=slow", "text/x", b"some"),
        (
            f"POST /upload/storage/v1/b/{bucket.name}/o?uploadType=multipart&name=slow",
            "multipart/related; boundary=x",
            b"--x\r\nContent-Type: application/json\r\n\r\n{}\r\n--x\r\n\r\nsome",
        ),
    )
    drafts = storage.folder / ".drafts"
    for head, kind, begin in heads:
        with storage.connect() as slow:
            told = f"{head} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: {kind}\r\nContent-Length: 1000\r\n\r\n"
            slow.sendall(told.encode() + begin)
            while kind == "text/x" and not any(drafts.iterdir()):
                time.sleep(0.01)
            bucket.blob("quick").upload_from_string("x")
            assert [blob.name for blob in storage.client.list_blobs(bucket)] == ["quick"]
        deadline = time.monotonic() + 60
        while any(drafts.iterdir()):
            assert time.monotonic() < deadline, "what was cut off is not removed"
            time.sleep(0.01)
        assert bucket.get_blob("slow") is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_large_object_is_never_in_memory(bucket: Any, storage: Storage) -> None:
    def most() -> int:
        lines = Path(f"/proc/{storage.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))

    content, before = bytes(48 * 2**20), most()
    url = f"/upload/storage/v1/b/{bucket.name}/o?uploadType=media&name=large"
    assert storage.http.post(url, content=content).json()["size"] == str(len(content))
    bucket.blob("twice").compose([bucket.blob("large")])
    with storage.http.stream("GET", f"/{bucket.name}/large") as answer:
        assert sum(map(len, answer.iter_raw())) == len(content)
    assert most() - before < len(content) / 3
    bucket.delete_blobs(["large", "twice"])


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}], ids=str
)
def test_a_web_page_is_refused(storage: Storage, headers: dict[str, str]) -> None:
    assert storage.http.get("/storage/v1/b", headers=headers).status_code == 403


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_user_of_the_machine_is_refused(bucket: Any, storage: Storage) -> None:
    with another_users_socket() as other:
        other.settimeout(60)
        other.connect((HOST, storage.port))
        other.sendall(f"GET /storage/v1/b HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        answer = other.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"belongs to another user" in answer
    assert bucket.name.encode() not in answer
    assert storage.folder.stat().st_mode & 0o077 == 0


def test_what_is_not_served_is_said(bucket: Any, storage: Storage) -> None:
    with pytest.raises(MethodNotImplemented, match="does not serve GET"):
        bucket.get_iam_policy()
    with pytest.raises(BadRequest):
        bucket.blob("../../escaped").upload_from_string("x")
    assert storage.http.post("/batch/storage/v1").status_code == 501
    assert storage.http.post(f"/upload/storage/v1/b/{bucket.name}/o").status_code == 400
    assert storage.http.get(f"/storage/v1/b/{bucket.name}/o?maxResults=x").status_code == 400
    assert storage.http.get(f"/storage/v1/b/{bucket.name}/o?pageToken=%C3%BC").status_code == 400

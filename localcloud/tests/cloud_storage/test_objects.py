"""Objects as files: at whatever moment the server is killed or the disk is full, an object is the old one or the new."""

from __future__ import annotations

import base64
import errno
import hashlib
import itertools
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from fastyle_localcloud.storage.objects import Conditions, Object, Objects
from fastyle_localcloud.storage.protocol import Refused

ANY = Conditions({})
BUCKET, NAME = "lake", "sales/2026/one.avro"


class Killed(BaseException):
    """The end of the process, at this call."""


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    opened = Objects(tmp_path / "storage")
    opened.create_bucket(BUCKET, {"timeCreated": 0.0})
    return opened


def put(objects: Objects, content: bytes, name: str = NAME, **attributes: Any) -> Object:
    draft = objects.draft()
    try:
        draft.write(content)
        return objects.put(BUCKET, name, draft, {**draft.checksums.attributes(), **attributes}, ANY)
    except OSError:
        draft.discard()
        raise


def state(objects: Objects) -> dict[str, tuple[bytes, str | None]]:
    """Every object's content and content type, as a listing and a download find them."""
    found = (objects.get(BUCKET, name) for name in objects.names(BUCKET))
    return {each.name: (each.path.read_bytes(), each.attributes.get("contentType")) for each in found}


def files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


class Faults:
    """Changes of the file system, of which one fails."""

    def __init__(self, failing: int, failure: Callable[[], BaseException]) -> None:
        self.made, self._failing, self._failure = 0, failing, failure

    @contextmanager
    def injected(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for place, name in (
                *((os, name) for name in ("replace", "unlink", "mkdir", "utime")),
                (Path, "write_text"),
            ):
                patch.setattr(place, name, self._counted(getattr(place, name)))
            yield

    def _counted(self, function: Any) -> Any:
        def called(*arguments: Any, **options: Any) -> Any:
            self.made += 1
            if self.made == self._failing:
                raise self._failure()
            return function(*arguments, **options)

        return called


@pytest.mark.parametrize("former", [None, b"old"], ids=["a new object", "one that was there"])
@pytest.mark.parametrize("failure", [Killed, lambda: OSError(errno.ENOSPC, "full")], ids=["killed", "full"])
def test_an_object_is_the_old_one_or_the_new_one(
    tmp_path: Path, former: bytes | None, failure: Callable[[], BaseException]
) -> None:
    """fake-gcs-server wrote the content, then the attributes: between the two, a bucket could not be listed any more."""
    for failing in itertools.count(1):
        objects = Objects(tmp_path / f"storage-{failing}")
        objects.create_bucket(BUCKET, {"timeCreated": 0.0})
        if former is not None:
            put(objects, former, contentType="text/old")
        before, known, faults = state(objects), files(objects._folder), Faults(failing, failure)
        answered = False
        with faults.injected(), suppress(Killed, OSError):
            put(objects, b"new", contentType="text/new")
            answered = True
        if faults.made < failing:
            break
        if failure is not Killed and not answered:
            assert files(objects._folder) == known, "what was refused leaves nothing behind"
        again = Objects(objects._folder)
        after = state(again)
        assert after in (before, {NAME: (b"new", "text/new")})
        assert answered is False or after != before
        assert failure is Killed or answered is (after != before)
        put(again, b"newer", contentType="text/newer")
        assert state(again) == {NAME: (b"newer", "text/newer")}
    assert failing > 4


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small volume")
def test_a_full_volume_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)]
    if subprocess.run(mounted, capture_output=True).returncode:
        pytest.skip("no volume may be mounted here")
    try:
        objects = Objects(folder)
        objects.create_bucket(BUCKET, {"timeCreated": 0.0})
        accepted: dict[str, tuple[bytes, str | None]] = {}
        for number in range(200):
            name, content = f"object-{number % 40}", os.urandom(3000 + 100 * number)
            refusal = None
            try:
                put(objects, content, name, contentType=f"text/{number}")
            except OSError as error:
                refusal = error.errno
            else:
                accepted[name] = content, f"text/{number}"
            assert refusal in (None, errno.ENOSPC)
            assert state(objects) == accepted
        assert len(accepted) < 200
        assert state(Objects(folder)) == accepted
        objects.delete(objects.get(BUCKET, next(iter(accepted))))
        put(objects, b"small", "after")
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_piece_that_has_no_room_is_not_half_there(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = objects.draft()
    draft.write(b"first")
    opened = Path.open

    def short(path: Path, *arguments: Any, **options: Any) -> Any:
        file = opened(path, *arguments, **options)
        write = file.write
        return _Short(file, lambda chunk: write(chunk[:2]))

    monkeypatch.setattr(Path, "open", short)
    with pytest.raises(OSError, match="No space left"):
        draft.write(b"second")
    monkeypatch.undo()
    draft.write(b" last")
    assert (draft.path.read_bytes(), draft.size) == (b"first last", 10)


class _Short:
    """A file that takes only what there is room for."""

    def __init__(self, file: Any, write: Callable[[bytes], int]) -> None:
        self._file, self.write = file, write

    def __enter__(self) -> _Short:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@pytest.mark.parametrize(
    "name", ["", "../other", "a/../../b", "/etc/x", "a//b", "a/", ".", "a/./b", "a\nb", "a\0b", "x" * 300]
)
def test_a_name_that_is_no_file_of_the_bucket_is_refused(objects: Objects, tmp_path: Path, name: str) -> None:
    """fake-gcs-server wrote `../../x` outside of its folder."""
    with pytest.raises(Refused) as refused:
        put(objects, b"x", name)
    assert refused.value.status == 400
    assert list(objects.names(BUCKET, f"{name}/")) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["storage"]


def test_a_name_that_is_anothers_folder_is_refused_until_that_one_is_gone(objects: Objects) -> None:
    inner = put(objects, b"x", "a/b")
    with pytest.raises(IsADirectoryError):
        put(objects, b"x", "a")
    with pytest.raises((NotADirectoryError, FileExistsError)):
        put(objects, b"x", "a/b/c")
    objects.delete(inner)
    put(objects, b"x", "a")
    assert list(objects.names(BUCKET)) == ["a"]


def test_a_file_that_another_program_has_put_there_is_an_object(objects: Objects) -> None:
    """Those of fake-gcs-server, too, which earlier releases had: with the checksums of their content."""
    path = put(objects, b"x").path.with_name("foreign.txt")
    path.write_bytes(b"hello")
    found = objects.get(BUCKET, "sales/2026/foreign.txt")
    assert (found.size, found.attributes["md5Hash"], found.attributes["crc32c"]) == (
        5,
        "XUFAKrxLKna5cZ2REBfFkg==",
        "mnG7TA==",
    )
    path.write_bytes(b"other")
    os.utime(path, ns=(10**18, 10**18))
    changed = objects.get(BUCKET, "sales/2026/foreign.txt")
    assert (changed.generation, changed.attributes["md5Hash"]) == (
        10**15,
        base64.b64encode(hashlib.md5(b"other").digest()).decode(),
    )


def test_generations_grow_though_the_clock_goes_back(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    first = put(objects, b"one")
    monkeypatch.setattr("time.time_ns", lambda: 10**18)
    assert put(objects, b"two").generation > first.generation

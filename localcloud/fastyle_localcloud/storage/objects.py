"""Objects of Cloud Storage as files, and what is known of each beside them; all or nothing, also on a full disk.

`<bucket>/<object>` holds the content, and the file's modification time is its generation, in microseconds. Content
type, metadata and checksums lie in `.attributes/<bucket>/`, in a file named by the object and that generation. It is
written first; the object then changes by one rename. A kill at any moment leaves the old object or the new one.

A file that somebody else has put there is an object too, with the attributes that its content has.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any

from fastyle_localcloud.storage.drafts import Checksums, Draft
from fastyle_localcloud.storage.protocol import Attributes, Refused, pieces, whole_number

_ATTRIBUTES = ".attributes"
_DRAFTS = ".drafts"
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_NAME_BYTES = 1024
_NO_PART = ("", ".", "..")
"""What no part of an object's name is, between slashes: an object is a file here."""
_NO_LETTER = re.compile("[\r\n\0\ud800-\udfff]")
_SETTINGS = "bucket.json"


@dataclass(frozen=True)
class Object:
    """One object as it is now."""

    bucket: str
    name: str
    path: Path
    generation: int
    size: int
    attributes: Attributes

    @property
    def metageneration(self) -> int:
        """How often the attributes of this generation were set."""
        return int(self.attributes.get("metageneration", 1))


class Conditions:
    """What a request demands of the object that is there; a generation of 0: that there is none."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._demands = [
            (whole_number(parameters, f"if{number}Match"), whole_number(parameters, f"if{number}NotMatch"))
            for number in ("Generation", "Metageneration")
        ]

    def hold(self, current: Object | None, *, reading: bool = False) -> None:
        """Raises `Refused` where they do not."""
        there = (current.generation, current.metageneration) if current else (0, 0)
        for (wanted, unwanted), number in zip(self._demands, there, strict=True):
            if number == unwanted and reading:
                raise Refused(304, "notModified", "Not Modified")
            if number == unwanted or wanted not in (None, number):
                raise Refused(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")


class Objects:
    """The objects under `folder`. Each call is done when it returns, and nothing comes between: one thread calls."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        shutil.rmtree(self._folder / _DRAFTS, ignore_errors=True)  # what a kill left of uploads
        (self._folder / _DRAFTS).mkdir(parents=True, mode=0o700)

    def buckets(self) -> list[str]:
        """Names, sorted."""
        return sorted(x.name for x in os.scandir(self._folder) if x.is_dir() and _BUCKET_NAME.fullmatch(x.name))

    def bucket(self, name: str) -> Attributes:
        """The settings of a bucket, with the time of its creation; raises `Refused` where there is none."""
        folder = self._bucket_folder(name)
        try:
            settings = json.loads((self._folder / _ATTRIBUTES / name / _SETTINGS).read_text())
        except (FileNotFoundError, ValueError):
            settings = {"timeCreated": folder.stat().st_ctime}
        return dict(settings)

    def create_bucket(self, name: str, settings: Attributes) -> None:
        """With `timeCreated` among its settings."""
        if not _BUCKET_NAME.fullmatch(name):
            raise Refused(400, "invalid", f"Invalid bucket name: {name[:250]!r}")
        folder = self._folder / name
        if folder.exists():
            raise Refused(409, "conflict", "The bucket exists already.")
        self.change_bucket(name, settings)
        folder.mkdir(mode=0o700)

    def change_bucket(self, name: str, settings: Attributes) -> None:
        """Replace its settings."""
        self._write(self._folder / _ATTRIBUTES / name / _SETTINGS, settings)

    def delete_bucket(self, name: str) -> None:
        """Only when it is empty."""
        folder = self._bucket_folder(name)
        if next(self.names(name), None) is not None:
            raise Refused(409, "conflict", "The bucket you tried to delete is not empty.")
        shutil.rmtree(folder)
        shutil.rmtree(self._folder / _ATTRIBUTES / name, ignore_errors=True)

    def names(self, bucket: str, prefix: str = "") -> Iterator[str]:
        """Names that begin with `prefix`, in no order."""
        root = self._bucket_folder(bucket)
        within = prefix.split("/")[:-1]
        if any(part in _NO_PART for part in within) or _NO_LETTER.search(prefix):
            return
        for folder, _, files in os.walk(root.joinpath(*within)):
            path = Path(folder).relative_to(root).as_posix()
            for file in files:
                name = file if path == "." else f"{path}/{file}"
                if name.startswith(prefix):
                    yield name

    def find(self, bucket: str, name: str, generation: int | None = None) -> Object | None:
        """The object, if it is there, and of this generation where one is given."""
        path = self._path(bucket, name)
        try:
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        current = status.st_mtime_ns // 1000
        if not S_ISREG(status.st_mode) or generation not in (None, current):
            return None
        return Object(bucket, name, path, current, status.st_size, self._attributes(bucket, name, path, current))

    def get(self, bucket: str, name: str, generation: int | None = None) -> Object:
        """As `find`; raises `Refused` where there is no such object."""
        if (stored := self.find(bucket, name, generation)) is None:
            raise Refused(404, "notFound", f"No such object: {bucket}/{name}")
        return stored

    def draft(self) -> Draft:
        """A new and empty one."""
        handle, path = tempfile.mkstemp(dir=self._folder / _DRAFTS)
        os.close(handle)
        return Draft(Path(path))

    def put(self, bucket: str, name: str, draft: Draft, attributes: Attributes, conditions: Conditions) -> Object:
        """Let `draft` be the object from now on. Where this raises, the former one is as it was."""
        path, former = self._path(bucket, name), self.find(bucket, name)
        conditions.hold(former)
        generation = max(time.time_ns() // 1000, former.generation + 1 if former else 0)
        os.utime(draft.path, ns=(generation * 1000, generation * 1000))
        generation = draft.path.stat().st_mtime_ns // 1000  # as exact as the file system is
        attributes_path = self._attributes_path(bucket, name, generation)
        try:
            stored = {name: value for name, value in attributes.items() if value is not None}
            self._write(attributes_path, {**stored, "metageneration": 1})
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft.path.replace(path)
        except OSError:
            attributes_path.unlink(missing_ok=True)
            self._remove_empty_folders(path)
            raise
        if former:
            with suppress(OSError):  # nobody reads it any more
                self._attributes_path(bucket, name, former.generation).unlink(missing_ok=True)
        return self.get(bucket, name)

    def describe(self, stored: Object, attributes: Attributes) -> Object:
        """Set the attributes of an object anew; its content and generation stay."""
        again = {**attributes, "metageneration": stored.metageneration + 1}
        self._write(self._attributes_path(stored.bucket, stored.name, stored.generation), again)
        return self.get(stored.bucket, stored.name)

    def delete(self, stored: Object) -> None:
        """Remove an object."""
        stored.path.unlink()
        self._attributes_path(stored.bucket, stored.name, stored.generation).unlink(missing_ok=True)
        self._remove_empty_folders(stored.path)

    def _bucket_folder(self, name: str) -> Path:
        folder = self._folder / name
        if not _BUCKET_NAME.fullmatch(name) or not folder.is_dir():
            raise Refused(404, "notFound", "The specified bucket does not exist.")
        return folder

    def _path(self, bucket: str, name: str) -> Path:
        """Where the content lies."""
        folder = self._bucket_folder(bucket)
        if not 0 < len(name.encode(errors="surrogatepass")) <= _NAME_BYTES or _NO_LETTER.search(name):
            raise Refused(400, "invalid", f"Object names are 1 to {_NAME_BYTES} bytes of UTF-8 in one line.")
        segments = name.split("/")
        if any(one in _NO_PART or len(one.encode()) > os.pathconf(folder, "PC_NAME_MAX") for one in segments):
            raise Refused(400, "invalid", f"{name!r} cannot be a file's name, which an object is here")
        return folder.joinpath(*segments)

    def _remove_empty_folders(self, path: Path) -> None:
        """Those that an object's name alone made: they would keep another object from having their name."""
        for folder in path.parents:
            if folder.parent == self._folder:
                return
            with suppress(FileNotFoundError):
                if next(os.scandir(folder), None) is not None:
                    return
                folder.rmdir()

    def _attributes_path(self, bucket: str, name: str, generation: int) -> Path:
        """Where the attributes of one generation lie."""
        return self._folder / _ATTRIBUTES / bucket / f"{hashlib.sha256(name.encode()).hexdigest()}-{generation}.json"

    def _attributes(self, bucket: str, name: str, path: Path, generation: int) -> Attributes:
        try:
            return dict(json.loads(self._attributes_path(bucket, name, generation).read_text()))
        except FileNotFoundError:
            pass
        checksums = Checksums()
        with path.open("rb") as file:
            for chunk in pieces(file):
                checksums.update(chunk)
        with suppress(OSError):  # computed again next time
            self._write(self._attributes_path(bucket, name, generation), checksums.attributes())
        return checksums.attributes()

    def _write(self, path: Path, attributes: Attributes) -> None:
        """Replace a file of attributes. Not forced to the disk: a kill loses nothing, a power cut may."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self.draft().path
        try:
            draft.write_text(json.dumps(attributes))
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise

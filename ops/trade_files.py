"""Events from files, by the kind of file: NDJSON, an event a line; CSV, an event a row, or one of its items.

`READERS` has a function a kind. What a file says is checked by the POS API alone: a reader brings it into the form of events
and says what it cannot read.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ops.csv_files import CsvFile
from ops.errors import OperatorError
from ops.sender import Refusal
from ops.texts import FileFault, read_text
from workloads.events import STREAMS, Stream

Event = dict[str, Any]
_MADE_OF_CONTENT = uuid.UUID("6f1b0a52-7d0f-4a8c-9d55-1f3c0e4b7a21")
"""The namespace of event ids that files do not have: the same row is the same event, however often it is sent."""


class FileEvent(dict[str, Any]):
    """An event that was read from a file, and the line it was on."""

    def __init__(self, event: Event, line: int) -> None:
        super().__init__(event)
        self.line = line


def from_file(path: Path, encoding: str | None = None) -> tuple[list[tuple[str, Event]], list[Refusal]]:
    """Events of a file with their streams, and the lines that are none.

    Raises:
        OperatorError: the file cannot be read or decoded, holds nothing, or is as a whole not what its name says.
    """
    events: list[tuple[str, Event]] = []
    refusals: list[Refusal] = []
    try:
        for one in _reader_of(path)(read_text(path, encoding)):
            if isinstance(one, Refusal):
                refusals.append(one)
            else:
                events.append((_stream_of(one.keys()), one))
    except FileFault as fault:
        raise OperatorError(f"{path}:{fault.line}: {fault}; nothing was sent") from None
    if not events and not refusals:
        raise OperatorError(f"{path}: holds no events; nothing was sent")
    return events, refusals


def _reader_of(path: Path) -> Callable[[str], Iterator[FileEvent | Refusal]]:
    suffix = path.suffix.lower()
    if suffix and suffix not in READERS:
        raise OperatorError(
            f"{path}: the end of a file's name tells what it holds: {', '.join(READERS)}; rename or convert it"
        )
    return READERS.get(suffix, ndjson)


def ndjson(text: str) -> Iterator[FileEvent | Refusal]:
    """An event a line.

    Raises:
        FileFault: it is JSON, but not an event a line.
    """
    first = text.lstrip().split("\n", 1)[0].strip()
    if first.startswith("[") or first == "{":
        raise FileFault(
            1, "is JSON, but not one event a line; `jq -c '.[]'` makes that of an array, `jq -c .` of objects"
        )
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError) as e:
            yield Refusal(line.rstrip("\r"), "", f"is not JSON: {e}", number)
            continue
        if isinstance(event, dict):
            yield FileEvent(event, number)
        else:
            yield Refusal(event, "", "is not a JSON object; one event a line", number)


def csv_rows(text: str) -> Iterator[FileEvent | Refusal]:
    """A row an event, its columns the fields; where events list items, a row an item, and rows of one event have one
    `event_id`, or else one number. An empty cell is an absent value; without `event_id` an event's content is its identity.

    Raises:
        FileFault: the columns are not those of a stream, or a row that no event can do without cannot be read.
    """
    file = CsvFile(text)
    stream = STREAMS[_stream_of(file.columns, with_items=True)]
    _check_columns(file.columns, stream)
    rows = _Rows(stream)
    for line, cells in file.rows():
        if len(cells) == len(file.columns):
            rows.add(line, {name: value for name, value in zip(file.columns, cells, strict=True) if value != ""})
            continue
        fault = f"has {len(cells)} columns, the header {len(file.columns)}; put what holds the separator in quotes"
        if stream.items:  # which event it belongs to is not known, and an event without it would be another one
            raise FileFault(line, fault)
        yield Refusal(cells, "", fault, line)
    yield from rows.events()


READERS: dict[str, Callable[[str], Iterator[FileEvent | Refusal]]] = {
    ".csv": csv_rows,
    ".ndjson": ndjson,
    ".jsonl": ndjson,
    ".json": ndjson,
}
"""By the end of a file's name; without any it is NDJSON. A file of another system's has a reader of its own here."""


class _Rows:
    """Rows of a file, put together to the events that they are of."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._fields = {field["name"]: field for field in stream.avro["fields"]}
        self._items = _item_fields(stream)
        self._number = _number_of(stream)
        self._events: dict[str, FileEvent] = {}
        self._refused: dict[str, Refusal] = {}

    def add(self, line: int, row: Mapping[str, str]) -> None:
        own = _typed({name: value for name, value in row.items() if name not in self._items}, self._fields)
        if self._stream.items is None:
            self._events[str(line)] = FileEvent(own, line)
            return
        key = str(own.get("event_id") or own.get(self._number) or json.dumps(own, sort_keys=True))
        event = self._events.setdefault(key, FileEvent({**own, self._stream.items["name"]: []}, line))
        differing = [
            name for name in self._fields if name != self._stream.items["name"] and event.get(name) != own.get(name)
        ]
        if differing and key not in self._refused:
            fault = f"differs on line {line} from line {event.line}; rows of one {self._number} differ in their items' fields alone"
            self._refused[key] = Refusal(event, differing[0], fault, line)
        listed = event[self._stream.items["name"]]
        # What tells items apart is their place, unless the row says so.
        number = {next(iter(self._items)): len(listed) + 1}
        listed.append(number | _typed({name: value for name, value in row.items() if name in self._items}, self._items))

    def events(self) -> Iterator[FileEvent | Refusal]:
        for key, event in self._events.items():
            if refusal := self._refused.get(key):
                yield refusal
                continue
            content = json.dumps([self._stream.key, event], sort_keys=True)
            event.setdefault("event_id", str(uuid.uuid5(_MADE_OF_CONTENT, content)))
            yield event


def _item_fields(stream: Stream) -> dict[str, Any]:
    return {field["name"]: field for field in stream.items["type"]["items"]["fields"]} if stream.items else {}


def _number_of(stream: Stream) -> str:
    """The field that has an event's number on paper, such as a receipt's: the id that follows `event_id`, if one does."""
    first, second = stream.avro["fields"][:2]
    return str(second["name"] if second["contract"].get("format") == "id" else first["name"])


def _check_columns(columns: Sequence[str], stream: Stream) -> None:
    """Refuse a file whose rows the POS API would all refuse.

    Raises:
        FileFault: a column is no field of the stream's events, or a field that every event has is missing.
    """
    items = _item_fields(stream)
    fields = {field["name"]: field for field in stream.avro["fields"] if field is not stream.items} | items
    unasked = {"event_id", *list(items)[:1]}
    unknown = [name for name in columns if name not in fields]
    missing = [
        name for name in fields if name not in {*columns, *unasked} and not isinstance(fields[name]["type"], list)
    ]
    if not {*columns} - {""}:
        raise FileFault(1, "has no header that names its columns (docs/imports.md lists them)")
    if len(unknown) == len(columns):
        raise FileFault(
            1, f"none of its columns is a field of an event: {', '.join(unknown)} (docs/imports.md lists them)"
        )
    if unknown or missing:
        said = [
            f"no field of stream {stream.key} is called {', '.join(map(repr, unknown))}" if unknown else "",
            f"a column is missing for {', '.join(missing)}" if missing else "",
        ]
        raise FileFault(1, f"{'; '.join(filter(None, said))} (docs/imports.md lists the columns)")


def _typed(row: Mapping[str, str], fields: Mapping[str, Any]) -> Event:
    """Cells with the types of JSON: a whole number where the contract has an integer; the contract says what is wrong."""
    whole = {name for name, field in fields.items() if field["contract"].get("format") == "integer"}
    return {
        name: int(value) if name in whole and re.fullmatch(r"[+-]?[0-9]{1,18}", value) else value
        for name, value in row.items()
    }


def _stream_of(names: Iterable[str], *, with_items: bool = False) -> str:
    """The stream that has most of these fields and lacks fewest: an event that no stream takes is some stream's all the
    same, whose contract says what is wrong with it. `with_items`: the fields of an event's items are among them."""
    given = set(names)

    def fits(key: str) -> int:
        fields = {field["name"] for field in STREAMS[key].avro["fields"]}
        if with_items:
            fields |= _item_fields(STREAMS[key]).keys()
        return len(given & fields) - len(given - fields)

    return max(reversed(STREAMS), key=fits)


def write_refusals(refusals: Iterable[Refusal], path: Path) -> None:
    """Write what was refused, a line each: where it stood, which event, which field, why, and the event itself.

    Raises:
        OperatorError: the file cannot be written.
    """
    try:
        with path.open("w", encoding="utf-8") as f:
            for refusal in sorted(refusals, key=lambda r: r.line or 0):
                f.write(json.dumps(refusal.as_json()) + "\n")
    except OSError as e:
        raise OperatorError(f"{path} cannot be written: {e.strerror}; name another file with --rejects") from None

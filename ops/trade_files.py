"""Events from files, by the kind of file: NDJSON, an event a line; CSV, an event a row, or one of its items.

`READERS` has a function a kind. What a file says is checked by the POS API alone: a reader brings it into the form of events
and says what it cannot read.
"""

from __future__ import annotations

import csv
import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ops.errors import OperatorError
from ops.sender import Refusal
from ops.texts import read_text
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
    """Events of a file with their streams, and the lines that are none. A file of no kind in `READERS` is NDJSON.

    Raises:
        OperatorError: the file cannot be read or decoded.
    """
    events: list[tuple[str, Event]] = []
    refusals: list[Refusal] = []
    for one in READERS.get(path.suffix.lower(), ndjson)(read_text(path, encoding)):
        if isinstance(one, Refusal):
            refusals.append(one)
        else:
            events.append((_stream_of(one.keys()), one))
    return events, refusals


def ndjson(text: str) -> Iterator[FileEvent | Refusal]:
    """An event a line."""
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
    """A row an event, its columns the fields; where events list items, rows that differ in their items' fields alone are one
    event. An empty cell is an absent value; without `event_id` an event's content is its identity."""
    reader = csv.DictReader(text.splitlines(keepends=True), strict=True)
    stream = STREAMS[_stream_of(reader.fieldnames or (), with_items=True)]
    events: dict[str, FileEvent] = {}
    line = 2
    try:
        for row in reader:
            if None in row or None in row.values():
                yield Refusal(row.get(None) or row, "", "does not have as many columns as the header", line)
            else:
                _add(events, stream, {name: value for name, value in row.items() if value != ""}, line)
            line = reader.line_num + 1
    except csv.Error as error:
        yield Refusal(None, "", f"is not CSV: {error}", line)
    for event in events.values():
        event.setdefault("event_id", str(uuid.uuid5(_MADE_OF_CONTENT, json.dumps([stream.key, event], sort_keys=True))))
        yield event


READERS: dict[str, Callable[[str], Iterator[FileEvent | Refusal]]] = {".csv": csv_rows}
"""By the end of a file's name. A file of another system's has a reader of its own here."""


def _add(events: dict[str, FileEvent], stream: Stream, row: Event, line: int) -> None:
    fields = {field["name"]: field for field in stream.avro["fields"]}
    if stream.items is None:
        events[str(line)] = FileEvent(_typed(row, fields), line)
        return
    items = {field["name"]: field for field in stream.items["type"]["items"]["fields"]}
    own = {name: value for name, value in row.items() if name not in items}
    event = events.setdefault(json.dumps(own, sort_keys=True), FileEvent(_typed(own, fields), line))
    listed = event.setdefault(stream.items["name"], [])
    number = {next(iter(items)): len(listed) + 1}  # what tells items apart is their place, unless the row says so
    listed.append(number | _typed({name: value for name, value in row.items() if name in items}, items))


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
        if with_items and (items := STREAMS[key].items):
            fields |= {field["name"] for field in items["type"]["items"]["fields"]}
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

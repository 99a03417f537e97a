"""One stream's folder: its declaration, read and checked.

`streams/<key>/` has `schema.avsc` (what an event is), `stream.toml` (where it goes) and, where the stream needs them,
`rules.py` (contract rules over several fields), `checks.sql` (data quality of its raw rows) and `history_checks.sql` (that of
its history). The folder's name is the stream's key. streams/README.md says what each file may hold.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workloads.events.columns import check_names, items_of
from workloads.events.schema_file import fields_of, parse_schema

FOLDER = Path(__file__).parent / "streams"

Json = dict[str, Any]

INVENTORY, HISTORY = "inventory", "history"
CONSUMERS = {
    INVENTORY: "live inventory, which gets each event by push and moves stock by it",
    HISTORY: "the pipeline, which loads each event into the history behind the marts",
}
"""Who takes a stream beside the raw table and the lake, which every stream has."""

_NEEDED = {"order": int, "topic": str, "table": str, "path": str, "summary": str}
_OPTIONAL = {"consumers": list, "freshness_hours": int, "objective": str, "history": str, "cluster_by": list}
_TABLE = (re.compile(r"[a-z][a-z0-9_]{0,200}"), "a lower-case word such as price_changes")
_FORMS = {
    "topic": (
        re.compile(r"(?!goog)[a-z][a-z0-9-]{2,200}"),
        "of at least 3 lower-case letters, digits and hyphens, such as price-changes, and not Google's own (goog…)",
    ),
    "table": _TABLE,
    "history": _TABLE,
    "path": (re.compile(r"/v1/[a-z][a-z0-9-]*"), "a path such as /v1/price-changes"),
    "objective": (re.compile(r"[a-z][a-z0-9-]{0,30}"), "of at most 31 lower-case letters, digits and hyphens"),
}
"""Of a key its form, and that form in words."""
_KINDS = {int: "a whole number, such as 3", str: "a text in quotes", list: 'a list, such as ["history"]'}
_KEY = re.compile(r"(?=.{1,25}$)[a-z][a-z0-9]*(_[a-z0-9]+)*")
_PATHS_TAKEN = ("/v1/simulate",)


@dataclass(frozen=True, eq=False)
class Stream:
    """One kind of event and its way through the platform.

    `key` names it in code (`sales`), `topic` is the Pub/Sub topic's short name, `record` the Avro record's name, `table`
    the raw table's name in BigQuery, `avro` the parsed schema file, `contract` included, `path` where the POS API takes
    it. `order` is its place in lists. `freshness_hours`: how old the newest raw row may be, None when that is nobody's
    concern. `objective`: the id of the service level objective on its delivery to live inventory. `history`: the table of
    dataset `staging` that keeps its events, None when the pipeline does not load them; `cluster_by`: by which columns.
    """

    key: str
    topic: str
    record: str
    table: str
    avro: Json
    path: str
    summary: str
    order: int
    consumers: tuple[str, ...] = ()
    freshness_hours: int | None = None
    objective: str | None = None
    history: str | None = None
    cluster_by: tuple[str, ...] = ()
    folder: Path = FOLDER

    @property
    def description(self) -> str:
        """What an event of this stream is, for the table's description."""
        return str(self.avro["doc"])

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The consumers that have a subscription of their own, as `<topic>-to-<consumer>` names them."""
        return (*(() if INVENTORY not in self.consumers else (INVENTORY,)), "bigquery", "lake")

    @property
    def items(self) -> Json | None:
        """The field that lists an event's items, such as the lines of a sale; None where an event is one thing."""
        return items_of(self.avro)

    @property
    def checks(self) -> str:
        """Data quality checks of its raw rows beyond their freshness, as `checks.sql` holds them; mostly none."""
        return self._text("checks.sql")

    @property
    def history_checks(self) -> str:
        """Data quality checks of its history beyond those of every history, as `history_checks.sql` holds them."""
        return self._text("history_checks.sql")

    def _text(self, name: str) -> str:
        path = self.folder / name
        return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def read_streams(folder: Path = FOLDER) -> dict[str, Stream]:
    """Every stream by its key, in the order that they declare.

    Raises:
        ValueError: a folder is not complete or not right, or two streams share what only one can have; says which file,
            what is wrong with it and what to write.
    """
    folders = (path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(("_", ".")))
    streams = sorted((_read(path) for path in folders), key=lambda stream: (stream.order, stream.key))
    for what in ("order", "topic", "table", "path", "record", "objective", "history"):
        _once(what, streams)
    return {stream.key: stream for stream in streams}


def _once(what: str, streams: Iterable[Stream]) -> None:
    taken: dict[str, str] = {}
    for stream in streams:
        value = getattr(stream, what)
        if value is not None and value in taken:
            raise ValueError(
                f"{_place(stream.folder)}: {what} {value!r} is that of stream {taken[value]!r}; choose another"
            )
        taken[value] = stream.key


def _place(folder: Path, name: str = "stream.toml") -> str:
    return f"workloads/events/streams/{folder.name}/{name}"


def check_key(key: str) -> None:
    """Raise a ValueError when a stream cannot have this key."""
    if not _KEY.fullmatch(key) or key.endswith("_dead_letter"):  # <KEY>_DEAD_LETTER_TOPIC is another variable
        raise ValueError(
            f"workloads/events/streams/{key}: a stream's key is a lower-case word such as price_changes, at most 25 "
            "characters, and does not end in _dead_letter; name the folder so"
        )


def _read(folder: Path) -> Stream:
    check_key(folder.name)
    declared, avro = _declaration(folder), _schema(folder)
    declared["consumers"] = tuple(name for name in CONSUMERS if name in declared.get("consumers", ()))
    has_history = HISTORY in declared["consumers"]
    if has_history:
        declared.setdefault("history", declared["table"])
    declared["cluster_by"] = tuple(declared.get("cluster_by", ("location_id",) if has_history else ()))
    try:
        check_names(avro, has_history=has_history)
    except ValueError as error:
        raise ValueError(f"{_place(folder, 'schema.avsc')}: {error}") from None
    names = [path.rpartition(".")[2] for path, _ in fields_of(avro)]
    if unknown := [name for name in declared["cluster_by"] if name not in names]:
        raise ValueError(f"{_place(folder)}: cluster_by has {unknown[0]!r}, which is no field of the event")
    return Stream(key=folder.name, record=avro["name"], avro=avro, folder=folder, **declared)


def _text(folder: Path, name: str) -> str:
    try:
        return (folder / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ValueError(
            f"{_place(folder, name)}: is missing; `fastyle new stream` writes one, or delete the folder"
        ) from None


def _declaration(folder: Path) -> dict[str, Any]:
    place = _place(folder)
    try:
        declared = tomllib.loads(_text(folder, "stream.toml"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{place}: {error}") from None
    for key, kind in (_NEEDED | _OPTIONAL).items():
        if key not in declared and key in _OPTIONAL:
            continue
        if type(declared.get(key)) is not kind:
            raise ValueError(f"{place}: {key} must be given as {_KINDS[kind]}")
        form, words = _FORMS.get(key, (None, ""))
        if form and not form.fullmatch(declared[key]):
            raise ValueError(f"{place}: {key} is {declared[key]!r}; it must be {words}")
    if unknown := declared.keys() - _NEEDED.keys() - _OPTIONAL.keys():
        raise ValueError(f"{place}: {min(unknown)} is no key; keys are {', '.join((*_NEEDED, *_OPTIONAL))}")
    for consumer in declared.get("consumers", ()):
        if consumer not in CONSUMERS:
            raise ValueError(f"{place}: there is no consumer {consumer!r}; consumers are {', '.join(CONSUMERS)}")
    if "objective" in declared and INVENTORY not in declared.get("consumers", ()):
        raise ValueError(
            f"{place}: objective is on the delivery to live inventory, which does not take this stream; "
            "remove it, or add the consumer inventory"
        )
    for key in ("history", "cluster_by"):
        if key in declared and HISTORY not in declared.get("consumers", ()):
            raise ValueError(
                f"{place}: {key} is of the history, and the pipeline does not take this stream; "
                "remove it, or add the consumer history"
            )
    if declared["path"] in _PATHS_TAKEN:
        raise ValueError(f"{place}: path {declared['path']} is another route of the POS API; choose another")
    return declared


def _schema(folder: Path) -> Json:
    text = _text(folder, "schema.avsc")
    try:
        return parse_schema(text)
    except ValueError as error:
        raise ValueError(f"{_place(folder, 'schema.avsc')}: {error}") from None

"""The folder of a new event stream with working defaults, and its part of docs/events.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ops.new_folder import Kind, write_folder
from workloads.events import Stream
from workloads.events.stream import check_key, read_streams

KIND = Kind(
    folders=Path("workloads", "events", "streams"),
    check=check_key,
    read=read_streams,
    page=Path("docs", "events.md"),
    reference="workloads.reference.events",
)

_DECLARATION = """\
# Where these events go. The keys are explained in workloads/events/streams/README.md, the fields of an event in schema.avsc.
order = {order}
topic = "{dashed}"
table = "{key}"
path = "/v1/{dashed}"
summary = "Send {words}"
consumers = {consumers}
freshness_hours = 50
"""
_FIELDS = (
    {
        "name": "event_id",
        "type": "string",
        "doc": "Identity of the event: sent any number of times under one event_id, it counts once.",
        "contract": {"format": "uuid"},
    },
    {
        "name": "event_time",
        "type": "string",
        "doc": "When it happened, in UTC. Arrival may be later and in any order.",
        "contract": {"format": "time"},
    },
    {
        "name": "location_id",
        "type": "string",
        "doc": "Where it happened. May be unknown to the catalogue.",
        "contract": {"format": "id"},
    },
    {
        "name": "reference",
        "type": ["null", "string"],
        "default": None,
        "doc": "The document behind it; null when there is none.",
        "contract": {"format": "id"},
    },
)


def write_stream(name: str, repository: Path, *, history: bool = False) -> Path:
    """Write the folder of a stream and the events' page of that checkout; returns the folder.

    Raises:
        OperatorError: the name is no key, or a name that follows from it is another stream's; nothing is left behind.
    """

    def texts(key: str, streams: Mapping[str, Stream]) -> dict[str, str]:
        declaration = _DECLARATION.format(
            order=max((stream.order for stream in streams.values()), default=0) + 1,
            key=key,
            dashed=key.replace("_", "-"),
            words=key.replace("_", " "),
            consumers='["history"]' if history else "[]  # raw table and lake alone",
        )
        return {"stream.toml": declaration, "schema.avsc": _schema(key)}

    return write_folder(name, repository, KIND, texts)


def _schema(key: str) -> str:
    record = {
        "type": "record",
        "name": "".join(word.capitalize() for word in key.split("_")),
        "namespace": "fastyle.events",
        "doc": f"{key.replace('_', ' ').capitalize()} at one location. Grain: one event.",
        "fields": list(_FIELDS),
    }
    return json.dumps(record, indent=2) + "\n"

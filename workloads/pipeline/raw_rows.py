"""Rows of the raw tables from messages of the lake: what Pub/Sub's own export would have written of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

import orjson

from workloads.events import STREAMS, bigquery_fields
from workloads.pipeline.contract import PUBLISHED
from workloads.pipeline.lake import Message

Json = dict[str, Any]

# A year of history is within nine hours before the replay: recent partitions, and the order of arrival is kept.
_COMPRESSED = 1000

_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})").fullmatch
_NUMERIC_WHOLE, _NUMERIC_FRACTION = 29, 9  # digits


class Unloadable(ValueError):  # noqa: N818 - a verdict on the message
    """A table's column cannot hold the message's value; one bad row would fail a whole load job."""


@cache
def columns(stream: str) -> list[Json]:
    """The columns of a stream's raw table."""
    return bigquery_fields(STREAMS[stream])


def carried(published: datetime, started: datetime) -> datetime:
    """The publish time that a replayed message carries in the raw tables: as many milliseconds before the replay's
    start as it was seconds."""
    return started - (started - published) / _COMPRESSED


def line(stream: str, message: Message, event: Json, started: datetime) -> bytes:
    """Return the row of a message as one line of JSON, for a load job. `event` is its decoded data.

    Raises:
        Unloadable: BigQuery would refuse it; names the column.
    """
    values = {
        **event,
        "subscription_name": message.subscription,
        "message_id": message.message_id,
        "publish_time": carried(message.publish_time, started).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "attributes": {**message.attributes, PUBLISHED: message.publish_time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")},
    }
    _check(values, columns(stream), "")
    return orjson.dumps(values) + b"\n"


def _check(values: Mapping[str, Any], fields: Sequence[Json], at: str) -> None:
    for column in fields:
        value, where = values.get(column["name"]), f"{at}{column['name']}"
        if column["mode"] == "REPEATED":
            for n, item in enumerate(value or ()):
                _check(item, column["fields"], f"{where}[{n}].")
        elif value is not None and (fits := _FITS.get(column["type"])) and not fits(value):
            raise Unloadable(f"{where}: {str(value)[:40]!a} is no {column['type']}")


def _is_timestamp(value: str) -> bool:
    if not _TIMESTAMP(value):
        return False
    try:
        datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return False
    return True


def _is_numeric(value: str) -> bool:
    try:
        _, digits, exponent = Decimal(value).as_tuple()
    except InvalidOperation:
        return False
    return isinstance(exponent, int) and -exponent <= _NUMERIC_FRACTION and len(digits) + exponent <= _NUMERIC_WHOLE


_FITS: dict[str, Callable[[Any], bool]] = {"TIMESTAMP": _is_timestamp, "NUMERIC": _is_numeric}

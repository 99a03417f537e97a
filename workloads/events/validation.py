"""Validation of an event against the contract: every fault at once, each with the path of its field.

The structure is compiled from the schema files; what spans several fields is in the streams' `rules.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from workloads.events.formats import FORMATS, parse_time
from workloads.events.rules import Json, Report, Rules, rules_of
from workloads.events.schema import STREAMS
from workloads.events.schema_file import key_of_items
from workloads.events.stream import Stream
from workloads.events.verification import check_reserved


class Violation(NamedTuple):
    """What is wrong with an event: `field` is a path such as `lines[3].discount`, `""` the event itself."""

    field: str
    error: str


EARLIEST = datetime.fromisoformat("2010-01-01T00:00:00+00:00")
CLOCK_SKEW = timedelta(minutes=10)
CLOCKS_DIFFER = timedelta(minutes=1)
"""The POS API judges event_time by its own clock; whoever judges by the time of publication has Pub/Sub's."""

NOT_UNIQUE = "must be unique within the event"
WINDOW_ERRORS = ("must not be before 2010-01-01T00:00:00Z", "must not be more than 10 minutes after now")
# (value, path, report) -> the normalised value; faults go to `report(field, error)`.
Check = Callable[[Any, str, Report], Any]


def validate(stream: Stream, body: object, *, currency: str, now: datetime) -> Json | list[Violation]:
    """Check one event of plain JSON types against the whole contract.

    Args:
        stream: the stream that the event is sent to.
        body: the event as parsed from JSON.
        currency: the stack's currency; another one is a violation.
        now: the present, aware; `event_time` may be at most ten minutes later.

    Returns:
        The event with every field of the schema present (absent optional ones are None) in the schema's
        order, or all violations found, never an empty list.
    """
    violations: list[Violation] = []

    def report(field: str, error: str) -> None:
        violations.append(Violation(field, error))

    event = _CHECKS[stream.key](body, "", report)
    if isinstance(body, dict):
        _check_window(body.get("event_time"), now, report)
        _check_currency(body.get("currency"), currency, report)
        RULES[stream.key].check(body, report)
        check_reserved(body, report)
    return violations or event


# --- compiled from the schema ---


def _compile(avro_type: Any, contract: Json) -> Check:
    if isinstance(avro_type, list):
        inner = _compile(avro_type[1], contract)
        return lambda value, path, report: None if value is None else inner(value, path, report)
    if isinstance(avro_type, str):
        return _leaf(contract)
    if avro_type["type"] == "array":
        key = key_of_items({"type": avro_type})
        return _array(_compile(avro_type["items"], {}), key, contract["min_items"], contract["max_items"])
    return _record(avro_type)


def _leaf(contract: Json) -> Check:
    fault = FORMATS[contract["format"]](contract)

    def check(value: Any, path: str, report: Report) -> Any:
        error = fault(value)
        if error is not None:
            report(path, error)
        return value

    return check


def _array(item: Check, key: str, least: int, most: int) -> Check:
    def check(value: Any, path: str, report: Report) -> Any:
        if not isinstance(value, list):
            report(path, f"must be an array, is {_json_type(value)}")
            return value
        if not least <= len(value) <= most:
            report(path, f"must have {least} to {most:,} items, has {len(value):,}")
            return value
        seen: set[Any] = set()
        for index, entry in enumerate(value):
            known = entry.get(key) if isinstance(entry, dict) else None
            if type(known) in (int, str):
                if known in seen:
                    report(f"{path}[{index}].{key}", NOT_UNIQUE)
                seen.add(known)
        return [item(entry, f"{path}[{index}]", report) for index, entry in enumerate(value)]

    return check


def _record(avro_type: Json) -> Check:
    fields = [
        (field["name"], _compile(field["type"], field.get("contract", {})), "default" in field)
        for field in avro_type["fields"]
    ]
    names = frozenset(name for name, _, _ in fields)

    def check(value: Any, path: str, report: Report) -> Any:
        if not isinstance(value, dict):
            report(path, f"must be an object, is {_json_type(value)}")
            return value
        prefix = path + "." if path else ""
        normalised: Json = {}
        for name, inner, optional in fields:
            if name in value:
                normalised[name] = inner(value[name], prefix + name, report)
            elif optional:
                normalised[name] = None
            else:
                report(prefix + name, "is missing")
        if not value.keys() <= names:
            for name in value:
                if name not in names:
                    report(prefix + _printable(name), "is not a field of the contract")
        return normalised

    return check


def _printable(name: str) -> str:
    """An unknown field's name, safe to show and to log whatever a sender put there."""
    return name if name.isascii() and name.isprintable() and 0 < len(name) <= 64 else ascii(name)[:64]


_JSON_TYPES = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}


def _json_type(value: Any) -> str:
    return _JSON_TYPES.get(type(value), "a number")


# --- what spans several fields, or depends on the stack or the clock ---


def _check_window(value: Any, now: datetime, report: Report) -> None:
    moment = parse_time(value)
    if moment is None:
        return  # already reported as missing or malformed
    if moment < EARLIEST:
        report("event_time", WINDOW_ERRORS[0])
    elif moment > now + CLOCK_SKEW:
        report("event_time", WINDOW_ERRORS[1])


def _check_currency(value: Any, currency: str, report: Report) -> None:
    if isinstance(value, str) and len(value) == 3 and value != currency:
        report("currency", f"must be {currency}, the currency of this stack")


RULES: dict[str, Rules] = {key: rules_of(stream.folder) for key, stream in STREAMS.items()}
"""What each stream's own folder adds to its schema."""
_CHECKS: dict[str, Check] = {key: _compile(stream.avro, {}) for key, stream in STREAMS.items()}

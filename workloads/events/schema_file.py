"""One stream's `schema.avsc`, read and checked: an Avro record whose fields each have a `doc` and a `contract`.

Avro allows more than the way of an event does: the encoding, the POS API's validation, the raw table and the history are
made of the types and formats below alone. What none of them could carry is refused here, with the field and what to write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from workloads.events.formats import FORMATS
from workloads.events.googlesql import MOST_UNITS, RESERVED_WORDS

Json = dict[str, Any]

COLUMN_TYPES = {"time": "TIMESTAMP", "amount": "NUMERIC", "integer": "INTEGER"}
"""What a field of a format is in BigQuery; of every other format it is STRING."""
_EVERY_EVENT = {"event_id": "uuid", "event_time": "time", "location_id": "id"}
"""Fields that each event has, with their formats: its identity, its time, and its ordering key."""
_RECORD_KEYS = ("type", "name", "namespace", "doc", "fields")
_FIELD_KEYS = ("name", "type", "default", "doc", "contract")
_BOUNDS = {"integer": ("minimum", "maximum"), "symbol": ("symbols",)}
_LIST_BOUNDS = ("min_items", "max_items")
_KEY_FORMATS = ("id", "uuid", "symbol", "integer")  # of which one value is written in one way
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_RECORD_NAME = re.compile(r"[A-Z][A-Za-z0-9]{0,62}")
_TYPES = (
    '"string" (amounts and times too: the format says which), "int", one of them as an optional field '
    '(["null", "string"] with "default": null), or an array of records'
)


def parse_schema(text: str) -> Json:
    """Return the schema that a file holds.

    Raises:
        ValueError: it is no schema of an event; says which field is wrong, and what to write.
    """
    avro = json.loads(text)
    if not isinstance(avro, dict) or avro.get("type") != "record" or not {"name", "doc", "fields"} <= avro.keys():
        raise ValueError("must be an Avro record with name, doc and fields")
    _check_record(avro, "", within_list=False)
    formats = {field["name"]: field["contract"].get("format") for field in avro["fields"] if "default" not in field}
    for name, form in _EVERY_EVENT.items():
        if formats.get(name) != form:
            raise ValueError(
                f"an event has a field {name} of format {form}, not an optional one; see streams/sales/schema.avsc"
            )
    names = [avro["name"], *(field["type"]["items"]["name"] for field in avro["fields"] if is_list(field["type"]))]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"two records are called {twice[0]}; choose another name for one of them")
    return avro


def key_of_items(field: Json) -> str:
    """The field that tells the items of a list apart: the first one of theirs."""
    return str(field["type"]["items"]["fields"][0]["name"])


def is_list(avro_type: Any) -> bool:
    """Whether a field of this type lists items."""
    return isinstance(avro_type, dict)


def fields_of(record: Json, prefix: str = "") -> Iterator[tuple[str, Json]]:
    """Every field of a schema by its path, such as `lines[].sku`; those of items after their list."""
    for field in record["fields"]:
        yield f"{prefix}{field['name']}", field
        if is_list(field["type"]):
            yield from fields_of(field["type"]["items"], f"{prefix}{field['name']}[].")


def _check_record(record: Json, prefix: str, *, within_list: bool) -> None:
    what = f"the items of {prefix.removesuffix('[].')}" if within_list else "the record"
    _check_keys(record, _RECORD_KEYS, what)
    if not isinstance(name := record.get("name"), str) or not _RECORD_NAME.fullmatch(name):
        raise ValueError(f"{what} has name {name!r}; write one such as PriceChange")
    if not within_list and not (isinstance(record["doc"], str) and record["doc"].strip()):
        raise ValueError("the record has no doc; it becomes the table's description")
    if not isinstance(record.get("fields"), list) or not record["fields"]:
        raise ValueError(f"{what} needs fields: a list of objects, each with name, type, doc and contract")
    seen: set[str] = set()
    for position, field in enumerate(record["fields"], 1):
        if not isinstance(field, dict) or not isinstance(name := field.get("name"), str):
            raise ValueError(f"{what}: field {position} must be an object with name, type, doc and contract")
        path = f"{prefix}{name}"
        if not _FIELD_NAME.fullmatch(name):
            raise ValueError(f"field {path} must be called by a lower-case word such as unit_price")
        if name in RESERVED_WORDS:
            raise ValueError(
                f"field {path} is called as a keyword of SQL, which a query would have to quote; choose another name"
            )
        if name in seen:
            raise ValueError(f"field {path} stands twice; keep one of them, or choose another name")
        seen.add(name)
        _check_field(field, path, within_list=within_list)


def _check_field(field: Json, path: str, *, within_list: bool) -> None:
    _check_keys(field, _FIELD_KEYS, f"field {path}")
    if not (isinstance(field.get("doc"), str) and field["doc"].strip()):
        raise ValueError(f"field {path} has no doc; it becomes the column's description")
    avro_type, contract = field.get("type"), field.get("contract", {})
    if is_list(avro_type):
        _check_list(field, path, within_list=within_list)
        return
    form = contract.get("format") if isinstance(contract, dict) else None
    if not isinstance(form, str) or form not in FORMATS:
        raise ValueError(f"field {path} needs a contract with a format of {', '.join(FORMATS)}")
    plain, optional = avro_type, isinstance(avro_type, list)
    if isinstance(avro_type, list) and len(avro_type) == 2 and avro_type[0] == "null":
        plain = avro_type[1]
    if plain not in ("string", "int"):
        raise ValueError(f"field {path} has type {json.dumps(avro_type)}; write {_TYPES}")
    if optional != ("default" in field) or field.get("default") is not None:
        mend = 'write "default": null' if optional else 'remove it, or make the type ["null", …] and the default null'
        raise ValueError(f"field {path} has {_default(field)}; {mend}")
    if plain != (needed := "int" if form == "integer" else "string"):
        raise ValueError(f'field {path} has type "{plain}" and format {form}, which is of type "{needed}"; change one')
    _check_contract(contract, form, path)
    if form == "currency" and path != form:
        raise ValueError(f"field {path} has format currency, which is the stack's own; an event has one field currency")


def _default(field: Json) -> str:
    return f"default {json.dumps(field['default'])}" if "default" in field else "no default"


def _check_contract(contract: Json, form: str, path: str) -> None:
    bounds = _BOUNDS.get(form, ())
    _check_keys(contract, ("format", "bigquery", *bounds), f"the contract of field {path}")
    column = COLUMN_TYPES.get(form, "STRING")
    if contract.get("bigquery", column) != column:
        raise ValueError(f"field {path} has bigquery {contract['bigquery']!r}; format {form} is {column}: leave it out")
    if form == "integer":
        _check_bounds(contract, bounds, path, -MOST_UNITS - 1, MOST_UNITS)
    elif form == "symbol" and not _are_symbols(contract.get("symbols")):
        raise ValueError(f'field {path} needs symbols: distinct words such as ["store", "online"]')


def _are_symbols(symbols: Any) -> bool:
    words = isinstance(symbols, list) and bool(symbols) and all(isinstance(one, str) and one for one in symbols)
    return words and len(set(symbols)) == len(symbols)


def _check_list(field: Json, path: str, *, within_list: bool) -> None:
    kind, contract = field["type"], field.get("contract")
    items = kind.get("items")
    if kind.get("type") != "array" or not isinstance(items, dict) or items.get("type") != "record" or within_list:
        shown = json.dumps(kind.get("type") if kind.get("type") != "array" else {"type": "array", "items": "…"})
        raise ValueError(f"field {path} has type {shown}{' within an array' if within_list else ''}; write {_TYPES}")
    if "default" in field:
        raise ValueError(f"field {path} has {_default(field)}; an array has none: leave it out")
    if not isinstance(contract, dict):
        raise ValueError(f"field {path} needs a contract with min_items and max_items")
    _check_keys(contract, _LIST_BOUNDS, f"the contract of field {path}")
    _check_bounds(contract, _LIST_BOUNDS, path, 0, MOST_UNITS)
    _check_record(items, f"{path}[].", within_list=True)
    first = items["fields"][0]
    if first["type"] not in ("string", "int") or first["contract"]["format"] not in _KEY_FORMATS:
        raise ValueError(
            f"field {path}[].{first['name']} is the first of an item, which tells it from the others of its event; it must "
            f"be of format {', '.join(_KEY_FORMATS)}, and not optional"
        )


def _check_bounds(contract: Json, keys: tuple[str, ...], path: str, least: int, most: int) -> None:
    low, high = (contract.get(key) for key in keys)
    if type(low) is not int or type(high) is not int or not least <= low <= high <= most:
        raise ValueError(
            f"field {path} needs {keys[0]} and {keys[1]}: integers from {least:,} to {most:,}, the first not over the second"
        )


def _check_keys(given: Json, keys: tuple[str, ...], what: str) -> None:
    if unknown := sorted(given.keys() - {*keys}):
        raise ValueError(f"{what} has {unknown[0]!r}, which is no key; keys are {', '.join(keys)}")

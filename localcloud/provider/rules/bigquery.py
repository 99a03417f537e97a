"""BigQuery."""

import json
from collections.abc import Iterator
from typing import Any

from localcloud.provider.vocabulary import (
    Problem,
    Reference,
    Rules,
    at_most,
    at_most_one,
    check,
    labels,
    length,
    matches,
    member,
    one_of,
    role,
)
from localcloud.provider.wire import UNKNOWN, Properties

_DATASET = Reference("datasetId", "bigquery.Dataset", "projects/{project}/datasets/{value}")
_TYPES = frozenset(
    [
        "STRING",
        "BYTES",
        "INTEGER",
        "INT64",
        "FLOAT",
        "FLOAT64",
        "BOOLEAN",
        "BOOL",
        "TIMESTAMP",
        "DATE",
        "TIME",
        "DATETIME",
        "GEOGRAPHY",
        "NUMERIC",
        "BIGNUMERIC",
        "JSON",
        "RECORD",
        "STRUCT",
        "RANGE",
        "INTERVAL",
    ]
)


def _columns(inputs: Properties) -> Iterator[Problem]:
    """What BigQuery refuses of a schema, and the provider does not look at."""
    schema, view = inputs.get("schema"), inputs.get("view")
    if schema in (None, UNKNOWN):
        return
    try:
        columns = json.loads(schema)
    except ValueError as e:
        yield Problem("schema", f"is not JSON ({e})")
        return
    if not isinstance(columns, list):
        yield Problem("schema", "is not a JSON array of columns")
        return
    yield from _fields(columns, "schema")
    partition = inputs.get("timePartitioning")
    if isinstance(partition, dict) and isinstance(partition.get("field"), str) and view is None:
        names = {column.get("name") for column in columns if isinstance(column, dict)}
        if partition["field"] not in names:
            yield Problem("timePartitioning.field", f"{partition['field']!r} is not a column of the schema")


def _fields(columns: list[Any], at: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for column in columns:
        name, kind = str(column.get("name", "")), str(column.get("type", ""))
        where = f"{at}.{name}"
        if not name.isidentifier() or len(name) > 300 or not name.isascii():
            yield Problem(at, f"{name!r} is not a column name")
        if name.lower() in seen:
            yield Problem(at, f"there are two columns {name!r}")
        seen.add(name.lower())
        if kind.upper() not in _TYPES:
            yield Problem(where, f"{kind!r} is not a column type")
        if column.get("mode", "NULLABLE") not in ("NULLABLE", "REQUIRED", "REPEATED"):
            yield Problem(where, f"{column['mode']!r} is not a mode")
        if len(str(column.get("description", ""))) > 1024:
            yield Problem(where, "its description has over 1,024 characters")
        yield from _fields(column.get("fields", []), where)


def _schema_replaces(old: Properties, new: Properties) -> list[str]:
    """Columns can be added (nullable or repeated), relaxed and described in place; anything else replaces."""
    try:
        before, after = json.loads(old.get("schema") or "[]"), json.loads(new.get("schema") or "[]")
    except (TypeError, ValueError):
        return []
    return [] if _grows(before, after) else ["schema"]


def _grows(before: list[Any], after: list[Any]) -> bool:
    now = {column["name"]: column for column in after}
    for column in before:
        new = now.pop(column["name"], None)
        if new is None or _kind(new) != _kind(column) or not _grows(column.get("fields", []), new.get("fields", [])):
            return False
        old_mode, new_mode = column.get("mode", "NULLABLE"), new.get("mode", "NULLABLE")
        if old_mode != new_mode and (old_mode, new_mode) != ("REQUIRED", "NULLABLE"):
            return False
    return all(column.get("mode", "NULLABLE") != "REQUIRED" for column in now.values())


def _kind(column: Any) -> str:
    kind = str(column.get("type", "")).upper()
    return {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}.get(kind, kind)


def _same_json(a: Any, b: Any) -> bool:
    try:
        return bool(json.loads(a) == json.loads(b))
    except (TypeError, ValueError):
        return bool(a == b)


_SWAPPED = ("roles/bigquery.dataViewer", "roles/bigquery.dataEditor", "roles/bigquery.dataOwner")

RULES = {
    "bigquery.Dataset": Rules(
        id="projects/{project}/datasets/{datasetId}",
        replaces=("location",),
        checks=(
            matches("datasetId", r"[A-Za-z0-9_]{1,1024}", "is not a dataset id: letters, digits and _"),
            labels(),
            check("defaultTableExpirationMs", lambda v: v >= 3_600_000, "is under an hour"),
            check("maxTimeTravelHours", lambda v: 48 <= int(v) <= 168, "is not 48 to 168 hours"),
            one_of("storageBillingModel", "LOGICAL", "PHYSICAL", ""),
        ),
        defaults={"location": "US"},
        outputs={"selfLink": "https://bigquery.googleapis.com/bigquery/v2/{id}"},
    ),
    "bigquery.Table": Rules(
        id="projects/{project}/datasets/{datasetId}/tables/{tableId}",
        replaces=("timePartitioning.field", "timePartitioning.type", "rangePartitioning", "externalDataConfiguration"),
        replaces_when=_schema_replaces,
        equal={"schema": _same_json},
        defaults={"deletionProtection": True},
        checks=(
            matches("tableId", r"[\w\-]{1,1024}", "is not a table id: letters, digits, _ and -"),
            labels(),
            at_most("clusterings", 4, "clustering columns"),
            at_most_one("", "view", "materializedView", "externalDataConfiguration"),
            one_of("timePartitioning.type", "HOUR", "DAY", "MONTH", "YEAR"),
            _columns,
            length("description", 0, 16384),
        ),
        outputs={
            "type": lambda v: "VIEW" if v.get("view") else "TABLE",
            "selfLink": "https://bigquery.googleapis.com/bigquery/v2/{id}",
        },
        references=(_DATASET,),
    ),
    "bigquery.Routine": Rules(
        id="projects/{project}/datasets/{datasetId}/routines/{routineId}", references=(_DATASET,)
    ),
    "bigquery.DatasetIamMember": Rules(
        id="projects/{project}/datasets/{datasetId}/{role}/{member}",
        replaces_always=True,
        exclusive=False,
        checks=(role(), member()),
        references=(_DATASET,),
    ),
    "bigquery.DatasetAccess": Rules(
        id="projects/{project}/datasets/{datasetId}/access/{role?}/{userByEmail?}{groupByEmail?}{iamMember?}"
        "{specialGroup?}{domain?}{view?}{authorizedDataset?}{routine?}",
        replaces_always=True,
        exclusive=False,
        checks=(
            check(
                "role",
                lambda v: v not in _SWAPPED,
                "comes back as READER, WRITER or OWNER and would be replaced at every update: write that",
            ),
        ),
        references=(_DATASET,),
    ),
    "bigquery.IamMember": Rules(
        id="projects/{project}/datasets/{datasetId}/tables/{tableId}/{role}/{member}",
        replaces_always=True,
        exclusive=False,
        checks=(role(), member()),
        references=(Reference("tableId", "bigquery.Table", "projects/{project}/datasets/{datasetId}/tables/{value}"),),
    ),
}

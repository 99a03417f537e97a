"""BigQuery."""

import json
from collections.abc import Iterator
from typing import Any

from fastyle_localcloud.iam import canonical_member
from fastyle_localcloud.provider.constraints import Problem
from fastyle_localcloud.provider.wire import UNKNOWN, Properties

_ALIASES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD"}
_TYPES = frozenset(
    [
        *("STRING", "BYTES", "INTEGER", "FLOAT", "BOOLEAN", "TIMESTAMP", "DATE", "TIME", "DATETIME", "GEOGRAPHY"),
        *("NUMERIC", "BIGNUMERIC", "JSON", "RECORD", "RANGE", "INTERVAL"),
    ]
)


def is_time_travel(hours: Any) -> bool:
    return 48 <= int(hours) <= 168


def kind_of_table(values: Properties) -> str:
    return "VIEW" if values.get("view") else "TABLE"


def columns(inputs: Properties) -> Iterator[Problem]:
    """What BigQuery refuses of a schema, and the provider does not look at."""
    schema, view = inputs.get("schema"), inputs.get("view")
    if schema in (None, UNKNOWN):
        return
    try:
        listed = json.loads(schema)
    except ValueError as e:
        yield Problem("schema", f"is not JSON ({e})")
        return
    if not isinstance(listed, list):
        yield Problem("schema", "is not a JSON array of columns")
        return
    yield from _fields(listed, "schema")
    partition = inputs.get("timePartitioning")
    if isinstance(partition, dict) and isinstance(partition.get("field"), str) and view is None:
        names = {column.get("name") for column in listed if isinstance(column, dict)}
        if partition["field"] not in names:
            yield Problem("timePartitioning.field", f"{partition['field']!r} is not a column of the schema")


def _fields(columns: list[Any], at: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for column in columns:
        name = str(column.get("name", ""))
        where = f"{at}.{name}"
        if not name.isidentifier() or len(name) > 300 or not name.isascii():
            yield Problem(at, f"{name!r} is not a column name")
        if name.lower() in seen:
            yield Problem(at, f"there are two columns {name!r}")
        seen.add(name.lower())
        if _kind(column) not in _TYPES:
            yield Problem(where, f"{str(column.get('type', ''))!r} is not a column type")
        if column.get("mode", "NULLABLE") not in ("NULLABLE", "REQUIRED", "REPEATED"):
            yield Problem(where, f"{column['mode']!r} is not a mode")
        if len(str(column.get("description", ""))) > 1024:
            yield Problem(where, "its description has over 1,024 characters")
        yield from _fields(column.get("fields", []), where)


def schema_replaces(old: Properties, new: Properties) -> list[str]:
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
    return _ALIASES.get(kind, kind)


def same_json(a: Any, b: Any) -> bool:
    try:
        return bool(json.loads(a) == json.loads(b))
    except (TypeError, ValueError):
        return bool(a == b)


BASIC_ROLES = {
    "roles/bigquery.dataViewer": "READER",
    "roles/bigquery.dataEditor": "WRITER",
    "roles/bigquery.dataOwner": "OWNER",
}
"""What an access list calls these roles; whichever is written, this is what comes back."""


def comes_back(role: Any) -> bool:
    """Whether an access list gives a role back as it was written."""
    return role not in BASIC_ROLES


def entry_member(values: Properties) -> str | None:
    """Whom an entry of a dataset's access list is for, as IAM names it; None for views, datasets and routines."""
    email, group, domain = (values.get(key) for key in ("userByEmail", "groupByEmail", "domain"))
    if email:
        return f"{'serviceAccount' if email.endswith('.gserviceaccount.com') else 'user'}:{email}"
    if group or domain:
        return f"group:{group}" if group else f"domain:{domain}"
    return values.get("specialGroup") or values.get("iamMember") or values.get("member") or None


def entry(values: Properties) -> str | None:
    """The one entry of an access list that a DatasetAccess or a DatasetIamMember stands for."""
    member, role = entry_member(values), values.get("role")
    if member is None or not isinstance(role, str):
        return None
    return f"{values.get('project')} {values['datasetId']} {BASIC_ROLES.get(role, role)} {canonical_member(member)}"


def drops(policy: Properties, other: Properties) -> bool:
    """A DatasetIamMember writes the access list from the roles' members alone: entries without a role are lost."""
    same = (policy.get("project"), policy["datasetId"]) == (other.get("project"), other["datasetId"])
    return same and other.get("role") is None


_PRINCIPALS = (
    "userByEmail",
    "groupByEmail",
    "domain",
    "specialGroup",
    "iamMember",
    "view",
    "authorizedDataset",
    "routine",
)


def one_principal(inputs: Properties) -> Iterator[Problem]:
    """An entry is for exactly one principal; what a preview does not know may turn out to be none."""
    named = [key for key in _PRINCIPALS if inputs.get(key) is not None]
    known_keys = [key for key in named if inputs[key] is not UNKNOWN]
    if not named or len(known_keys) > 1:
        yield Problem((known_keys or _PRINCIPALS)[0], f"exactly one of {', '.join(_PRINCIPALS)} is needed")


def same_address(a: Any, b: Any) -> bool:
    return isinstance(a, str) and isinstance(b, str) and a.lower() == b.lower()

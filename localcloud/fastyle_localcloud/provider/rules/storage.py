"""Cloud Storage."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

from fastyle_localcloud.provider.constraints import Problem, blocks, given
from fastyle_localcloud.provider.wire import UNKNOWN, Asset, Properties, dotted

CLASSES = ("STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE")
_WEEK, _YEAR = 7 * 86400, 365 * 86400


def lifecycle(inputs: Properties) -> Iterator[Problem]:
    """An action without a condition would act on everything; a class change needs the class it changes to."""
    for at, rule in blocks(inputs, "lifecycleRules"):
        condition, action = rule.get("condition"), rule.get("action")
        if isinstance(condition, dict) and not any(given(condition, key) for key in condition):
            yield Problem(dotted((*at, "condition")), "is empty and would match every object")
        if isinstance(action, dict) and action.get("type") is not UNKNOWN:
            kind, wanted = action.get("type"), action.get("storageClass")
            if kind not in ("Delete", "SetStorageClass", "AbortIncompleteMultipartUpload"):
                yield Problem(dotted((*at, "action", "type")), f"{kind!r} is not an action of a lifecycle rule")
            if kind == "SetStorageClass" and wanted is not UNKNOWN and wanted not in CLASSES:
                yield Problem(dotted((*at, "action", "storageClass")), f"{wanted!r} is not a storage class")
            age_alone = {"age", "matchesPrefixes", "matchesSuffixes", "sendAgeIfZero"}
            if kind == "AbortIncompleteMultipartUpload" and isinstance(condition, dict):
                for key in {k for k in condition if given(condition, k) and condition[k] is not False} - age_alone:
                    yield Problem(dotted((*at, "condition", key)), "does not go with AbortIncompleteMultipartUpload")


def md5(values: Properties) -> str | None:
    source = values.get("source")
    data = _content(values)
    if data is None and isinstance(source, Asset):
        return None
    return base64.b64encode(hashlib.md5(data or b"", usedforsecurity=False).digest()).decode()


def _content(values: Properties) -> bytes | None:
    content = values.get("content")
    return content.encode() if isinstance(content, str) else None


def generation(values: Properties) -> int:
    return int(values["_unique"][:16])


def is_retention(seconds: Any) -> bool:
    return bool(seconds == 0 or _WEEK <= seconds < _YEAR)


def same_location(a: Any, b: Any) -> bool:
    return str(a).upper() == str(b).upper()

"""Cloud Storage."""

from collections.abc import Iterator

from fastyle_localcloud.provider.vocabulary import (
    Problem,
    Reference,
    Rules,
    blocks,
    check,
    exactly_one,
    given,
    grant,
    labels,
    matches,
    one_of,
)
from fastyle_localcloud.provider.wire import UNKNOWN, Asset, Properties, dotted

CLASSES = ("STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE")
_WEEK, _YEAR = 7 * 86400, 365 * 86400


def _lifecycle(inputs: Properties) -> Iterator[Problem]:
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


def _md5(values: Properties) -> str | None:
    import base64
    import hashlib

    source = values.get("source")
    data = _content(values)
    if data is None and isinstance(source, Asset):
        return None
    return base64.b64encode(hashlib.md5(data or b"", usedforsecurity=False).digest()).decode()


def _content(values: Properties) -> bytes | None:
    content = values.get("content")
    return content.encode() if isinstance(content, str) else None


RULES = {
    "storage.Bucket": Rules(
        id="{name}",
        replaces=("location", "project", "hierarchicalNamespace", "customPlacementConfig"),
        equal={"location": lambda a, b: str(a).upper() == str(b).upper()},
        checks=(
            matches(
                "name",
                r"(?!goog)(?!.*google)(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]",
                "is not a bucket name: 3 to 63 of a-z, 0-9, -_., a letter or digit at both ends, without google in it",
            ),
            labels(),
            one_of("storageClass", *CLASSES),
            one_of("publicAccessPrevention", "inherited", "enforced"),
            check(
                "softDeletePolicy.retentionDurationSeconds",
                lambda v: v == 0 or _WEEK <= v < _YEAR,
                "is neither 0 nor 7 days to under a year, in seconds",
            ),
            _lifecycle,
        ),
        defaults={"storageClass": "STANDARD"},
        outputs={"url": "gs://{name}", "selfLink": "https://www.googleapis.com/storage/v1/b/{name}"},
        known_at_preview=("url",),
    ),
    "storage.BucketObject": Rules(
        id="{bucket}-{name}",
        replaces=("contentType", "metadata", "contentEncoding", "contentLanguage"),
        volatile=("generation", "md5hash", "crc32c", "mediaLink", "detectMd5hash"),
        checks=(exactly_one("", "source", "content"),),
        defaults={"detectMd5hash": "different hash"},
        outputs={
            "generation": lambda v: int(v["_unique"][:16]),
            "md5hash": _md5,
            "outputName": "{name}",
            "mediaLink": "https://storage.googleapis.com/download/storage/v1/b/{bucket}/o/{name}",
            "selfLink": "https://www.googleapis.com/storage/v1/b/{bucket}/o/{name}",
        },
        references=(Reference("bucket", "storage.Bucket"),),
    ),
    "storage.BucketIAMMember": grant(
        "buckets/{bucket}",
        id="b/{bucket}/{role}/{member}",
        references=(Reference("bucket", "storage.Bucket"),),
    ),
}

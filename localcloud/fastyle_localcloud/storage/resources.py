"""Buckets and objects as Cloud Storage's API describes them, and as a download does in its headers."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

from fastyle_localcloud.storage.objects import Object
from fastyle_localcloud.storage.protocol import Attributes

GIVEN = frozenset(
    {"cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType"}
    | {"customTime", "eventBasedHold", "metadata", "storageClass", "temporaryHold"}
)
"""An object's attributes that a client sets."""

_OCTETS = "application/octet-stream"


def given(told: Attributes) -> Attributes:
    """Those attributes that a client sets."""
    return {name: value for name, value in told.items() if name in GIVEN}


def of_bucket(url: str, location: str, name: str, settings: Attributes) -> Attributes:
    """A bucket's resource; `location` is what it has unless it was created elsewhere."""
    created = _time(settings["timeCreated"])
    return {
        "location": location,
        "storageClass": "STANDARD",
        **settings,
        "kind": "storage#bucket",
        "id": name,
        "name": name,
        "locationType": "region",
        "metageneration": "1",
        "selfLink": f"{url}/storage/v1/b/{name}",
        "timeCreated": created,
        "updated": created,
    }


def of_object(url: str, stored: Object) -> Attributes:
    """An object's resource."""
    created = stored.generation / 1_000_000
    link = f"/storage/v1/b/{stored.bucket}/o/{quote(stored.name, safe='')}"
    return {
        "contentType": _OCTETS,
        "storageClass": "STANDARD",
        **stored.attributes,
        "kind": "storage#object",
        "id": f"{stored.bucket}/{stored.name}/{stored.generation}",
        "bucket": stored.bucket,
        "name": stored.name,
        "size": str(stored.size),
        "etag": _etag(stored),
        "generation": str(stored.generation),
        "metageneration": str(stored.metageneration),
        "timeCreated": _time(created),
        "timeStorageClassUpdated": _time(created),
        "updated": _time(stored.attributes.get("updated", created)),
        "selfLink": f"{url}{link}",
        "mediaLink": f"{url}/download{link}?generation={stored.generation}&alt=media",
    }


def headers(stored: Object) -> dict[str, str]:
    """What a download says of its object."""
    attributes = stored.attributes
    sums = (("crc32c", attributes.get("crc32c")), ("md5", attributes.get("md5Hash")))
    described = {
        "Cache-Control": attributes.get("cacheControl"),
        "Content-Disposition": attributes.get("contentDisposition"),
        "Content-Encoding": attributes.get("contentEncoding"),
        "Content-Language": attributes.get("contentLanguage"),
    }
    return {
        "Accept-Ranges": "bytes",
        "Content-Type": attributes.get("contentType") or _OCTETS,
        "ETag": f'"{_etag(stored)}"',
        "X-Goog-Generation": str(stored.generation),
        "X-Goog-Metageneration": str(stored.metageneration),
        "X-Goog-Hash": ",".join(f"{name}={value}" for name, value in sums if value),
        "X-Goog-Stored-Content-Encoding": attributes.get("contentEncoding") or "identity",
        "X-Goog-Stored-Content-Length": str(stored.size),
        **{name: value for name, value in described.items() if value},
    }


def _etag(stored: Object) -> str:
    return f"{stored.generation}-{stored.metageneration}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""`FARM_FINGERPRINT` of whole columns, by Google's FarmHash.

bqemulator computes it text by text in Python, 0.2 ms for each body of an event, and differs from BigQuery beyond 64
bytes.
"""

from __future__ import annotations

from typing import Any

import pyarrow  # type: ignore[import-untyped]  # no stubs
from farmhash import Fingerprint64  # type: ignore[import-untyped]  # no stubs


def fingerprints(texts: Any) -> Any:
    """The fingerprint of each text of an Arrow array or chunked array, null of a null."""
    values = texts.cast(pyarrow.large_binary()).to_pylist()
    words = [None if value is None else Fingerprint64(value) for value in values]
    return pyarrow.array(words, pyarrow.uint64()).view(pyarrow.int64())

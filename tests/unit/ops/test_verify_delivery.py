"""Pub/Sub says why an export cannot write; `fastyle verify` passes it on with its mend."""

from __future__ import annotations

from typing import Any

import pytest
from google.pubsub_v1.types import BigQueryConfig, CloudStorageConfig, Subscription

from ops.verify.delivery import _judged

EXPORTS: dict[str, tuple[Any, dict[str, str]]] = {
    "bigquery_config": (BigQueryConfig, {"table": "p.raw.sales_transactions"}),
    "cloud_storage_config": (CloudStorageConfig, {"bucket": "p-lake"}),
}


@pytest.mark.parametrize("field", EXPORTS)
@pytest.mark.parametrize(
    ("reason", "said", "mend"),
    [
        ("PERMISSION_DENIED", "Pub/Sub's agent may not", "perimeter"),
        ("NOT_FOUND", "it does not exist", "makes it again"),
        ("SCHEMA_MISMATCH", "it does not fit the topic's schema", "as the program has them"),
        ("IN_TRANSIT_LOCATION_RESTRICTION", "IN_TRANSIT_LOCATION_RESTRICTION", "Pub/Sub's agent"),
        ("ACTIVE", "", "Pub/Sub's agent"),
    ],
)
def test_an_export_that_cannot_write_says_why(field: str, reason: str, said: str, mend: str) -> None:
    make, destination = EXPORTS[field]
    config = make(**destination, state=make.State[reason])
    check = _judged("raw-sales", Subscription(state=Subscription.State.RESOURCE_ERROR, **{field: config}))
    assert check.state == "failed"
    (place,) = destination.values()
    assert check.detail.startswith(f"raw-sales cannot write to {place}")
    assert said in check.detail
    assert mend in check.mend

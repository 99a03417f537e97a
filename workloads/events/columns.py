"""Columns of events in BigQuery beside their fields: those that a subscription writes, and those that the pipeline adds.

A stream that is loaded into a history (consumer `history`) has a row an event there, or, where an event lists items such as
the lines of a sale, a row an item. `check_names` refuses a field that would be called as another column of such a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

# BigQuery's names for the columns a subscription with write_metadata fills. Nullable, as columns that the
# topic schema does not have must be.
METADATA_FIELDS: tuple[Json, ...] = (
    {
        "name": "subscription_name",
        "type": "STRING",
        "mode": "NULLABLE",
        "description": "Pub/Sub subscription that wrote the row.",
    },
    {
        "name": "message_id",
        "type": "STRING",
        "mode": "NULLABLE",
        "description": "Pub/Sub message id; one event may have several messages.",
    },
    {
        "name": "publish_time",
        "type": "TIMESTAMP",
        "mode": "NULLABLE",
        "description": "When Pub/Sub took the message, in UTC; the partition of the raw table.",
    },
    {
        "name": "attributes",
        "type": "JSON",
        "mode": "NULLABLE",
        "description": "Message attributes: event_id, stream and the ordering key.",
    },
)
ADDED = (
    *("business_date", "body_hash", "publish_date", "published_at", "run_id"),
    *("outcome", "refusal", "refused_row", "loaded_hash", "first_hash", "arrival", "is_elsewhere"),
)
"""Columns that the pipeline adds on the way to the history (`sql/bigquery/streams`)."""


def items_of(avro: Json) -> Json | None:
    """The field that lists an event's items, such as the lines of a sale; None where an event is one thing."""
    return next(_arrays(avro), None)


def _arrays(avro: Json) -> Iterator[Json]:
    return (field for field in avro["fields"] if isinstance(field["type"], dict))


def check_names(avro: Json, *, has_history: bool) -> None:
    """Check that each field can be a column of the raw table, and each event in the history where the stream has one.

    Raises:
        ValueError: names the field, and what it stands in the way of.
    """
    taken = {column["name"]: "of the raw table" for column in METADATA_FIELDS}
    if has_history:
        taken |= dict.fromkeys(ADDED, "that the pipeline adds")
    names = [field["name"] for field in avro["fields"]]
    items = list(_arrays(avro))
    if has_history and len(items) > 1:
        raise ValueError(
            f"fields {items[0]['name']} and {items[1]['name']} are both arrays; a history has a row an item of one"
        )
    if has_history and items and items[0]["contract"]["min_items"] == 0:
        raise ValueError(
            f"field {items[0]['name']} has min_items 0, and a history has a row an item: an event without one would be in "
            "no mart; write 1 or more, or take the consumer history away"
        )
    inner = [field["name"] for array in items for field in array["type"]["items"]["fields"]] if has_history else []
    for name in (*names, *inner):
        if name in taken:
            raise ValueError(f"field {name} is called as a column {taken[name]}; choose another name")
    if twice := [name for name in inner if name in names]:
        raise ValueError(
            f"field {items[0]['name']}[].{twice[0]} is called as a field of the event; choose another name"
        )

"""The raw tables as the pipeline sees them: one a stream, declared by the stream's folder.

Their columns are the event schema's; Pulumi creates them. The checks are the promised freshness, and whatever the folder's
`checks.sql` adds.
"""

from __future__ import annotations

from workloads.events import Stream

_DESCRIPTION = (
    "{record} messages as Pub/Sub delivered them, at least once each. Its columns come from the event schema "
    "(workloads/events); Pulumi creates it, partitioned by publish time, with an expiry. The lake keeps what expires here."
)
_FRESHNESS = """\
-- check: {table}.freshness
-- severity: warn
-- description: The newest raw row is at most {hours} hours old.
SELECT CAST(NULL AS STRING) AS place, CAST(NULL AS DATE) AS day, COALESCE(CAST(newest AS STRING), 'there is none') AS sample
FROM (
  SELECT MAX(publish_time) AS newest
  FROM ${{raw}}.{table}
  WHERE publish_time >= TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL ${{raw_retention_days}} DAY)
    AND location_id != ${{verification_location}}
)
WHERE newest IS NULL OR newest < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL {hours} HOUR)"""


def description(stream: Stream) -> str:
    """What a row of the raw table is."""
    return _DESCRIPTION.format(record=stream.record)


def checks(stream: Stream) -> str | None:
    """The stream's checks in the form of a `checks.sql`, None without any."""
    fresh = (
        "" if stream.freshness_hours is None else _FRESHNESS.format(table=stream.table, hours=stream.freshness_hours)
    )
    return "\n\n".join(text for text in (fresh, stream.checks) if text) or None

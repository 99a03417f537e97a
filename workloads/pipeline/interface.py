"""Environment variables of the pipeline beside the common ones, and the log events that alerts count."""

from __future__ import annotations

from typing import Final

RAW_DATASET: Final = "RAW_DATASET"
STAGING_DATASET: Final = "STAGING_DATASET"
MARTS_DATASET: Final = "MARTS_DATASET"
LAKE_BUCKET: Final = "LAKE_BUCKET"
BIGQUERY_LOCATION: Final = "BIGQUERY_LOCATION"
MAXIMUM_BYTES_BILLED: Final = "MAXIMUM_BYTES_BILLED"
RAW_RETENTION_DAYS: Final = "RAW_RETENTION_DAYS"
STREAM_RETENTION_DAYS: Final = "STREAM_RETENTION_DAYS"
CRON: Final = "PIPELINE_CRON"
"""When Airflow runs the DAG; without it only when told to."""
PUBLISHED: Final = "marts_published"
"""Log event of a complete publication."""
LATE: Final = "pipeline_late"
"""What the log line of a run that missed its deadline begins with (workloads/plugins/fastyle_deadline.py)."""

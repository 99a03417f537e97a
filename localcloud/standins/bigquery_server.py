"""`python -m localcloud.standins.bigquery_server start …`: bqemulator without its time travel.

At every write bqemulator copies the whole table, and keeps the copies for seven days: what an export of every half
second costs would grow with the square of the trade. Nothing here travels in time; a query that asks for it is refused.
"""

from __future__ import annotations

from typing import Any

import bqemulator.server
from bqemulator.cli import main
from bqemulator.versioning.snapshots import SnapshotManager


class NoSnapshots(SnapshotManager):
    """Keeps no copies, and has no past to read: `FOR SYSTEM_TIME AS OF` names a retention of 0 days."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "retention_days": 0})

    def capture(self, *_: object, **__: object) -> None:
        return None


if __name__ == "__main__":
    bqemulator.server.SnapshotManager = NoSnapshots  # type: ignore[attr-defined,assignment]
    main()

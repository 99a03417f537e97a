"""`python -m localcloud.standins.bigquery_server start …`: bqemulator without its time travel.

At every write bqemulator copies the whole table, and keeps the copies for seven days: what an export of every half
second costs would grow with the square of the trade.
"""

from __future__ import annotations

import bqemulator.server
from bqemulator.cli import main
from bqemulator.versioning.snapshots import SnapshotManager


class NoSnapshots(SnapshotManager):
    """Keeps no copies."""

    def capture(self, *_: object, **__: object) -> None:
        return None


if __name__ == "__main__":
    bqemulator.server.SnapshotManager = NoSnapshots  # type: ignore[attr-defined]
    main()

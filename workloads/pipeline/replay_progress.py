"""How far a replay is: kept in its row of `pipeline_run`, so that any later call goes on from there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import DictRow

from workloads.events import STREAMS
from workloads.pipeline import history
from workloads.pipeline.replay_batch import Batch

READ, PUBLISH = "read", "publish"
_LISTED = 50  # kinds of refusals, bad files: what a report names one by one


@dataclass
class Progress:
    """The place up to which raw tables and live inventory have everything, and what was met on the way."""

    replay_id: str  # the same over all calls
    started_at: datetime
    phase: str = READ
    stream: str = next(iter(STREAMS))
    file: str = ""  # the file that was read last
    messages: int = 0  # of that file, that are done
    seconds: float = 0.0  # spent reading
    counts: Counter[str] = field(default_factory=Counter)
    refused: dict[str, dict[str, Any]] = field(default_factory=dict)  # by reason: count, first
    damaged: dict[str, str] = field(default_factory=dict)  # file -> where it breaks
    foreign: list[str] = field(default_factory=list)  # objects that Pub/Sub did not write
    written: dict[str, Any] = field(default_factory=dict)  # the last raw row, to know it again
    recorded: str = ""  # the last event_id in live inventory

    @classmethod
    def new(cls, replay_id: str, started_at: datetime) -> Progress:
        return cls(replay_id=replay_id, started_at=started_at)

    @classmethod
    def of(cls, report: Mapping[str, Any]) -> Progress | None:
        """Read it from a run's report; None when that run had not begun to read."""
        kept = report.get("replay")
        if kept is None:
            return None
        kept = dict(kept) | {"started_at": datetime.fromisoformat(kept["started_at"])}
        return cls(**kept | {"counts": Counter(kept["counts"])})

    def save(self, connection: psycopg.Connection[DictRow], run_id: str) -> None:
        """Keep it; also renews the lease.

        Raises:
            TakenOver: the replay is no longer the one that runs.
        """
        kept = {**vars(self), "started_at": self.started_at.isoformat()}
        history.record(connection, run_id, "read_lake", self.seconds, counts=self.counts, state={"replay": kept})
        history.current(connection, run_id)

    def enter(self, stream: str) -> None:
        """Begin a stream, unless it is the one being read."""
        if stream != self.stream:
            self.stream, self.file, self.messages = stream, "", 0

    def advance(self, batch: Batch, seconds: float) -> None:
        """Both stores have the batch."""
        self.seconds += seconds
        self.counts.update(files=batch.files, messages=len(batch.messages), messages_outside=batch.outside)
        if batch.file:
            self.file, self.messages = batch.file, batch.done

    def refuse(self, reason: str, where: str) -> None:
        """Count a message that a store does not take, with the place of the first one."""
        kinds = self.refused
        reason = reason if reason in kinds or len(kinds) < _LISTED else "other reasons"
        entry = kinds.setdefault(reason, {"count": 0, "first": where})
        entry["count"] += 1

    def note_damaged(self, file: str, error: str) -> None:
        if file not in self.damaged:
            self.counts["files_damaged"] += 1
            if len(self.damaged) < _LISTED:
                self.damaged[file] = error

    def note_foreign(self, file: str) -> None:
        if file not in self.foreign:
            self.counts["files_foreign"] += 1
            if len(self.foreign) < _LISTED:
                self.foreign.append(file)


@dataclass
class ReplayReport:
    """What a replay did so far; `state` is succeeded, incomplete, stopped (by a check) or failed."""

    run_id: str
    state: str
    phase: str
    started_at: str | None
    request: dict[str, Any]
    position: dict[str, Any]
    counts: dict[str, int]
    seconds: dict[str, float]
    bytes_billed: int
    refused: list[dict[str, Any]]
    damaged: dict[str, str]
    foreign: list[str]
    publication_id: str | None
    error: str | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> ReplayReport:
        """From its row of `pipeline_run`."""
        told, progress = row["report"], Progress.of(row["report"])
        return cls(
            run_id=row["run_id"],
            state=row["state"],
            phase=progress.phase if progress else READ,
            started_at=progress.started_at.isoformat() if progress else None,
            request=row["request"],
            position={"stream": progress.stream, "file": progress.file} if progress else {},
            counts=told.get("counts", {}),
            seconds=told.get("seconds", {}),
            bytes_billed=told.get("bytes_billed", 0),
            refused=[{"reason": reason, **entry} for reason, entry in progress.refused.items()] if progress else [],
            damaged=progress.damaged if progress else {},
            foreign=progress.foreign if progress else [],
            publication_id=row["publication_id"],
            error=row["error"],
        )

    def as_json(self) -> dict[str, Any]:
        return {**self.__dict__, "status": self.state}

"""What a checkout with a third stream makes of it (tests/support/extended.py)."""

from __future__ import annotations

import dataclasses
import json
import os
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import functions_framework

from tests.support.jobs import Recorded
from tests.support.new_mart import proven
from tests.support.pos_api import ENTRY, credentials
from tests.support.publisher_server import publisher_server
from workloads.events import STREAMS, Stream, decode, encode
from workloads.inventory_sync.settings import TAKEN
from workloads.pipeline import tasks
from workloads.pipeline.checks import checks
from workloads.pipeline.lake import Message
from workloads.pipeline.replay_batch import Batch
from workloads.pipeline.replay_progress import Progress
from workloads.pipeline.replay_stores import Stores
from workloads.pipeline.tables import tables

Json = dict[str, Any]


def event_of(stream: Stream) -> Json:
    """A valid event of a stream as `fastyle new stream` writes it."""
    return {"event_id": str(uuid.uuid4()), "event_time": "2026-03-01T12:30:00Z", "location_id": "S01"}


def accepted(stream: Stream, folder: Path) -> Json:
    """What the POS API answers to an event of the stream, and the message that it publishes."""
    event = event_of(stream)
    (folder / "credentials.json").write_text(credentials(till=["S01"]), encoding="utf-8")
    (folder / "main.py").write_text(ENTRY, encoding="utf-8")
    with publisher_server() as pubsub:
        os.environ |= {
            "GOOGLE_CLOUD_PROJECT": "p",
            "TIMEZONE": "America/New_York",
            "CURRENCY": "USD",
            "BRAND": "Fastyle",
            "CREDENTIALS_FILE": str(folder / "credentials.json"),
            "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{pubsub.port}",
            **{f"{key.upper()}_TOPIC": f"projects/p/topics/{other.topic}" for key, other in STREAMS.items()},
        }
        app = functions_framework.create_app("handle", str(folder / "main.py"))  # type: ignore[no-untyped-call]
        headers = {"Authorization": "Bearer till"}
        answers = [
            app.test_client().post(stream.path, json=body, headers=headers)
            for body in (event, {**event, "location_id": ""}, {**event, "colour": "red"})
        ]
        messages = [(request.topic, message) for request in pubsub.requests for message in request.messages]
    return {
        "sent": event,
        "answers": [(answer.status_code, answer.json) for answer in answers],
        "published": [(topic, decode(stream, message.data)) for topic, message in messages],
    }


def replayed(stream: Stream) -> Json:
    """What a replay makes of a message of the stream in the lake: rows for the raw table, events for live inventory."""
    event = event_of(stream) | {"reference": None}
    now = datetime.now(UTC)
    message = Message(0, encode(stream, event), {"stream": stream.key}, "1", now, f"{stream.topic}-to-lake")
    batch, progress = Batch(stream, messages=[("file", message)]), Progress.new("r", now)
    rows, events = Stores(cast(Any, None), cast(Any, None))._read(progress, batch)
    return {"rows": [json.loads(line)["event_id"] == event["event_id"] for line in rows.getvalue().splitlines()],
            "events": len(events), "refused": progress.refused}  # fmt: skip


def told(key: str, plan: Json, folder: Path, recorded: Recorded) -> Json:
    stream = STREAMS[key]
    read = {task.name: task.reads for task in tasks.TASKS}
    made = {name: table.kind for name, table in tables().items() if name.startswith("staging.") and key in name}
    return {
        "streams": list(STREAMS),
        "pushed": list(TAKEN),
        "planned": plan,
        "accepted": accepted(stream, folder),
        "replayed": replayed(stream),
        "raw": dataclasses.asdict(tables()[f"raw.{stream.table}"])["kind"],
        "checks": [check.name for check in checks().values() if check.table == f"raw.{stream.table}"],
        "tables": made,
        "written_by": {
            name: [task.name for task in tasks.TASKS if name in task.writes]
            for name, kind in made.items()
            if kind != "view"
        },
        "history_checks": [check.name for check in checks().values() if check.table == f"staging.{key}"],
        "proven": proven(recorded, key),
        "read_by": [name for name, names in read.items() if f"raw.{stream.table}" in names],
    }

"""`fastyle new`: writes the folder of a new thing with working defaults, so that nothing else has to be edited.

A stream is written here, a mart by `ops.new_mart`, a policy rule by `ops.new_rule`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import click

from ops import new_mart, new_rule
from ops.endpoints import REPOSITORY
from ops.errors import OperatorError
from ops.plainly import speaks_plainly
from workloads.events.stream import check_key, read_streams

STREAMS = Path("workloads", "events", "streams")
PAGE = Path("docs", "events.md")

_DECLARATION = """\
# Where these events go. The keys are explained in workloads/events/streams/README.md, the fields of an event in schema.avsc.
order = {order}
topic = "{dashed}"
table = "{key}"
path = "/v1/{dashed}"
summary = "Send {words}"
consumers = {consumers}
freshness_hours = 50
"""
_FIELDS = (
    {
        "name": "event_id",
        "type": "string",
        "doc": "Identity of the event: sent any number of times under one event_id, it counts once.",
        "contract": {"format": "uuid"},
    },
    {
        "name": "event_time",
        "type": "string",
        "doc": "When it happened, in UTC. Arrival may be later and in any order.",
        "contract": {"format": "time", "bigquery": "TIMESTAMP"},
    },
    {
        "name": "location_id",
        "type": "string",
        "doc": "Where it happened. May be unknown to the catalogue.",
        "contract": {"format": "id"},
    },
    {
        "name": "reference",
        "type": ["null", "string"],
        "default": None,
        "doc": "The document behind it; null when there is none.",
        "contract": {"format": "id"},
    },
)


@click.group()
def new() -> None:
    """Write the folder of a new thing with working defaults."""


@new.command("stream")
@click.argument("name")
@click.option(
    "--history/--no-history", default=False, help="Also load the events into a history for marts. Default: no."
)
@speaks_plainly
def new_stream(name: str, history: bool) -> None:
    """Write the folder of event stream NAME, such as price_changes, and its part of docs/events.md."""
    folder = write_stream(name, REPOSITORY, history=history)
    place = folder.relative_to(REPOSITORY)
    taken = (
        f"the pipeline loads them into `staging.{folder.name}`, which marts read as `${{source:{folder.name}}}`"
        if history
        else "beside raw table and lake nobody takes these events"
    )
    click.echo(
        f"wrote {place} and {PAGE}\n"
        f"say in {place}/schema.avsc what an event is, then `make documents` and `make plan STACK=dev`\n"
        f"{taken}: {place}/stream.toml, consumers\n"
        "the plans' counts in tests/plans follow by UPDATE_INVENTORIES=1 uv run pytest tests/plans/test_plans_inventory.py"
    )


@new.command("mart")
@click.argument("name")
@click.option("--read-model/--no-read-model", default=True, help="Also in Cloud SQL, for the API. Default: yes.")
@speaks_plainly
def new_mart_command(name: str, read_model: bool) -> None:
    """Write the folder of mart NAME, such as returns_daily, and its part of docs/marts.md."""
    folder = new_mart.write_mart(name, REPOSITORY, read_model=read_model)
    place = folder.relative_to(REPOSITORY)
    shown = f"`GET /v1/marts/{folder.name}` of the API; " if read_model else ""
    click.echo(
        f"wrote {place} and {new_mart.PAGE}\n"
        f"say in {place}/mart.yaml what a row is, in query.sql how it is made, then `make documents` and `make up`\n"
        f"its rows: view `marts.{folder.name}`; {shown}the next run of the pipeline builds all dates"
    )


@new.command("rule")
@click.argument("name")
@speaks_plainly
def new_rule_command(name: str) -> None:
    """Write policy rule NAME, such as bucket-storage-class, its table of cases, and its row of docs/policies.md."""
    written = new_rule.write_rule(name, REPOSITORY)
    click.echo(
        f"wrote {written.module}, {written.cases} and {new_rule.PAGE}\n"
        f"say in {written.module} what is wrong with which resources, in {written.cases} what it must say of them, then\n"
        "uv run pytest policies/tests/policy_rules/test_rules.py, `make documents` and `make plan STACK=dev`"
    )


def write_stream(name: str, repository: Path, *, history: bool = False) -> Path:
    """Write the folder of a stream and the events' page of that checkout; returns the folder.

    Raises:
        OperatorError: the name is no key, or a name that follows from it is another stream's; nothing is left behind.
    """
    key = name.strip().replace("-", "_")
    folder = repository / STREAMS / key
    try:
        check_key(key)
        if folder.exists():
            raise OperatorError(f"{STREAMS / key} is there already; edit it, or choose another name")
        order = max((stream.order for stream in read_streams(repository / STREAMS).values()), default=0) + 1
        folder.mkdir()
    except (ValueError, OSError) as error:
        raise OperatorError(f"{error}") from None
    try:
        words = key.replace("_", " ")
        consumers = '["history"]' if history else "[]  # raw table and lake alone"
        declaration = _DECLARATION.format(
            order=order, key=key, dashed=key.replace("_", "-"), words=words, consumers=consumers
        )
        (folder / "stream.toml").write_text(declaration, encoding="utf-8")
        (folder / "schema.avsc").write_text(_schema(key), encoding="utf-8")
        read_streams(repository / STREAMS)
        _write_page(repository)
    except (ValueError, OSError, OperatorError) as error:
        shutil.rmtree(folder)
        raise OperatorError(f"{error}") from None
    return folder


def _schema(key: str) -> str:
    record = {
        "type": "record",
        "name": "".join(word.capitalize() for word in key.split("_")),
        "namespace": "fastyle.events",
        "doc": f"{key.replace('_', ' ').capitalize()} at one location. Grain: one event.",
        "fields": list(_FIELDS),
    }
    return json.dumps(record, indent=2) + "\n"


def _write_page(repository: Path) -> None:
    """In a process of its own: this one has read the streams already."""
    render = "from workloads.reference.events import render; print(render(), end='')"
    command = [sys.executable, "-c", render]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise OperatorError((done.stderr.strip().splitlines() or [f"{PAGE} cannot be written"])[-1])
    (repository / PAGE).write_text(done.stdout, encoding="utf-8")

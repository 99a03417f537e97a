"""`fastyle new`: writes the folder of a new thing with working defaults, so that nothing else has to be edited.

A stream is written by `ops.new_stream`, a mart by `ops.new_mart`, a policy rule by `ops.new_rule`.
"""

from __future__ import annotations

import click

from ops.command_line import Commands
from ops.endpoints import REPOSITORY
from ops.plainly import speaks_plainly


@click.group(cls=Commands)
def new() -> None:
    """Write the folder of a new thing with working defaults."""


@new.command("stream")
@click.argument("name")
@click.option(
    "--history/--no-history", default=False, help="Also load the events into a history for marts. Default: no."
)
@speaks_plainly
def new_stream_command(name: str, history: bool) -> None:
    """Write the folder of event stream NAME, such as price_changes, and its part of docs/events.md."""
    from ops import new_stream

    folder = new_stream.write_stream(name, REPOSITORY, history=history)
    place = folder.relative_to(REPOSITORY)
    taken = (
        f"the pipeline loads them into `staging.{folder.name}`, which marts read as `${{source:{folder.name}}}`"
        if history
        else "beside raw table and lake nobody takes these events"
    )
    click.echo(
        f"wrote {place} and {new_stream.KIND.page}\n"
        f"say in {place}/schema.avsc what an event is, then `make documents` and `make plan STACK=dev`\n"
        f"{taken}: {place}/stream.toml, consumers\n"
        "what tests hold the stacks to follows by UPDATE_INVENTORIES=1 UPDATE_SNAPSHOTS=1 uv run pytest "
        "tests/plans/test_plans_inventory.py tests/unit/infra/test_config_grants.py tests/unit/infra/test_config_options.py"
    )


@new.command("mart")
@click.argument("name")
@click.option("--read-model/--no-read-model", default=True, help="Also in Cloud SQL, for the API. Default: yes.")
@speaks_plainly
def new_mart_command(name: str, read_model: bool) -> None:
    """Write the folder of mart NAME, such as returns_daily, and its part of docs/marts.md."""
    from ops import new_mart

    folder = new_mart.write_mart(name, REPOSITORY, read_model=read_model)
    place = folder.relative_to(REPOSITORY)
    shown = f"`GET /v1/marts/{folder.name}` of the API; " if read_model else ""
    click.echo(
        f"wrote {place} and {new_mart.KIND.page}\n"
        f"say in {place}/mart.yaml what a row is, in query.sql how it is made, then `make documents` and `make up`\n"
        f"its rows: view `marts.{folder.name}`; {shown}the next run of the pipeline builds all dates"
    )


@new.command("rule")
@click.argument("name")
@speaks_plainly
def new_rule_command(name: str) -> None:
    """Write policy rule NAME, such as bucket-storage-class, its table of cases, and its row of docs/policies.md."""
    from ops import new_rule

    written = new_rule.write_rule(name, REPOSITORY)
    click.echo(
        f"wrote {written.module}, {written.cases} and {new_rule.PAGE}\n"
        f"say in {written.module} what is wrong with which resources, in {written.cases} what it must say of them, then\n"
        "uv run pytest policies/tests/policy_rules/test_rules.py, `make documents` and `make plan STACK=dev`"
    )

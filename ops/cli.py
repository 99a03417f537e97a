"""The `fastyle` command: an operator's verbs against any stack. Exit 0 only when what was asked for is done."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from ops import credentials as credential_store
from ops.command_line import DATE, Commands
from ops.cost_commands import cost
from ops.endpoints import LOCAL, Endpoints, load_endpoints
from ops.errors import OperatorError
from ops.google import flush, until_done
from ops.ledger import Ledger
from ops.new import new
from ops.plainly import speaks_plainly
from ops.sender import Refusal, Sender, SendReport
from ops.terminal import console
from ops.trade import Event, complete_journey, disturbed, progress_bar, simulated
from ops.trade_files import from_file, write_refusals

stack_option = click.option("--stack", default=LOCAL, show_default=True, help="The stack to act on.")
from_option = click.option("--from", "start", type=DATE, help="First business date.")
to_option = click.option("--to", "end", type=DATE, help="Last business date.")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Operate a Fastyle stack: local, or in a Google Cloud project."""


@cli.command()
@speaks_plainly
def env() -> None:
    """Print `export` lines for plain `pulumi` commands on stack local: eval "$(fastyle env)"."""
    from ops.local_cloud import export_lines

    click.echo(export_lines())


@cli.command()
@stack_option
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@speaks_plainly
def status(stack: str, as_json: bool) -> None:
    """Show what runs, what waits, what was refused and which grant is missing. Exit 1 when something is wrong."""
    from ops.status import show_status

    if not show_status(load_endpoints(stack), as_json=as_json):
        sys.exit(1)


@cli.command()
@stack_option
@click.option("--save", type=click.Path(path_type=Path), metavar="FILE", help="FILE gets the preview's JSON.")
@speaks_plainly
def plan(stack: str, save: Path | None) -> None:
    """Preview a stack without any cloud account, with policies and cost. Exit 1 when a mandatory policy is violated."""
    from ops.plan_command import run as preview

    if not preview(stack, save):
        sys.exit(1)


@cli.command()
@click.option("--stack", required=True, help="The stack that is to be deployed.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@speaks_plainly
def preflight(stack: str, as_json: bool) -> None:
    """Say before the first `pulumi up` what Google Cloud would refuse a stack. Read only; exit 1 on a failure."""
    from ops.preflight.command import main as ask

    ask(stack, as_json=as_json)


@cli.command()
@stack_option
@click.option("--token", envvar="FASTYLE_TOKEN", help="POS credential; without it one is issued and then revoked.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@speaks_plainly
def verify(stack: str, token: str | None, as_json: bool) -> None:
    """Prove a deployed stack end to end, by trade of its own that no figure counts. Exit 1 when a check failed."""
    from ops.verify.command import main as verify_stack

    verify_stack(stack, token, as_json=as_json)


@cli.group()
def catalog() -> None:
    """The catalogue: products with their costs over time, and locations."""


@catalog.command("load")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@stack_option
@click.option("--dsn", envvar="FASTYLE_DATABASE_DSN", help="DSN of the stack's database; not needed for local.")
@click.option("--encoding", help="Of the files, where neither their byte order mark tells nor they are UTF-8.")
@speaks_plainly
def catalog_load(files: tuple[Path, ...], stack: str, dsn: str | None, encoding: str | None) -> None:
    """Load products and locations from CSV or NDJSON FILES; which is which is told by their columns."""
    from ops.catalog import load_files

    dsn = dsn or load_endpoints(stack).postgres
    if not dsn:
        raise OperatorError(
            f"the database of stack {stack} is private; run this inside its VPC with --dsn, "
            "or through the Cloud SQL proxy (docs/operations/access.md)"
        )
    click.echo(load_files(dsn, list(files), encoding))


@cli.group()
def trade() -> None:
    """Send events through the POS API as tills do. Nothing counts twice, however often it is sent."""


def sending(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every kind of trade shares."""
    options = (
        stack_option,
        click.option("--times", default=1, show_default=True, type=click.IntRange(1, 20), help="Send each so often."),
        click.option("--shuffle", is_flag=True, help="Send in random order."),
        click.option("--seed", default=20260101, show_default=True, help="Of the simulator and the shuffle."),
        click.option("--token", envvar="FASTYLE_TOKEN", help="POS credential; not needed for local."),
        click.option("--batch", default=200, show_default=True, type=click.IntRange(1, 1000), help="Events a request."),
        click.option("--concurrency", default=4, show_default=True, type=click.IntRange(1, 64)),
    )
    for option in reversed(options):
        command = option(command)
    return speaks_plainly(command)


@trade.command("simulate")
@from_option
@to_option
@click.option(
    "--scale", default=1.0, show_default=True, type=click.FloatRange(0.001, 1000), help="1: about 3,000 sales a day."
)
@click.option("--opening", is_flag=True, help="Begin with opening stock on every shelf.")
@sending
def trade_simulate(start: datetime | None, end: datetime | None, scale: float, opening: bool, **options: Any) -> None:
    """Send the seeded simulator's trade of business dates --from to --to (default: yesterday)."""
    endpoints = load_endpoints(options["stack"])
    first, last = _dates(endpoints, start, end)
    zone, currency = endpoints.timezone, endpoints.currency
    events = simulated(
        first,
        last,
        seed=options["seed"],
        scale=scale,
        timezone=zone,
        currency=currency,
        catalogue=endpoints.catalogue,
        opening=opening,
    )
    _send(endpoints, events, options)


@trade.command("complete-journey")
@from_option
@to_option
@sending
def trade_complete_journey(start: datetime | None, end: datetime | None, **options: Any) -> None:
    """Send real sales of 2017 (docs/complete-journey.md) of dates --from to --to."""
    if start is None or end is None:
        raise OperatorError("name the dates, within 2017: --from 2017-01-01 --to 2017-01-14")
    endpoints = load_endpoints(options["stack"])
    first, last = _dates(endpoints, start, end)
    events = list(complete_journey(first, last, currency=endpoints.currency))
    if not events:
        raise OperatorError(f"the data have no sale from {start:%Y-%m-%d} to {end:%Y-%m-%d}; they are of 2017")
    _send(endpoints, events, options)


@trade.command("file")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--encoding", help="Of the file, where neither its byte order mark tells nor it is UTF-8.")
@click.option(
    "--rejects", type=click.Path(path_type=Path), help="Where to write what is refused; FILE.rejects.ndjson without it."
)
@sending
def trade_file(file: Path, encoding: str | None, rejects: Path | None, **options: Any) -> None:
    """Send the events of a FILE: .ndjson, one a line, or .csv, one a row, or a line of a sale a row (docs/imports.md).

    What is refused is written to a file of its own: line, event id, field, reason and the event. Mend FILE and send it again.
    """
    endpoints = load_endpoints(options["stack"])
    events, refusals = from_file(file, encoding)
    rejects = rejects or file.with_name(f"{file.name}.rejects.ndjson")
    if rejects.resolve() == file.resolve():
        raise OperatorError("--rejects names the file itself; name another one")
    _send(endpoints, events, options, refusals, file, rejects)


def _send(
    endpoints: Endpoints,
    events: Any,
    options: dict[str, Any],
    unread: Sequence[Refusal] = (),
    file: Path | None = None,
    rejects: Path | None = None,
) -> None:
    """Send events; what was refused of them and before, when they were read from `file`, is written to `rejects`, and is an
    error."""
    token = options["token"] or endpoints.api_token
    if not token:
        raise OperatorError("no POS credential; give --token, or issue one with `fastyle credentials issue`")
    batch: list[tuple[str, Event]] = disturbed(
        events, times=options["times"], shuffle=options["shuffle"], seed=options["seed"]
    )
    report = asyncio.run(_sent(endpoints, token, batch, options["batch"], options["concurrency"]))
    rate = report.accepted / report.seconds if report.seconds else 0.0
    refusals = [*unread, *report.refusals]
    rejected = report.rejected + len(unread)
    console.print(f"{report.accepted:,} accepted, {rejected:,} rejected in {report.seconds:.1f} s ({rate:,.0f}/s)")
    if rejects is not None and not refusals:
        rejects.unlink(missing_ok=True)  # of an earlier sending
    if not refusals:
        return
    if rejects is None or file is None:
        raise OperatorError(f"{_were_rejected(len(refusals))}, such as {'; '.join(report.examples)}")
    write_refusals(refusals, rejects)
    first = min(refusals, key=lambda refusal: refusal.line or 0)
    raise OperatorError(
        f"{_were_rejected(len(refusals))}; see {rejects} for line, event id, field and reason of each, mend {file.name}, and "
        "send it again: what was accepted counts once. The first: "
        f"line {first.line}: {first.field or 'the event'}: {first.error}"
    )


def _were_rejected(count: int) -> str:
    return "1 event was rejected" if count == 1 else f"{count:,} events were rejected"


async def _sent(
    endpoints: Endpoints, token: str, events: list[tuple[str, Event]], batch: int, concurrency: int
) -> SendReport:
    from ops.local_cloud import LEDGER

    ledger = Ledger(LEDGER) if endpoints.stack == LOCAL else None

    def notice(words: str) -> None:
        console.print(f"    {words}", markup=False)

    async with Sender(endpoints, token, batch=batch, concurrency=concurrency, ledger=ledger, notice=notice) as sender:
        with progress_bar(console, len(events)) as advance:
            return await sender.send(events, advance)


def _dates(endpoints: Endpoints, start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    """Business dates, both included, as instants in UTC; yesterday when none is given."""
    zone = ZoneInfo(endpoints.timezone)
    yesterday = datetime.now(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None) - timedelta(days=1)
    first, last = start or end or yesterday, end or start or yesterday
    if last < first:
        raise OperatorError(f"--to {last:%Y-%m-%d} is before --from {first:%Y-%m-%d}; exchange them")
    midnight = [d.replace(tzinfo=zone).astimezone(UTC) for d in (first, last + timedelta(days=1))]
    return midnight[0], midnight[1]


@cli.group()
def pipeline() -> None:
    """From raw events to published marts."""


@pipeline.command("run")
@stack_option
@from_option
@to_option
@speaks_plainly
def pipeline_run(stack: str, start: datetime | None, end: datetime | None) -> None:
    """Process what has arrived and publish; --from --to rewrites those business dates too."""
    endpoints = load_endpoints(stack)
    if not endpoints.pipeline:
        raise OperatorError(f"stack {stack} runs its pipeline in Composer; trigger its DAG there")
    first, last = start or end, end or start
    body = {"from": f"{first:%Y-%m-%d}", "to": f"{last:%Y-%m-%d}"} if first and last else {}
    flush(endpoints)
    console.print_json(data=until_done(endpoints, endpoints.pipeline, "/run", body))


@cli.command()
@stack_option
@click.option("--from", "start", type=DATE, help="First date of publication.")
@click.option("--to", "end", type=DATE, help="Last date of publication.")
@speaks_plainly
def replay(stack: str, start: datetime | None, end: datetime | None) -> None:
    """Rebuild warehouse and live inventory from the raw lake and the catalogue, or what is missing of them.

    --from --to are dates of publication in the business's time zone, both included; without them it is all of the
    lake. Interrupted, the same command goes on.
    """
    from ops.replay import run_replay

    endpoints = load_endpoints(stack)
    first, last = _dates(endpoints, start, end) if start or end else (None, None)
    console.print_json(data=run_replay(endpoints, first, last))


@cli.group(invoke_without_command=True)
@stack_option
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.pass_context
@speaks_plainly
def quality(context: click.Context, stack: str, as_json: bool) -> None:
    """Show the open faults of data quality: what a check found wrong, and no run since has found mended."""
    from ops import quality as data_quality

    if context.invoked_subcommand is not None:
        return
    faults = data_quality.open_faults(load_endpoints(stack))
    if as_json:
        click.echo(json.dumps(data_quality.as_json(faults)))
    else:
        data_quality.show(faults)


@quality.command("waive")
@click.argument("fault_ids", metavar="ID...", nargs=-1, required=True)
@click.option("--until", required=True, type=DATE, help="The last date on which they may pass.")
@click.option("--reason", required=True, help="Why, in a sentence; it is kept.")
@stack_option
@speaks_plainly
def quality_waive(fault_ids: tuple[str, ...], until: datetime, reason: str, stack: str) -> None:
    """Let open faults pass until a date: publication goes on, and they stay listed."""
    from ops import quality as data_quality

    endpoints = load_endpoints(stack)
    for fault_id in fault_ids:
        waived = data_quality.waive(endpoints, fault_id, until.date(), reason)
        console.print(f"{waived['check']} in {waived['where']} is waived until {waived['waived_until']}", markup=False)


@quality.command("redrive")
@stack_option
@speaks_plainly
def quality_redrive(stack: str) -> None:
    """Have the rows in quarantine judged again by the next run, whatever the rule."""
    from ops import quality as data_quality

    count = data_quality.redrive(load_endpoints(stack))
    console.print(f"{count:,} rows are judged again by the next run: fastyle pipeline run")


@cli.command()
@click.argument("topic")
@stack_option
@click.option("--dry-run", is_flag=True, help="Only list the letters, by the reason of their death.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@speaks_plainly
def redrive(topic: str, stack: str, dry_run: bool, as_json: bool) -> None:
    """Send the dead letters of TOPIC (a stream's, or its dead-letter topic) again, once their cause is mended.

    Only those that are there now: what dies again stays, with its new reason.
    """
    from ops.redrive import run_redrive

    run_redrive(load_endpoints(stack), topic, dry_run=dry_run, as_json=as_json)


cli.add_command(cost)
cli.add_command(new)


@cli.command()
@stack_option
@click.option(
    "--days", type=click.IntRange(1, 42), help="Business dates to trade, 7; of another stack the last days, 28."
)
@click.option("--from", "start", type=DATE, default="2026-03-09", show_default=True, help="The first.")
@click.option(
    "--scale", default=1.0, show_default=True, type=click.FloatRange(0.001, 1000), help="As of `trade simulate`."
)
@click.option("--seed", default=20260101, show_default=True, help="Of the simulator: the same trade uses the same.")
@click.option("--keep", is_flag=True, help="Into the usage files of every stack in policies/usage, too.")
@click.option(
    "--write",
    "target",
    type=click.Path(path_type=Path),
    help="Of another stack: its file, .localcloud/usage-STACK.yaml.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the exact counts, for machines.")
@speaks_plainly
def meter(
    stack: str,
    days: int | None,
    start: datetime,
    scale: float,
    seed: int,
    keep: bool,
    target: Path | None,
    as_json: bool,
) -> None:
    """Measure what a stack uses, as a usage file: local over simulated days, another by what Cloud Monitoring counted."""
    from ops.metering import cloud, command
    from ops.metering.measure import Trade

    if stack != LOCAL:
        if keep:
            raise OperatorError("--keep is what stack local measures for all; of another stack give --write FILE")
        cloud.run(stack, days or cloud.DAYS, target, as_json=as_json)
        return
    trade = Trade(first=start.date(), days=days or 7, seed=seed, scale=scale)
    command.run(load_endpoints(LOCAL), trade, keep=keep, as_json=as_json)


@cli.group()
def prices() -> None:
    """The price book behind `fastyle cost`."""


@prices.command("refresh")
@click.option("--write", is_flag=True, help="Write what is confirmed or changed, with today's date.")
@speaks_plainly
def prices_refresh(write: bool) -> None:
    """Hold every rate against Google's Cloud Billing Catalog and show the difference."""
    from ops.prices import run

    click.echo(run(write=write))


@cli.group()
def credentials() -> None:
    """Credentials of tills (pos_credentials) and programs (api_credentials)."""


@credentials.command("issue")
@click.argument("credential_id")
@click.option("--location", "locations", multiple=True, required=True, help="Location it may speak for; `*` for all.")
@click.option("--secret", default="pos_credentials", show_default=True)
@click.option("--force", is_flag=True, help="Even for a location that the catalogue does not have.")
@stack_option
@speaks_plainly
def credentials_issue(credential_id: str, locations: tuple[str, ...], secret: str, force: bool, stack: str) -> None:
    """Issue (or replace) credential CREDENTIAL_ID and print its token, once."""
    endpoints = load_endpoints(stack)
    if not force:
        credential_store.check_locations(endpoints, list(locations))
    click.echo(credential_store.issue(endpoints, secret, credential_id, list(locations)))


@credentials.command("list")
@click.option("--secret", default="pos_credentials", show_default=True)
@stack_option
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@speaks_plainly
def credentials_list(secret: str, stack: str, as_json: bool) -> None:
    """List credentials and their locations; no token is kept anywhere. Exit 1 when services skip one of them."""
    rows = credential_store.listed(load_endpoints(stack), secret)
    if as_json:
        click.echo(json.dumps({"credentials": rows}))
    else:
        for row in rows:
            places = ", ".join(row["locations"]) if row["fault"] is None else f"skipped by services: {row['fault']}"
            click.echo(f"{row['id'] if isinstance(row['id'], str) and row['id'] else repr(row['id'])}\t{places}")
    if any(row["fault"] for row in rows):
        sys.exit(1)


@credentials.command("revoke")
@click.argument("credential_id")
@click.option("--secret", default="pos_credentials", show_default=True)
@stack_option
@speaks_plainly
def credentials_revoke(credential_id: str, secret: str, stack: str) -> None:
    """Revoke credential CREDENTIAL_ID; services notice within a minute."""
    credential_store.revoke(load_endpoints(stack), secret, credential_id)
    click.echo(f"revoked {credential_id}")


@cli.group()
def stack() -> None:
    """Stacks of this checkout."""


@stack.command("list")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@speaks_plainly
def stack_list(as_json: bool) -> None:
    """List the stacks that have a file here: which are protected, and which a merge deploys."""
    from ops.stack_list import listed, table

    stacks = listed()
    click.echo(json.dumps([each.as_json() for each in stacks]) if as_json else table(stacks))


@stack.command("new")
@click.argument("name")
@click.option("--from", "source", required=True, help="The stack after whose pattern it is made.")
@click.option("--prefix", help="What every physical name begins with. Default: the letters and digits of NAME.")
@speaks_plainly
def stack_new(name: str, source: str, prefix: str | None) -> None:
    """Write the files of stack NAME, which shares the project of another one."""
    from ops.stack_new import create

    made = create(name, source, prefix=prefix)
    for note in made.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"wrote {', '.join(str(path) for path in made.files)}")
    click.echo(f"every name begins with {made.prefix}; next: make plan STACK={name}")


def main() -> None:
    """Entry point of the `fastyle` script."""
    cli()

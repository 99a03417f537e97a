"""`fastyle cost` and its verbs: what a stack costs, what it could save, what it did cost."""

from __future__ import annotations

import shutil
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from ops.command_line import Commands
from ops.errors import OperatorError
from ops.plainly import speaks_plainly


@click.group(cls=Commands, invoke_without_command=True)
@click.option(
    "--stack", "stacks", multiple=True, help="The stack to plan and estimate; several share one billing account."
)
@click.option(
    "--plan", type=click.Path(path_type=Path), help="Or a `pulumi preview --json --show-sames`, or a stack export."
)
@click.option("--usage", type=click.Path(path_type=Path), help="Usage file; of a stack: policies/usage/STACK.yaml.")
@click.option("--month", help="Month of the usage file's calendar; `ordinary` when absent.")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="What if the stack's configuration said so."
)
@click.option(
    "--var", "variables", multiple=True, metavar="NAME=NUMBER", help="What if a variable of the usage were so."
)
@click.option("--against", metavar="REF", help="The difference from the stack at a git revision.")
@click.option("--format", "style", type=click.Choice(["table", "markdown", "json"]), default="table", show_default=True)
@click.option("--explain", metavar="LINE", help="Lines that contain LINE, down to rate, arithmetic and source.")
@click.option("--all", "everything", is_flag=True, help="Lines that cost nothing at this usage, too.")
@speaks_plainly
def cost(
    stacks: tuple[str, ...],
    against: str | None,
    style: str,
    explain: str | None,
    everything: bool,
    **asked: Any,
) -> None:
    """Estimate what a stack costs a month; usage-driven lines are marked with `*`."""
    from ops.cost import Request, run, run_pooled

    if verb := click.get_current_context().invoked_subcommand:
        if stacks or asked["plan"]:
            raise OperatorError(f"options go behind the verb: fastyle cost {verb} --stack …")
        return
    if len(stacks) > 1:
        if asked["plan"] or against or explain:
            raise OperatorError("several stacks are compared as they are: leave out --plan, --against and --explain")
        click.echo(run_pooled([Request(stack=stack, **asked) for stack in dict.fromkeys(stacks)], style=style))
        return
    asked["stack"] = stacks[0] if stacks else None
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    click.echo(run(Request(**asked), style=style, explain=explain, against=against, everything=everything, width=width))


@cost.command()
@click.option("--stack", help="The stack to plan.")
@click.option(
    "--plan", type=click.Path(path_type=Path), help="Or a `pulumi preview --json --show-sames`, or a stack export."
)
@click.option("--usage", type=click.Path(path_type=Path), help="Usage file; of a stack: policies/usage/STACK.yaml.")
@click.option("--month", help="Month of the usage file's calendar; `ordinary` when absent.")
@click.option("--under", metavar="AMOUNT", help="How little a month it is to cost; exit 1 where that cannot be.")
@click.option(
    "--keep",
    multiple=True,
    metavar="NAME,…",
    help="What must stay: ha, no-cold-start, history, …; of a stack also KEY=VALUE, such as orchestrator=composer.",
)
@click.option("--format", "style", type=click.Choice(["table", "markdown", "json"]), default="table", show_default=True)
@speaks_plainly
def advise(under: str | None, keep: tuple[str, ...], style: str, **asked: Any) -> None:
    """Say what would cost less, by how much, by which change, and what is lost by it."""
    from ops.advice import show
    from ops.advice.stack import Asked, advised
    from ops.cost import Request

    if (asked["stack"] is None) == (asked["plan"] is None):
        raise OperatorError("give either --stack or --plan")
    names = [name.strip() for each in keep for name in each.split(",") if name.strip()]
    advice = advised(Asked(request=Request(**asked), keep=names, under=_amount(under)))
    title = f"Stack {asked['stack']}" if asked["stack"] else str(asked["plan"])
    if style == "json":
        click.echo(show.as_json(advice))
    else:
        click.echo((show.as_markdown if style == "markdown" else show.as_table)(advice, title))
    if not advice.reached:
        sys.exit(1)


def _amount(given: str | None) -> Decimal | None:
    if given is None:
        return None
    try:
        amount = Decimal(given)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount <= 0:
        raise OperatorError(f"--under {given}: write an amount a month, such as 300")
    return amount


@cost.command()
@click.option("--stack", required=True, help="The stack whose bill it is.")
@click.option(
    "--export",
    required=True,
    metavar="FILE|TABLE",
    help="The Cloud Billing export, standard or detailed: NDJSON, JSON or CSV, or project.dataset.table.",
)
@click.option("--month", metavar="YYYYMM", help="Invoice month; the last of the export when absent.")
@click.option("--usage", type=click.Path(path_type=Path), help="Usage file of the estimate; the stack's when absent.")
@click.option(
    "--write",
    "target",
    type=click.Path(path_type=Path),
    help="The usage file; .localcloud/usage-STACK.yaml when absent.",
)
@click.option("--format", "style", type=click.Choice(["table", "json"]), default="table", show_default=True)
@speaks_plainly
def actual(target: Path | None, style: str, **asked: Any) -> None:
    """Hold the bill against the estimate by component, say which usage would explain it, and write that usage file."""
    from ops import actual as bill
    from ops import usage_files

    question = bill.Asked(**asked)
    comparison = bill.actual(question)
    written = usage_files.write(comparison.usage, question.stack, target)
    if style == "json":
        click.echo(bill.as_json(comparison))
        return
    click.echo(bill.as_table(comparison, f"Stack {question.stack}"))
    click.echo(f"written: {written}; see `fastyle cost --stack {question.stack} --usage {written}`")

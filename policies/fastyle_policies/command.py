"""The command `fastyle-policies`: a policy pack's folder, the table of rules, the cost of a plan."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from fastyle_policies import folder, reference
from fastyle_policies.pricing import PricingError, questions
from fastyle_policies.rules import RULES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 0 when done, 1 with one line on standard error for what its caller can mend."""
    given = _parser().parse_args(arguments)
    try:
        print(given.run(given), flush=True)
    except BrokenPipeError:  # whoever reads, such as `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (PricingError, folder.FolderExistsError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastyle-policies", description="Policies and prices of Pulumi programs on Google Cloud."
    )
    parser.add_argument("--version", action="version", version=version("fastyle-policies"))
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    init = verbs.add_parser("init", help="write the folder that `pulumi preview --policy-pack FOLDER` takes")
    init.add_argument("folder", type=Path)
    init.set_defaults(run=lambda given: folder.written(given.folder))

    rules = verbs.add_parser("rules", help="every rule with its parameters and their defaults, as Markdown")
    rules.set_defaults(run=lambda given: reference.block(RULES).strip())

    cost = verbs.add_parser("cost", help="what a plan costs a month")
    cost.add_argument("plan", type=Path, help="a `pulumi preview --json --show-sames` or `pulumi stack export`")
    cost.add_argument("--usage", type=Path, help="usage file; without one what is paid by use counts as nothing")
    cost.add_argument("--month", help="month of the usage file's calendar")
    cost.add_argument("--var", action="append", default=[], metavar="NAME=NUMBER", help="another value of a variable")
    cost.add_argument("--format", choices=questions.STYLES, default="table")
    cost.add_argument("--explain", metavar="LINE", help="lines that contain LINE, down to rate, arithmetic and source")
    cost.add_argument("--all", action="store_true", help="lines that cost nothing at this usage, too")
    cost.set_defaults(run=_cost)
    return parser


def _cost(given: argparse.Namespace) -> str:
    usage = questions.usage_with(given.usage, given.month, given.var)
    return questions.shown(
        questions.estimate_of_file(given.plan, usage),
        str(given.plan),
        style=given.format,
        explain=given.explain,
        everything=given.all,
        width=shutil.get_terminal_size().columns if sys.stdout.isatty() else None,
    )

"""`make documents`: write every generated part of the documents. `--check` only says which are out of date.

A part is a whole file or what stands between two marks of one (`<!-- name -->`). Whoever changes what a part is made
from (rates, usage, components, events) runs this again; nothing in such a part is written by hand.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import fastyle_policies.reference
from fastyle_policies.pricing import PricingError
from fastyle_policies.pricing.blocks import put
from fastyle_policies.pricing.documents import Document

import tools.configuration_reference
import workloads.reference.events
import workloads.reference.marts
from ops import cost
from ops.endpoints import REPOSITORY
from ops.errors import OperatorError
from ops.terminal import console, say_error
from tools import performance
from tools.cost_pages import pages
from tools.cost_pages import tables as cost_tables


@dataclass(frozen=True)
class Part:
    """A generated part: `current` makes the file's text as it should be of what it is."""

    path: str
    what: str
    current: Callable[[str], str]


def components(_: str) -> str:
    """The components' reference, from a process of its own.

    Pulumi's component host and Google's clients each register `google.rpc.Status` under a file name of their own:
    one process cannot hold both.
    """
    describe = "from fastyle_components.reference import reference; print(reference(), end='')"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", describe], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OperatorError((done.stderr.strip().splitlines() or ["no reason given"])[-1])
    return done.stdout


def costs(text: str) -> str:
    """README with the table of what the stacks cost."""
    plans = _plans()
    return put(text, "costs", cost_tables.block({stack: plans[stack] for stack in cost_tables.STACKS}))


def cost_by_component(text: str) -> str:
    """docs/cost.md with the table of what each component costs."""
    plans = _plans()
    return put(text, "components", cost_tables.components({stack: plans[stack] for stack in cost_tables.STACKS}))


@cache
def _plans() -> dict[str, Document]:
    """The stacks' plans and the other ones that documents compare them with, each planned once."""
    wanted = {**{stack: cost.Request(stack=stack) for stack in cost_tables.STACKS}, **pages.others()}
    with ThreadPoolExecutor(2) as two:
        return dict(zip(wanted, two.map(cost.planned, wanted.values()), strict=True))


PARTS: tuple[Part, ...] = (
    Part("components/REFERENCE.md", "components", components),
    Part("docs/configuration.md", "configuration", lambda _: tools.configuration_reference.reference()),
    Part("docs/events.md", "events", lambda _: workloads.reference.events.render()),
    Part("docs/marts.md", "marts", lambda _: workloads.reference.marts.render()),
    Part("docs/policies.md", "rules", fastyle_policies.reference.current),
    Part("docs/usage-file.md", "usage keys", fastyle_policies.reference.current_usage),
    Part("docs/performance.md", "measured", performance.current),
    Part("docs/performance.md", "soaked", performance.soaked),
    Part("README.md", "costs", costs),
    Part("docs/cost.md", "costs and decisions", lambda text: pages.cost(text, _plans())),
    Part("docs/cost.md", "components", cost_by_component),
    Part("docs/cost.svg", "plot", lambda _: pages.plot(_plans())),
    Part("docs/scale.md", "sizes", lambda text: pages.scale(text, _plans())),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit 1 when a part cannot be made, or, with --check, is not current."""
    parser = argparse.ArgumentParser(prog="python -m tools.documents", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a part is out of date")
    check = parser.parse_args(arguments).check
    stale = []
    for part in PARTS:
        path = REPOSITORY / part.path
        before = path.read_text(encoding="utf-8")
        try:
            after = part.current(before)
        except (OperatorError, PricingError, ValueError) as e:
            say_error(OperatorError(f"{part.path}, {part.what}: {e}"))
            return 1
        if after == before:
            continue
        stale.append(part)
        if check:
            say_error(OperatorError(f"{part.path}: {part.what} out of date; run `make documents`"))
        else:
            path.write_text(after, encoding="utf-8")
            console.print(f"wrote {part.path}: {part.what}", soft_wrap=True)
    if not stale:
        console.print(f"{len(PARTS)} generated parts are current")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())

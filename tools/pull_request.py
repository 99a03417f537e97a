"""The one comment of a pull request: what each stack costs, what changes against the base branch, policies, and advice.

`python -m tools.pull_request --against REF`: each stack is previewed once, and once as the base branch has it. Nothing that
fails keeps the rest from being told: its reason stands in its place, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from fastyle_policies.pricing import Estimate, PricingError, documents
from fastyle_policies.pricing.blocks import pipe_table
from fastyle_policies.pricing.difference import Change, Difference, signed
from fastyle_policies.pricing.report import money

from ops.advice import show
from ops.advice.stack import Asked, advised
from ops.cost import Request, before, priced
from ops.endpoints import LOCAL
from ops.errors import OperatorError
from ops.folders import REPOSITORY
from ops.plan import StackPlan, plan
from ops.stacks import stack_names

LINES = 40
"""Changed lines that are shown of a stack: the largest."""
ZERO = Decimal(0)


@dataclass
class Told:
    """What is known of a stack; `failures` is what could not be told, and why."""

    stack: str
    plan: StackPlan | None = None
    estimate: Estimate | None = None
    difference: Difference | None = None
    advice: str = ""
    failures: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not self.failures and self.plan is not None and not self.plan.mandatory


def told(stack: str, against: str) -> Told:
    """A stack planned, judged, priced, compared and advised on."""
    summary = Told(stack)

    def attempt(what: str, step: Callable[[], None]) -> None:
        try:
            step()
        except (OperatorError, PricingError) as e:
            summary.failures.append(f"{what}: {e}")

    def planned() -> None:
        summary.plan = plan(stack)

    def estimated() -> None:
        assert summary.plan is not None
        summary.estimate = priced(documents.read(summary.plan.document), Request(stack=stack))

    def compared() -> None:
        assert summary.estimate is not None
        if not _has(against, stack):  # this pull request adds it
            return
        summary.difference = Difference(before(Request(stack=stack), against), summary.estimate)

    def advice() -> None:
        summary.advice = show.as_markdown(advised(Asked(request=Request(stack=stack))), f"Stack {stack}")

    attempt("plan", planned)
    if summary.plan is not None:
        attempt("cost", estimated)
    if summary.estimate is not None:
        attempt(f"cost at {against}", compared)
        attempt("advice", advice)
    return summary


def _has(revision: str, stack: str) -> bool:
    """Whether a revision has the stack's file, or cannot be asked: the comparison then says why."""
    listed = ["git", "ls-tree", "--name-only", revision, f"Pulumi.{stack}.yaml"]
    asked = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return bool(asked.returncode or asked.stdout.strip())


def comment(stacks: Sequence[Told], against: str) -> str:
    """The comment's Markdown."""
    parts = [f"### Plan and cost against `{against}`", "", *_table(stacks)]
    for stack in stacks:
        parts += ["", f"#### Stack {stack.stack}", ""]
        parts += [f"- **failed**: {_line(failure)}" for failure in stack.failures]
        if stack.plan is not None:
            parts += _policies(stack.plan)
        if stack.difference is not None:
            parts += ["", *_by_component(stack.difference), *_lines(stack.difference)]
        if stack.advice:
            parts += ["", *_folded("Advice", stack.advice)]
    return "\n".join(parts) + "\n"


def _table(stacks: Sequence[Told]) -> list[str]:
    rows = []
    for stack in stacks:
        estimate, difference = stack.estimate, stack.difference
        rows.append(
            (
                stack.stack,
                "-" if stack.plan is None else str(sum(r["type"].startswith("gcp:") for r in stack.plan.resources)),
                "-" if stack.plan is None else _counted(stack.plan),
                *(
                    (money(estimate.fixed), money(estimate.usage), money(estimate.total))
                    if estimate
                    else ("-", "-", "-")
                ),
                signed(difference.total) if difference else "-",
            )
        )
    head = ("stack", "resources", "policies", "always on", "by usage", "month", "change")
    return pipe_table(head, rows, left=1)


def _counted(planned: StackPlan) -> str:
    stops, hints = len(planned.mandatory), len(planned.violations) - len(planned.mandatory)
    return f"{stops} violated, {hints} advisory" if stops or hints else "kept"


def _policies(planned: StackPlan) -> list[str]:
    if not planned.violations:
        return ["Policies: kept."]
    return [
        f"- **{v['enforcementLevel']}** `{v['policyName']}`: {str(v.get('resourceUrn', '')).rsplit('::', 1)[-1]}: "
        f"{_line(str(v['message']))}"
        for v in planned.violations
    ]


def _by_component(cost_change: Difference) -> list[str]:
    changes: dict[str, list[Change]] = {}
    for change in cost_change.changes:
        changes.setdefault(change.component, []).append(change)
    if not changes:
        return ["Cost: no line changes."]
    rows = [
        (
            component,
            *(money(sum((getattr(c, side) for c in of), ZERO)) for side in ("before", "after")),
            signed(_by(of)),
        )
        for component, of in sorted(changes.items(), key=lambda item: -abs(_by(item[1])))
    ]
    return pipe_table(("component", "before", "after", "change"), rows, left=1)


def _by(changes: Sequence[Change]) -> Decimal:
    return sum((change.by for change in changes), ZERO)


def _lines(cost_change: Difference) -> list[str]:
    if not cost_change.changes:
        return []
    rows = [(c.resource, c.line, money(c.before), money(c.after), signed(c.by)) for c in cost_change.changes[:LINES]]
    more = len(cost_change.changes) - LINES
    table = pipe_table(("resource", "line", "before", "after", "change"), rows, left=2)
    return [
        "",
        *_folded(
            f"{len(cost_change.changes)} lines change", "\n".join(table + ([f"\n{more} more"] if more > 0 else []))
        ),
    ]


def _folded(title: str, text: str) -> list[str]:
    return ["<details>", f"<summary>{title}</summary>", "", text, "", "</details>"]


def _line(text: str) -> str:
    return " ".join(text.split())


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the comment; exit 1 when anything failed or a mandatory policy is violated."""
    parser = argparse.ArgumentParser(prog="python -m tools.pull_request", description=__doc__)
    parser.add_argument("--against", required=True, metavar="REF", help="the branch that the pull request goes to")
    against = parser.parse_args(arguments).against
    stacks = [told(stack, against) for stack in stack_names() if stack != LOCAL]
    print(comment(stacks, against), end="")
    return int(not all(summary.sound for summary in stacks))


if __name__ == "__main__":
    sys.exit(main())

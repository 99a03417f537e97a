"""`fastyle plan`, `make plan STACK=…`: a stack's plan, what the policies say of it, and its cost, printed."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastyle_policies.pricing import PricingError, documents, report
from rich.markup import escape

from ops.cost import Request, priced
from ops.errors import OperatorError
from ops.plan import StackPlan, plan
from ops.terminal import Table, console


def run(stack: str, save: Path | None = None) -> bool:
    """Preview, judge, price, and print; whether no mandatory policy is violated.

    Args:
        save: the file that gets the preview's JSON, whatever the policies say.

    Raises:
        OperatorError: the preview fails, or the file cannot be written.
    """
    planned = plan(stack)
    if save is not None:
        try:
            save.write_text(json.dumps(planned.document, indent=2) + "\n", encoding="utf-8")
        except OSError as e:
            raise OperatorError(f"{save}: cannot be written ({e.strerror}); name another --save") from None
    show(planned)
    show_cost(planned)
    return not planned.mandatory


def show(planned: StackPlan) -> None:
    """Print resources by component, then what the policies say."""
    table = Table(title=f"Stack {planned.stack}", title_justify="left", title_style="bold")
    for column in ("component", "resources", "of which"):
        table.add_column(column, justify="right" if column == "resources" else "left")
    groups = _by_component(planned.resources)
    for component, types in sorted(groups.items()):
        words = ", ".join(f"{n} {t}" if n > 1 else t for t, n in sorted(types.items()))
        table.add_row(component, str(sum(types.values())), words)
    total = sum(sum(types.values()) for types in groups.values())
    table.add_section()
    table.add_row(f"{len(groups)} components", str(total), "")
    console.print(table)
    for v in planned.violations:
        colour = "red" if v["enforcementLevel"] == "mandatory" else "yellow"
        name = str(v.get("resourceUrn", "")).rsplit("::", 1)[-1]
        words = escape(f"{v['policyName']}: {name}: {v['message']}")
        console.print(f"[{colour}]{v['enforcementLevel']}[/] {words}", soft_wrap=True)
    if planned.violations:
        console.print(
            f"a rule's parameters: policies/config/{planned.stack}.json, over policies/config.json; what it takes: "
            "docs/policies.md",
            soft_wrap=True,
        )
    for note in planned.notes:
        console.print(f"Pulumi.{planned.stack}.yaml: {escape(note)}", soft_wrap=True)
    mandatory = sum(v["enforcementLevel"] == "mandatory" for v in planned.violations)
    console.print(
        f"{total} resources, {mandatory} violations, {len(planned.violations) - mandatory} advisories in "
        f"{planned.seconds:.1f} s; checked by {planned.provider}",
        soft_wrap=True,
    )


def show_cost(planned: StackPlan) -> None:
    """Print what the plan would cost a month, line by line, or why that cannot be said."""
    try:
        estimate = priced(documents.read(planned.document), Request(stack=planned.stack))
    except (PricingError, OperatorError) as e:
        console.print(f"no estimate: {escape(str(e))}", soft_wrap=True)
        return
    console.print(f"\n[bold]Cost of stack {planned.stack}, a month[/]")
    console.print(report.as_table(estimate, datetime.now(UTC).date()), markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"what a figure rests on: `uv run fastyle cost --stack {planned.stack} --explain LINE`", soft_wrap=True
    )


def _by_component(resources: list[dict[str, Any]]) -> dict[str, Counter[str]]:
    """Counts of cloud resource types by the top-level component that holds them."""
    parents = {r["urn"]: r.get("parent", "") for r in resources}
    types = {r["urn"]: r["type"] for r in resources}

    def component(urn: str) -> str:
        while types.get(parents[urn], "pulumi:pulumi:Stack") != "pulumi:pulumi:Stack":
            urn = parents[urn]
        return f"{types[urn].rsplit(':', 1)[-1]} {urn.rsplit('::', 1)[-1]}" if ":index:" in types[urn] else "stack"

    groups: dict[str, Counter[str]] = {}
    for r in resources:
        if r["type"].startswith("gcp:"):
            short = r["type"].split(":", 1)[1].split("/", 1)[0] + "." + r["type"].rsplit(":", 1)[-1]
            groups.setdefault(component(r["urn"]), Counter())[short] += 1
    return groups

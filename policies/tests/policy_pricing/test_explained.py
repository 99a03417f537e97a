"""How each figure of a plan with every priced type came about, as `explained.txt` records it, and that it is so.

After a meant change: `UPDATE_SNAPSHOTS=1`, and read the difference: what stands there is what `--explain` tells people.
"""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from fastyle_policies.model import UNKNOWN, Resource
from fastyle_policies.pricing import Estimate, PricingError, estimate, report
from fastyle_policies.pricing.services import PRICERS
from fastyle_policies.pricing.usage import Document, UsageFile

from policy_pricing.bills import REGION, SAMPLES
from policy_pricing.variants import VARIANTS

RECORD = Path(__file__).parent / "explained.txt"
LONG = "projects/p/" + "/".join(f"{n}-{'x' * 20}" for n in range(3)) + "-" + "0123456789" * 6
"""Of several parts, the last longer than what a message repeats."""
_SIZES = {"object_mib": 4, "after_months": 12, "request_ms": 200, "monthly_running_hours": 300}


def used(resources: Sequence[Resource]) -> UsageFile:
    """Every usage key of every type that there is, each with a number of its own."""
    entries: dict[str, dict[str, Any]] = {}
    for of in {each.type for each in resources}:
        keys = PRICERS[of].usage.model_fields if of in PRICERS else {}
        entries[of] = {key: _SIZES.get(key, 1000 + 7 * n) for n, key in enumerate(keys) if key not in _LEFT_TO_PLAN}
    return UsageFile("the test", Document.model_validate({"version": 1, "resource_type_default_usage": entries}))


_LEFT_TO_PLAN = ("nodes", "instances", "active_versions", "monthly_cpu_hours", "monthly_instance_seconds")


def told(estimate: Estimate) -> Iterator[str]:
    """Name, quantity, unit and arithmetic of each line, then the notes."""
    for owner, line in estimate.lines():
        kind = "usage" if line.usage_based else "fixed"
        least = "" if line.least is None else f", at least {report.plain(line.least)}"
        yield f"{owner.name}: {line.name} [{kind}, {line.confidence}]"
        yield f"    {line.arithmetic} = {report.plain(line.quantity)}{least} x {line.rate.id} in {line.rate.region}"
    yield from (f"note: {note}" for note in estimate.notes)
    yield from (f"unpriced: {each}" for each in estimate.unpriced)


def unknown(of: Resource) -> Resource:
    """The resource as a first preview may have it: its blocks and numbers known only at update, its names known."""
    props = {key: value if isinstance(value, str) else UNKNOWN for key, value in of.props.items()}
    return replace(of, name=f"{of.name}-unknown", props=props, urn=f"{of.urn}-unknown")


def changed(of: Resource, other: Any) -> Iterator[Resource]:
    """The resource with one value after another, however deep, exchanged for `other`."""
    for path in _leaves(of.props):
        props = copy.deepcopy(dict(of.props))
        inner: Any = props
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = other
        yield replace(of, props=props)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, Mapping | list):
        for key in value if isinstance(value, Mapping) else range(len(value)):
            yield from _leaves(value[key], (*path, key))
    elif path:
        yield path


def said(other: Any) -> list[str]:
    """What is said of each sample with one value exchanged, each once."""
    statements = set()
    for of in (*SAMPLES, *VARIANTS):
        for odd in changed(of, other):
            try:
                estimated = estimate([odd], region=REGION)
            except PricingError as e:
                statements.add(f"{odd.type} refused: {e}")
                continue
            statements |= {f"{odd.type}: {note.text}" for note in estimated.remarks if note.name}
            statements |= {f"{odd.type} unpriced: {each.reason}" for each in estimated.unpriced}
    return sorted(statements)


def record() -> str:
    plan = list(SAMPLES)
    lines = ["# with usage", *told(estimate(plan, used(plan), region=REGION))]
    lines += ["", "# without usage", *told(estimate(plan, region=REGION))]
    others = list(VARIANTS)
    lines += ["", "# other branches, with usage", *told(estimate(others, used(others), region=REGION))]
    lines += ["", "# other branches, without usage", *told(estimate(others, region=REGION))]
    lines += ["", "# known only at update", *told(estimate([unknown(of) for of in plan], region=REGION))]
    lines += ["", "# one value known only at update", *said(UNKNOWN)]
    lines += ["", "# one value a long path", *said(LONG)]
    lines += ["", "# one value below 0", *said(-1), "", "# one value a word", *said("odd")]
    return "\n".join(lines) + "\n"


def test_what_people_are_told_of_each_figure_is_as_recorded() -> None:
    if os.environ.get("UPDATE_SNAPSHOTS"):
        RECORD.write_text(record(), encoding="utf-8")
    assert record() == RECORD.read_text(encoding="utf-8")


_MORE_THAN_PRODUCTS = ("beyond", "serving", "in steps of", " to ", "max(", "bytes", " at day ")
"""Words of arithmetic that are no sums and products alone, or that are of another unit than the quantity."""


def value(arithmetic: str) -> Decimal | None:
    """What an explanation's sum of products comes to; None where it says more than that, or has no number."""
    if any(word in arithmetic for word in _MORE_THAN_PRODUCTS):
        return None
    text = re.sub(r"\([^()\d]*\)", "", arithmetic).replace(" h at ", " h x ").replace(" %", " / 100")
    tokens = re.findall(
        r"\(|\)|(?<= )x(?= )|(?<= )/(?= )|(?<= )\+(?= )|(?<= )-(?= )|(?<![\w.-])[\d,]*\d(?:\.\d+)?", text
    )
    terms = ["*" if t == "x" else t if t in "()/+-" else f"D('{t.replace(',', '')}')" for t in tokens]
    try:
        return Decimal(eval("".join(terms), {"D": Decimal}))
    except SyntaxError:
        return None


def test_the_arithmetic_that_people_are_told_comes_to_the_quantity() -> None:
    """To nine places, as numbers in words are rounded to."""
    plan = [*SAMPLES, *VARIANTS]
    lines = [line for _, line in estimate(plan, used(plan), region=REGION).lines()]
    reckoned = [(line, result) for line in lines if (result := value(line.arithmetic)) is not None]
    assert len(reckoned) > 0.8 * len(lines)
    wrong = [
        f"{line.name}: {line.arithmetic} is {result}, not {line.quantity}"
        for line, result in reckoned
        if abs(result - line.quantity) > max(line.quantity, Decimal(1)) / 10**6
    ]
    assert wrong == []

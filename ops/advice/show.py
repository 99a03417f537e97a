"""Advice for people, for a pull request and for machines."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from fastyle_policies.pricing.advice import Advice
from fastyle_policies.pricing.blocks import pipe_table
from fastyle_policies.pricing.report import money, plain

from ops.advice.stack import Advised, Combination

WIDTH = 110


def as_table(found: Advised, title: str) -> str:
    """A paragraph an advice, the largest saving first; then what all that is permitted saves together."""
    lines = [f"{title}: {money(found.base.total)} {found.base.currency} a month ({found.base.month} month)", ""]
    for each in found.advice:
        option = each.option
        lines.append(
            f"{money(each.monthly_saving).rjust(9)} a month  {option.resource}  ({each.confidence} confidence)"
        )
        lines += _wrapped(option.change, "change")
        lines += _wrapped(option.loses, "loses")
        if option.gives_up:
            lines += _wrapped(", ".join(sorted(option.gives_up)), "gives up")
        if option.refused:
            lines += _wrapped(option.refused, "refused")
    if not found.advice:
        lines.append("nothing would save half a cent a month")
    return "\n".join([*lines, "", *_together(found)])


def _wrapped(words: str, what: str) -> list[str]:
    head = f"{what}: ".rjust(23)
    return textwrap.wrap(words, WIDTH, initial_indent=head, subsequent_indent=" " * 23) or [head]


def _together(found: Advised) -> list[str]:
    kept = f", keeping {', '.join(found.keep)}" if found.keep else ""
    lines = []
    if found.under is not None:
        lines.append(_verdict(found, kept))
        if found.enough is not None:
            lines += ["Enough for that:", *_steps(found.enough)]
    lines.append(f"The cheapest permitted{kept}: {money(found.best.monthly)} a month, all together:")
    return [*lines, *_steps(found.best)]


def _verdict(found: Advised, kept: str) -> str:
    assert found.under is not None
    under = money(found.under)
    if found.base.total < found.under:
        return f"Under {under} already."
    if found.reached:
        return f"Under {under} can be reached{kept}."
    words = [f"Under {under} cannot be reached{kept}: the cheapest costs {money(found.best.monthly)}."]
    if given_up := [each for each in found.advice if each.option.gives_up & set(found.keep)]:
        words.append(f"What is kept costs {_amounts(given_up)}.")
    if found.blocked:
        words.append(f"The configuration refuses {_amounts(found.blocked)}.")
    return " ".join(words)


def _amounts(advice: list[Advice]) -> str:
    return ", ".join(f"{money(each.monthly_saving)} ({each.option.change})" for each in advice)


def _steps(of: Combination) -> list[str]:
    if not of.options:
        return ["  nothing to change"]
    return [f"  {option.resource}: {option.change}" for option in of.options]


def as_markdown(found: Advised, title: str) -> str:
    """One table for a pull request."""
    if not found.advice:
        return f"**{title}**: nothing would save half a cent a month."
    rows = [
        (
            each.option.resource,
            each.option.change,
            each.option.loses + (f" (refused: {each.option.refused})" if each.option.refused else ""),
            each.confidence,
            money(each.monthly_saving),
        )
        for each in found.advice
    ]
    table = pipe_table(("resource", "change", "loses", "confidence", "saves a month"), rows, left=4)
    saved = found.base.total - found.best.monthly
    return "\n".join(
        [f"**{title}: {money(saved)} of {money(found.base.total)} a month could be saved together**", "", *table]
    )


def as_json(found: Advised) -> str:
    """The contract's `advice`, with what else is known of each."""
    document: dict[str, Any] = {
        "currency": found.base.currency,
        "monthly": plain(found.base.total),
        "advice": [_advice(each) for each in found.advice],
        "keep": list(found.keep),
        "together": _combination(found.best, found.base.total),
    }
    if found.under is not None:
        document["under"] = {
            "amount": plain(found.under),
            "reached": found.reached,
            "enough": None if found.enough is None else _combination(found.enough, found.base.total),
        }
    return json.dumps(document, indent=2)


def _advice(each: Advice) -> Mapping[str, Any]:
    option = each.option
    return {
        "resource": option.resource,
        "change": option.change,
        "monthly_saving": plain(each.monthly_saving),
        "loses": option.loses,
        "confidence": each.confidence,
        "gives_up": sorted(option.gives_up),
        "refused": option.refused or None,
    }


def _combination(of: Combination, base: Decimal) -> Mapping[str, Any]:
    return {
        "monthly": plain(of.monthly),
        "monthly_saving": plain(base - of.monthly),
        "changes": [{"resource": option.resource, "change": option.change} for option in of.options],
        "configuration": dict(of.configuration),
    }

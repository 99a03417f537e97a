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


def as_table(advice: Advised, title: str) -> str:
    """A paragraph an advice, the largest saving first; then what all that is permitted saves together."""
    lines = [f"{title}: {money(advice.base.total)} {advice.base.currency} a month ({advice.base.month} month)", ""]
    for each in advice.advice:
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
    if not advice.advice:
        lines.append("nothing would save half a cent a month")
    return "\n".join([*lines, "", *_together(advice)])


def _wrapped(words: str, what: str) -> list[str]:
    head = f"{what}: ".rjust(23)
    return textwrap.wrap(words, WIDTH, initial_indent=head, subsequent_indent=" " * 23) or [head]


def _together(advice: Advised) -> list[str]:
    kept = f", keeping {', '.join(advice.keep)}" if advice.keep else ""
    lines = []
    if advice.under is not None:
        lines.append(_verdict(advice, kept))
        if advice.enough is not None:
            lines += ["Enough for that:", *_steps(advice.enough)]
    lines.append(f"The cheapest permitted{kept}: {money(advice.best.monthly)} a month, all together:")
    return [*lines, *_steps(advice.best)]


def _verdict(advice: Advised, kept: str) -> str:
    assert advice.under is not None
    under = money(advice.under)
    if advice.base.total < advice.under:
        return f"Under {under} already."
    if advice.reached:
        return f"Under {under} can be reached{kept}."
    words = [f"Under {under} cannot be reached{kept}: the cheapest costs {money(advice.best.monthly)}."]
    if given_up := [each for each in advice.advice if each.option.gives_up & set(advice.keep)]:
        words.append(f"What is kept costs {_amounts(given_up)}.")
    if advice.blocked:
        words.append(f"The configuration refuses {_amounts(advice.blocked)}.")
    return " ".join(words)


def _amounts(advice: list[Advice]) -> str:
    return ", ".join(f"{money(each.monthly_saving)} ({each.option.change})" for each in advice)


def _steps(of: Combination) -> list[str]:
    if not of.options:
        return ["  nothing to change"]
    return [f"  {option.resource}: {option.change}" for option in of.options]


def as_markdown(advice: Advised, title: str) -> str:
    """One table for a pull request."""
    if not advice.advice:
        return f"**{title}**: nothing would save half a cent a month."
    rows = [
        (
            each.option.resource,
            each.option.change,
            each.option.loses + (f" (refused: {each.option.refused})" if each.option.refused else ""),
            each.confidence,
            money(each.monthly_saving),
        )
        for each in advice.advice
    ]
    table = pipe_table(("resource", "change", "loses", "confidence", "saves a month"), rows, left=4)
    saved = advice.base.total - advice.best.monthly
    return "\n".join(
        [f"**{title}: {money(saved)} of {money(advice.base.total)} a month could be saved together**", "", *table]
    )


def as_json(advice: Advised) -> str:
    """The contract's `advice`, with what else is known of each."""
    document: dict[str, Any] = {
        "currency": advice.base.currency,
        "monthly": plain(advice.base.total),
        "advice": [_advice(each) for each in advice.advice],
        "keep": list(advice.keep),
        "together": _combination(advice.best, advice.base.total),
    }
    if advice.under is not None:
        document["under"] = {
            "amount": plain(advice.under),
            "reached": advice.reached,
            "enough": None if advice.enough is None else _combination(advice.enough, advice.base.total),
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

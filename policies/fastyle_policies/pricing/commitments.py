"""Committed use as a what-if: what a commitment of one or three years to today's always-on use would take off.

A commitment is bought for an account and a region, not declared in a program: so it is no resource and in no estimate. What is
always on is committed to in full; usage-driven lines and spot machines are not. Discounts are Google's published ones
(cloud.google.com/docs/cuds); those of the price book's constants say how sure each is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from fastyle_policies.pricing.book import Book
from fastyle_policies.pricing.book import load as load_book
from fastyle_policies.pricing.estimator import Estimate
from fastyle_policies.pricing.lines import Line, times, total, worst

YEARS = (1, 3)


@dataclass(frozen=True)
class Commitment:
    """What committing to a service's always-on use for some years saves a month."""

    service: str
    years: int
    committed: Decimal  # USD a month at list price
    saving: Decimal
    confidence: str


# Services by the rates that a commitment covers; storage, backups and networking are covered by none.
_COVERED = {
    "composer": re.compile(r"composer-3\.dcu"),
    "sql": re.compile(r"sql(-plus)?\.(vcpu|memory)"),
    "compute": re.compile(r"compute\.(e2|n1|n2|n2d|n4|c3|c3d|c4|c4a)-(vcpu|memory)"),
}


def what_if(estimate: Estimate, book: Book | None = None) -> list[Commitment]:
    """Commitments for each service that has anything to commit to, by service and years.

    Machines whose sustained use is discounted are reckoned at full price first: a commitment replaces that discount, and
    one that would save nothing is left out.
    """
    book = book or load_book()
    commitments = []
    for service, pattern in _COVERED.items():
        lines = [line for _, line in estimate.lines() if not line.usage_based and pattern.fullmatch(line.rate.id)]
        for years in YEARS:
            share = book.constants[f"commitment.{service}-{years}y"]
            paid = total(line.monthly for line in lines)
            listed = total(_full(line) for line in lines)
            saving = paid - times(listed, 1 - share.value)
            if saving > 0:
                sure = worst([share.confidence, *(line.confidence for line in lines)])
                commitments.append(Commitment(service, years, listed, saving, sure))
    return commitments


def _full(line: Line) -> Decimal:
    """A line without its sustained use discount, which its arithmetic tells in percent."""
    at = re.search(r" at ([\d.]+) % \(sustained use\)", line.arithmetic)
    return line.monthly if at is None else line.monthly / Decimal(at[1]) * 100

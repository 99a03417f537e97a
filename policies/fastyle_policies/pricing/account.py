"""Several stacks under one billing account: free tiers and volume tiers are shared by all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from fastyle_policies.pricing.blocks import aligned, pipe_table
from fastyle_policies.pricing.book import Book
from fastyle_policies.pricing.book import load as load_book
from fastyle_policies.pricing.credits import discounts, free_tiers
from fastyle_policies.pricing.estimator import Estimate
from fastyle_policies.pricing.lines import Credit, total
from fastyle_policies.pricing.report import money, plain


@dataclass(frozen=True)
class Pooled:
    """Several estimates under one billing account: each by itself, and what all cost together.

    Free tiers and volume tiers of the account are given once, over all lines of all of them.
    """

    stacks: Mapping[str, Estimate]
    credits: tuple[Credit, ...]

    @property
    def apart(self) -> Decimal:
        """The sum, had each an account of its own."""
        return total(estimate.total for estimate in self.stacks.values())

    @property
    def total(self) -> Decimal:
        """What one account pays for all."""
        listed = total(estimate.list_price for estimate in self.stacks.values())
        return total((listed, *(credit.monthly.copy_negate() for credit in self.credits)))


def pooled(stacks: Mapping[str, Estimate], book: Book | None = None) -> Pooled:
    """Estimates of several programs whose projects are billed to one account.

    Resources that tell no project are taken to be in one of their stack's own.
    """
    book = book or load_book()
    costs = [
        replace(resource, project=resource.project or f"stack {name}")
        for name, estimate in stacks.items()
        for resource in estimate.resources
    ]
    return Pooled(dict(stacks), (*free_tiers(costs, book), *discounts(costs)))


def as_table(pool: Pooled) -> str:
    """A row a stack, what sharing one account costs more, and what that account pays."""
    rows = [(f"stack {name}", money(each.total)) for name, each in pool.stacks.items()]
    rows += [
        ("together, each with an account of its own", money(pool.apart)),
        ("tiers that one account has only once", f"{pool.total - pool.apart:+,.2f}"),
        ("together, in one account", money(pool.total)),
    ]
    return "\n".join([f"{next(iter(pool.stacks.values())).currency} a month", *aligned(rows)])


def as_markdown(pool: Pooled) -> str:
    rows = [(f"stack {name}", money(each.total)) for name, each in pool.stacks.items()]
    rows += [("tiers that one account has only once", f"{pool.total - pool.apart:+,.2f}")]
    return "\n".join(pipe_table(("", "month"), [*rows, ("**one account**", f"**{money(pool.total)}**")]))


def as_json(pool: Pooled) -> str:
    document = {
        "currency": next(iter(pool.stacks.values())).currency,
        "stacks": {name: {"total": plain(each.total)} for name, each in pool.stacks.items()},
        "apart": plain(pool.apart),
        "together": plain(pool.total),
    }
    return json.dumps(document, indent=2)

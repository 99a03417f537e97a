"""What a billing account gives back: free tiers and volume tiers, each once over all that it is billed for."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from fastyle_policies.model import grouped
from fastyle_policies.pricing.book import Book, Pool
from fastyle_policies.pricing.lines import Credit, Line, ResourceCost, times, total, worst

ZERO = Decimal(0)


def free_tiers(costs: Sequence[ResourceCost], book: Book) -> list[Credit]:
    """Each pool once for all resources of the billing account, or of each project where it is given for that.

    Always-on lines use it first, since they come whatever happens.
    """
    credits = []
    drawing = grouped((line.rate.free, (of, line)) for of in costs for line in of.lines if line.rate.free)
    for name, pool in book.pools.items():
        members = drawing.get(name, [])
        projects = {r.project if pool.per == "project" else "" for r, _ in members}
        given = [
            _given(pool, [line for r, line in members if pool.per == "account" or r.project == project])
            for project in sorted(projects)
        ]
        credit = Credit(
            name=pool.name,
            unit=pool.unit,
            free=times(pool.quantity, Decimal(len(projects))),
            used=total(line.quantity for _, line in members),
            fixed=total(fixed for fixed, _ in given),
            usage=total(usage for _, usage in given),
            source=str(pool.source),
            confidence=worst([pool.confidence, *(line.confidence for _, line in members)]),
            members=tuple(dict.fromkeys(r.name for r, _ in members)),
        )
        if credit.monthly:
            credits.append(credit)
    return credits


def _given(pool: Pool, lines: Sequence[Line]) -> tuple[Decimal, Decimal]:
    """What a pool takes off always-on and off usage-driven lines.

    Units are given to the cheapest first: Google names no order, and so no estimate is too low for it.
    """
    given = {False: ZERO, True: ZERO}
    if pool.price is not None:
        left = times(pool.quantity, pool.price)
        for usage in given:
            given[usage] = min(total(line.monthly for line in lines if line.usage_based is usage), left)
            left = total((left, given[usage].copy_negate()))
        return given[False], given[True]
    left = pool.quantity
    for line in sorted(lines, key=lambda line: (line.usage_based, line.rate.price)):
        taken = min(line.quantity, left)
        left = total((left, taken.copy_negate()))
        given[line.usage_based] = total((given[line.usage_based], times(taken, line.rate.price)))
    return given[False], given[True]


def discounts(costs: Sequence[ResourceCost]) -> list[Credit]:
    """Volume tiers, over all lines of a rate together."""
    tiered = ((of, line) for of in costs for line in of.lines if line.rate.tiers)
    groups = grouped(((line.rate.id, line.rate.region), (of, line)) for of, line in tiered)
    credits = []
    for members in groups.values():
        rate = members[0][1].rate
        fixed = rate.discount(total(line.quantity for _, line in members if not line.usage_based))
        quantity = total(line.quantity for _, line in members)
        if off := rate.discount(quantity):
            credits.append(
                Credit(
                    name=f"Volume discount, {rate.id}",
                    unit=rate.unit,
                    free=None,
                    used=quantity,
                    fixed=fixed,
                    usage=total((off, fixed.copy_negate())),
                    source=str(rate.source),
                    confidence=rate.confidence,
                    members=tuple(dict.fromkeys(r.name for r, _ in members)),
                )
            )
    return credits

"""Advice: each option priced alone, all permitted ones together, and the cheapest plan that keeps what must be kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from fastyle_policies.model import Resource, grouped
from fastyle_policies.pricing.advice.model import Option, Priced
from fastyle_policies.pricing.commitments import Commitment, what_if
from fastyle_policies.pricing.difference import Difference
from fastyle_policies.pricing.estimator import Estimate
from fastyle_policies.pricing.lines import total, totals, worst

ZERO = Decimal(0)
CENT = Decimal("0.005")
"""Savings of less a month are not worth a line: half a cent, what rounding makes a cent of."""


@dataclass(frozen=True, kw_only=True)
class Advice:
    """An option with what it saves a month, alone; `confidence` is `high`, `medium` or `low`."""

    option: Option
    monthly_saving: Decimal
    confidence: str


@dataclass(frozen=True)
class Cheapest:
    """A set of options that keeps what must be kept; `estimate` is that of the plan with all of them."""

    options: tuple[Option, ...]
    estimate: Estimate

    @property
    def monthly(self) -> Decimal:
        return self.estimate.total


@dataclass
class Weigher:
    """A plan, priced with any set of options, each set once."""

    resources: Sequence[Resource]
    price: Priced
    # By identity; the options are kept with it, so that no other can have the same.
    _priced: dict[frozenset[int], tuple[tuple[Option, ...], Estimate]] = field(default_factory=dict)

    def of(self, options: Collection[Option] = ()) -> Estimate:
        """The estimate of the plan with these options."""
        key = frozenset(map(id, options))
        if key not in self._priced:
            resources = list(self.resources)
            for option in sorted(options, key=lambda each: each.instead is None):
                resources = option.applied(resources)
            self._priced[key] = tuple(options), self.price(resources)
        return self._priced[key][1]


def advise(weigher: Weigher, options: Sequence[Option]) -> list[Advice]:
    """What saves something alone, the largest saving first; of alternatives the best."""
    base = weigher.of()
    best: dict[str, Advice] = {}
    for option in options:
        changed = weigher.of([option])
        saving = base.total - changed.total
        if saving < CENT or (option.group in best and best[option.group].monthly_saving >= saving):
            continue
        best[option.group] = Advice(
            option=option, monthly_saving=saving, confidence=_confidence(base, changed, option.rests_on_usage)
        )
    advice = sorted(best.values(), key=lambda each: (-each.monthly_saving, each.option.resource, each.option.change))
    # Of each service the commitment of one year: the shorter binding.
    return [*advice, *(_committed(each) for each in what_if(base) if each.years == 1 and each.saving >= CENT)]


def cheapest(
    weigher: Weigher,
    options: Sequence[Option],
    keep: Collection[str] = (),
    allowed: Callable[[Sequence[Option]], bool] = lambda _: True,
) -> Cheapest:
    """The cheapest plan of those that keep what must be kept, by any set of options that is `allowed` together.

    One option after another, the one that saves most with those already taken; then each group's choice again with all
    others taken, until none is better. Groups act on each other by free tiers and volume tiers only, or on one resource
    in one direction (half the copies of half the vCPUs), so that no better set is missed; a test holds it against all sets.
    """
    permitted = [each for each in options if not each.refused and not each.gives_up & set(keep)]
    groups = grouped((option.group, option) for option in permitted)
    taken: dict[str, Option] = {}
    better = True
    while better:
        better = False
        for group, alternatives in groups.items():
            others = [option for name, option in taken.items() if name != group]
            now: Option | None = taken.get(group)
            choice = now
            least = weigher.of([*others, now] if now else others).total
            for candidate in (None, *alternatives):  # leaving it out may have become better, too
                tried = [*others, candidate] if candidate else others
                cost = weigher.of(tried).total
                if cost < least and (least - cost >= CENT or candidate is None) and allowed(tried):
                    least, choice = cost, candidate
            if choice is not now:
                better = True
                taken.pop(group, None)
                if choice:
                    taken[group] = choice
    return Cheapest(tuple(taken.values()), weigher.of(list(taken.values())))


def fewest(weigher: Weigher, cheapest: Cheapest, under: Decimal) -> Cheapest:
    """The largest savings of a set until the plan costs less than an amount: what is enough, the rest may stay."""
    taken: list[Option] = []
    left = list(cheapest.options)
    while left and weigher.of(taken).total >= under:
        best = min(left, key=lambda option: weigher.of([*taken, option]).total)
        left.remove(best)
        taken.append(best)
    # A first step may have become needless by a later, larger one.
    for option in list(taken):
        without = [each for each in taken if each is not option]
        if weigher.of(without).total < under:
            taken = without
    return Cheapest(tuple(taken), weigher.of(taken))


def _confidence(before: Estimate, after: Estimate, rests_on_usage: bool) -> str:
    """By the lines that change: low where most of the change rests on a rate or quantity that nobody confirms, medium where
    it rests on a third party's rate or on the usage file."""
    changed = {(each.resource, each.line): abs(each.by) for each in Difference(before, after).changes}
    lines = [(line, changed.get((of.name, line.name), ZERO)) for of, line in (*before.lines(), *after.lines())]
    weights = totals((line.confidence, weight) for line, weight in lines)
    whole, usage = total(weights.values()), total(weight for line, weight in lines if line.usage_based)
    heavy = [letter for letter, weight in weights.items() if weight * 10 >= whole and weight]
    letter = worst(heavy) if heavy else "C"
    if letter == "U":
        return "low"
    return "medium" if letter == "T" or rests_on_usage or usage * 2 > whole else "high"


def _committed(commitment: Commitment) -> Advice:
    option = Option(
        resource=commitment.service,
        change=f"a commitment of {commitment.years} year to {commitment.committed:,.2f} a month of always-on use",
        group=f"commitment {commitment.service}",
        loses="it is owed for the year, whether or not it is used; no change of the program",
        gives_up=frozenset({"no-commitment"}),
    )
    confidence = {"C": "high", "G": "high", "T": "medium"}.get(commitment.confidence, "low")
    return Advice(option=option, monthly_saving=commitment.saving, confidence=confidence)

"""The option of another region: the cheapest of the same continent, for everything that is in the plan's region."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from fastyle_policies.model import Resource
from fastyle_policies.pricing import regions
from fastyle_policies.pricing.advice.model import Option, Priced

_CONTINENTS = {"northamerica": "us"}


def relocations(resources: Sequence[Resource], price: Priced, default: str | None) -> Iterator[Option]:
    """A move of everything to each region of the continent for which the book has every rate that is needed.

    Args:
        price: the estimate of a changed plan: a region that lacks a rate is left out.
        default: the region of what names none.
    """
    own = _main(resources, default)
    if own is None:
        return
    for region in sorted(regions.REGIONS):
        if region == own or _continent(region) != _continent(own):
            continue
        option = Option(
            resource="the plan",
            change=f"region: {own} -> {region}",
            group="region",
            loses=f"everything is made anew in {region}, data move, callers are further away or nearer; laws on where data "
            "may be have to allow it",
            moves=(own, region),
            gives_up=frozenset({"region"}),
        )
        if region not in price(option.applied(resources)).lacking():
            yield option


def _main(resources: Sequence[Resource], default: str | None) -> str | None:
    """The region that most resources say, else the default one."""
    said = [resource.props.get(key) for resource in resources for key in ("region", "location")]
    named = (regions.normal(place) for place in said if isinstance(place, str))
    counts = Counter(place for place in named if place in regions.REGIONS)
    return counts.most_common(1)[0][0] if counts else default


def _continent(region: str) -> str:
    first = region.partition("-")[0]
    return _CONTINENTS.get(first, first)

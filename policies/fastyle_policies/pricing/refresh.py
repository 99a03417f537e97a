"""The price book held against Google's Cloud Billing Catalog: what it confirms, what it changes, what it cannot say.

Nothing is guessed. A rate is refreshed only by the one SKU that its `sku` entry describes, in its region, on demand, in
a unit that this module converts; several, none, another currency or an unknown unit leave it as it is and say so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from pathlib import Path
from typing import Literal

from fastyle_policies.pricing.book import FOLDER, GLOBAL, REFERENCE, Book, Rate, Tier, load
from fastyle_policies.pricing.catalogue import API, Catalogue, Sku
from fastyle_policies.pricing.lines import DAYS, HOURS
from fastyle_policies.pricing.report import plain

CURRENCY = "USD"
_DIGITS = Context(prec=15)
_BYTE_STEPS = {"By": Decimal(1), "KiBy": Decimal(2) ** 10, "MiBy": Decimal(2) ** 20, "GiBy": Decimal(2) ** 30}
_BYTE_STEPS |= {"TiBy": Decimal(2) ** 40, "PiBy": Decimal(2) ** 50}
_MONTHS = {"mo": Decimal(1), "d": 1 / DAYS, "h": 1 / HOURS}
# What Google's pages call GB and MB, the catalogue counts in GiBy and MiBy.
_BYTES = {"MB": "MiBy", "MiB": "MiBy", "GB": "GiBy", "GiB": "GiBy", "TiB": "TiBy"}
_HOURS = {"h": Decimal(1), "min": Decimal(1) / 60, "s": Decimal(1) / 3600, "d": Decimal(24), "mo": HOURS}
_SPANS = {"": {"": Decimal(1)}, "month": _MONTHS, "hour": _HOURS, "second": {"s": Decimal(1), "h": Decimal(3600)}}
_COUNTED = {"request", "operation", "access", "query", "rotation"}
_KEPT_MONTHLY = {"job", "version", "zone-month", "IOPS-month"}


@dataclass(frozen=True)
class Offer:
    """What a SKU costs, in the book's units; `free` is what each month begins with free of charge."""

    sku: Sku
    service: str
    price: Decimal
    tiers: tuple[Tier, ...]
    free: Decimal


@dataclass(frozen=True)
class Finding:
    """What the catalogue says of one rate: `kept` has a reason, the others an offer."""

    rate: Rate
    verdict: Literal["confirmed", "changed", "kept"]
    reason: str = ""
    offer: Offer | None = None


class _UnclearError(Exception):
    """Why a rate stays as it is."""


def compare(catalogue: Catalogue, folder: Path = FOLDER) -> list[Finding]:
    """Hold every rate of the book against the catalogue.

    Raises:
        PricingError: the catalogue cannot be read.
    """
    findings = []
    for rates in load(folder).regions.values():
        for rate in rates.values():
            try:
                offer = _offer(rate, catalogue)
            except _UnclearError as e:
                findings.append(Finding(rate, "kept", str(e)))
                continue
            same = offer.price == rate.price and offer.tiers == rate.tiers
            findings.append(Finding(rate, "confirmed" if same else "changed", offer=offer))
    return findings


def _offer(rate: Rate, catalogue: Catalogue) -> Offer:
    if rate.sku is None:
        raise _UnclearError("its entry names no SKU")
    service = catalogue.services().get(rate.sku.service)
    if service is None:
        raise _UnclearError(f"the catalogue has no service '{rate.sku.service}'")
    sku = _match(rate, catalogue.skus(service))
    if not sku.pricing_info:
        raise _UnclearError(f"{sku.label} has no price")
    info = sku.pricing_info[-1]
    units = _units(rate.unit, info.usage_unit)
    if units is None:
        raise _UnclearError(f"{sku.label} counts in {info.usage_unit}, which is not converted to {rate.unit}")
    units *= rate.sku.factor
    months = {"DAILY": DAYS}.get(info.aggregation_interval, Decimal(1))
    steps = []
    for tier in sorted(info.tiered_rates, key=lambda tier: tier.start_usage_amount):
        if tier.unit_price.currency_code != CURRENCY:
            raise _UnclearError(f"{sku.label} is priced in {tier.unit_price.currency_code}; the book is in {CURRENCY}")
        start = tier.start_usage_amount * units * months
        if tier.unit_price.amount:
            steps.append((_DIGITS.plus(start), _DIGITS.divide(tier.unit_price.amount, units)))
        elif steps:
            raise _UnclearError(f"{sku.label} becomes free again at {tier.start_usage_amount}")
    if not steps:
        raise _UnclearError(f"{sku.label} is free of charge")
    prices = [price for _, price in steps]
    if prices != sorted(prices, reverse=True):
        raise _UnclearError(f"{sku.label} becomes dearer with volume, which the book cannot say")
    tiers = tuple(Tier(above=start, price=price) for start, price in steps[1:])
    return Offer(sku, service, prices[0], tiers, free=steps[0][0])


def _match(rate: Rate, skus: Sequence[Sku]) -> Sku:
    """The one SKU of a rate: a region's own before one that is the same everywhere."""
    assert rate.sku is not None
    wanted = rate.sku
    if wanted.id:
        matches = [sku for sku in skus if sku.sku_id == wanted.id]
    else:
        matches = [
            sku
            for sku in skus
            if re.fullmatch(wanted.description, sku.description)
            and sku.usage_type == wanted.usage
            and wanted.group in (None, sku.resource_group)
        ]
        everywhere = [sku for sku in matches if GLOBAL in sku.service_regions]
        if rate.region == GLOBAL:
            matches = everywhere or matches
        else:
            matches = [sku for sku in matches if rate.region in sku.service_regions] or everywhere
    if not matches:
        words = wanted.id or f"'{wanted.description}' in {rate.region}"
        raise _UnclearError(f"no SKU of {wanted.service} matches {words}")
    if len(matches) > 1:
        labels = "; ".join(sorted(sku.label for sku in matches)[:3])
        raise _UnclearError(f"{len(matches)} SKUs match: {labels}; name the right one by `id` in its `sku`")
    return matches[0]


def _units(unit: str, usage_unit: str) -> Decimal | None:
    """How many of the book's `unit` one of the catalogue's `usage_unit` is; None where that is not known."""
    amount, _, time = unit.partition("-")
    base, _, per = usage_unit.partition(".")
    if amount in _BYTES and time in _SPANS:
        size, spans = _BYTE_STEPS.get(base), _SPANS[time]
        return size / _BYTE_STEPS[_BYTES[amount]] * spans[per] if size and per in spans else None
    if each := {"hour": 1, "minute": 60, "second": 3600}.get(unit if unit == "hour" else time):
        return _HOURS[usage_unit] * each if usage_unit in _HOURS else None
    if unit in _COUNTED:
        return Decimal(1) if usage_unit == "count" else None
    if unit in _KEPT_MONTHLY:
        return Decimal(1) if usage_unit == "count" else _MONTHS.get(usage_unit)
    return None


def pools(book: Book, findings: Sequence[Finding]) -> dict[str, tuple[Decimal, Decimal | None]]:
    """New quantity and price of each free tier that changes, by what its rates in the reference region begin with.

    A tier whose rates disagree, or are not told to begin free (Cloud Run's is a credit, not a tier), keeps its quantity.
    """
    changed = {}
    for name, pool in book.pools.items():
        offers = [f.offer for f in findings if f.offer and f.rate.free == name and f.rate.region in (GLOBAL, REFERENCE)]
        amounts, prices = {offer.free for offer in offers if offer.free}, {offer.price for offer in offers}
        quantity = amounts.pop() if len(amounts) == 1 else pool.quantity
        price = prices.pop() if len(prices) == 1 and pool.price is not None else pool.price
        if (quantity, price) != (pool.quantity, pool.price):
            changed[name] = (quantity, price)
    return changed


def describe(book: Book, findings: Sequence[Finding]) -> str:
    """The difference in words: what changes, what is confirmed, what stays and why."""
    lines = []
    for f in findings:
        if f.verdict == "changed" and f.offer:
            by = (f.offer.price - f.rate.price) / f.rate.price * 100 if f.rate.price else Decimal(0)
            tiers = (
                "" if f.offer.tiers == f.rate.tiers else f"; tiers {_tiers(f.rate.tiers)} -> {_tiers(f.offer.tiers)}"
            )
            sure = "" if f.rate.sku and f.rate.sku.confidence != "U" else "; nobody confirmed that this is its SKU"
            lines.append(
                f"changed    {f.rate.region} {f.rate.id}: {plain(f.rate.price)} -> {plain(f.offer.price)} a {f.rate.unit} "
                f"({by:+.1f} %){tiers}, {f.offer.sku.label}{sure}"
            )
    for name, (quantity, price) in pools(book, findings).items():
        old = book.pools[name]
        before, after = (
            plain(q) if p is None else f"{plain(q)} at {plain(p)}"
            for q, p in ((old.quantity, old.price), (quantity, price))
        )
        lines.append(f"changed    free tier {name}: {before} -> {after}")
    lines += [f"kept       {f.rate.region} {f.rate.id}: {f.reason}" for f in findings if f.verdict == "kept"]
    count = {v: sum(f.verdict == v for f in findings) for v in ("confirmed", "changed", "kept")}
    return "\n".join(
        [*lines, f"{count['confirmed']} rates confirmed, {count['changed']} changed, {count['kept']} kept as they are"]
    )


def _tiers(tiers: Sequence[Tier]) -> str:
    return ", ".join(f"{plain(tier.price)} above {plain(tier.above)}" for tier in tiers) or "none"


def source(offer: Offer) -> str:
    """The address at which the catalogue states an offer."""
    return f"{API}/{offer.service}/skus"

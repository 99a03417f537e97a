"""The price book: rates by region, each with its source, the day it was read, and how sure it is.

Under `rates/`, a CSV file a region has one row a rate; `global.csv` what is the same everywhere. `pools.csv` has the free
tiers, which belong to the billing account, with the rates that draw on each; `constants.csv` numbers that decide prices;
`skus.csv` how Google's catalogue calls each rate; `sources.csv` what the sources are that rows name by key.

A rate that a region lacks is looked up in `global`, then in the reference region. That fallback is named in the
estimate with its share: a rate is never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, HttpUrl, ValidationError, model_validator

from fastyle_policies.model import Strict
from fastyle_policies.pricing import tables

FOLDER = Path(__file__).parent / "rates"
REFERENCE = "us-central1"
GLOBAL = "global"
STALE_AFTER_DAYS = 365
DIGITS = 100
"""Digits that amounts are reckoned with: enough that no product or sum of them is rounded."""

Exact = Annotated[Decimal, Field(ge=0)]
Confidence = Literal["C", "G", "T", "U"]
Names = Annotated[tuple[str, ...], BeforeValidator(lambda text: tuple(text.split()) if isinstance(text, str) else text)]
"""Names with spaces between them."""
M = TypeVar("M", bound=BaseModel)


class _Sourced(Strict):
    unit: str = Field(description="what one quantity is, such as `vCPU-hour`")
    source: HttpUrl = Field(description="page or file that states it")
    read: date = Field(description="day on which the source was read, or the date the source gives itself")
    confidence: Confidence
    note: str = Field(default="", description="what is unconfirmed or special about it")


class Tier(Strict):
    """A volume tier: `price` for each unit a month above `above`, counted over the billing account."""

    above: Exact
    price: Exact


class Sku(Strict):
    """How the Cloud Billing Catalog names a rate, for `python -m fastyle_policies.pricing.refresh`."""

    service: str = Field(description="display name of the service, such as `Cloud SQL`")
    description: str = Field(description="regular expression that the whole description of one SKU matches")
    group: str | None = Field(default=None, description="resource group of its category, where descriptions are alike")
    id: str | None = Field(default=None, description="SKU id, which decides where several match")
    usage: Literal["OnDemand", "Preemptible"] = Field(default="OnDemand", description="usage type of its category")
    factor: Exact = Field(
        default=Decimal(1),
        description="quantity of this book in what the SKU counts, beyond its unit: 0.001 of milli-DCU",
    )
    confidence: Confidence = Field(default="U", description="how sure it is that the catalogue calls it so")


class Rate(_Sourced):
    """A list price. `free` names the pool that covers its first units."""

    id: str = ""
    region: str = ""
    price: Exact
    tiers: Annotated[tuple[Tier, ...], BeforeValidator(tables.tiers)] = ()
    free: str | None = None
    sku: Sku | None = None

    @model_validator(mode="after")
    def _tiers_fall(self) -> Rate:
        prices = [self.price, *(tier.price for tier in self.tiers)]
        starts = [Decimal(0), *(tier.above for tier in self.tiers)]
        if prices != sorted(prices, reverse=True) or starts != sorted(set(starts)):
            raise ValueError("tiers must start ever higher and cost ever less")
        return self

    def discount(self, quantity: Decimal) -> Decimal:
        """What the volume tiers take off the list price of `quantity` units a month."""
        off, price = Decimal(0), self.price
        with localcontext(prec=DIGITS):
            for tier in self.tiers:
                off += max(quantity - tier.above, Decimal(0)) * (price - tier.price)
                price = tier.price
        return off


class Pool(_Sourced):
    """A free tier: the first `quantity` units a month of every rate that names it, once for a billing account.

    With a `price` it is given back in money at that price a unit, as Google does for Cloud Run ("a spending based discount
    using Tier 1 pricing"). Without one the first units are free, whatever they cost in their region.
    """

    name: str
    quantity: Exact
    price: Exact | None = None
    per: Literal["account", "project"] = Field(default="account", description="what it is given once for")
    regions: Names = Field(default=(), description="where it is given; empty: everywhere")
    rates: Names = Field(description="ids of the rates that draw on it")

    def covers(self, region: str) -> bool:
        return not self.regions or region in self.regions


class Constant(_Sourced):
    """A number that is no price but decides one, such as the size of a machine type."""

    value: Exact


@dataclass(frozen=True)
class Book:
    """All rates. `regions` maps a region to its rates by id."""

    currency: str
    regions: Mapping[str, Mapping[str, Rate]]
    pools: Mapping[str, Pool]
    constants: Mapping[str, Constant]

    def rate(self, identifier: str, region: str) -> tuple[Rate, bool]:
        """The rate in `region`, and whether it is the reference region's for want of a sourced one.

        Raises:
            KeyError: no file has it.
        """
        for name in (region, GLOBAL):
            if rate := self.regions.get(name, {}).get(identifier):
                return rate, False
        return self.regions[REFERENCE][identifier], True


@cache
def load(folder: Path = FOLDER) -> Book:
    """Read every file.

    Raises:
        ValueError: a file is not of the book's form, or a pool names a rate that is not there; names file and key.
    """
    sources = {row["key"]: row["url"] for _, row in tables.read(folder / "sources.csv")}
    skus = _entries(Sku, folder / "skus.csv", sources)
    pools = _entries(Pool, folder / "pools.csv", sources)
    free = {rate: name for name, pool in pools.items() for rate in pool.rates}
    regions: dict[str, dict[str, Rate]] = {}
    for path in tables.regions(folder):
        regions[path.stem] = rates = _entries(Rate, path, sources)
        for identifier, rate in rates.items():
            own = {"id": identifier, "region": path.stem, "free": free.get(identifier)}
            rates[identifier] = rate.model_copy(update={**own, "sku": _in_region(skus.get(identifier), path.stem)})
    declared = {**regions.get(REFERENCE, {}), **regions.get(GLOBAL, {})}
    for region, rates in regions.items():
        for identifier, rate in rates.items():
            if (unit := declared.get(identifier, rate).unit) != rate.unit:
                where = folder / f"{region}.csv"
                raise ValueError(f"{where}: {identifier} is declared in {unit}, not in {rate.unit}")
    for drawing, name in free.items():
        if not any(drawing in rates for rates in regions.values()):
            raise ValueError(f"{folder / 'pools.csv'}: {name}: no rate is named {drawing}")
    return Book("USD", regions, pools, _entries(Constant, folder / "constants.csv", sources))


def _in_region(sku: Sku | None, region: str) -> Sku | None:
    """How the catalogue names a rate there: a SKU that names the reference region has another one elsewhere."""
    if sku is None or region == REFERENCE or REFERENCE not in sku.description:
        return sku
    return sku.model_copy(update={"description": sku.description.replace(REFERENCE, region), "id": None})


def _entries(model: type[M], path: Path, sources: Mapping[str, str]) -> dict[str, M]:
    """The rows of a table by their first column; an empty cell is a field that is not given."""
    entries: dict[str, M] = {}
    for number, row in tables.read(path):
        key, where = next(iter(row.values())), f"{path}:{number}"
        if key in entries:
            raise ValueError(f"{where}: {key} is there twice")
        given: dict[str, Any] = {name: cell for name, cell in row.items() if cell and name in model.model_fields}
        if "source" in given:
            given["source"] = sources.get(row["source"], row["source"])
        entries[key] = _valid(model, given, f"{where}: {key}")
    return entries


def _valid(model: type[M], data: object, where: str) -> M:
    try:
        return model.model_validate(data)
    except ValidationError as e:
        raise ValueError(f"{where}: {first_error(e, 'the whole')}") from None


def first_error(error: ValidationError, whole: str) -> str:
    """The first thing wrong and its place; `whole` is what that is called where it is no part."""
    wrong = error.errors()[0]
    return f"{'.'.join(map(str, wrong['loc'])) or whole}: {wrong['msg']}"

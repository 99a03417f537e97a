"""The price book: rates by region, each with its source, the day it was read, and how sure it is.

Under `rates/`, YAML files declare rates in full: those of the reference region, and in `global.yaml` what is the same
everywhere and the free tiers, which belong to the billing account. A CSV file a region has one row a rate; where the
reference region or `global.yaml` declares the same rate, the row takes its free tier and SKU from there. `sources.csv`
says what the sources are that rows name by key, `skus.csv` how Google's catalogue calls the rates that declare no SKU.

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
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, HttpUrl, ValidationError, model_validator

from fastyle_policies.pricing import rate_rows

FOLDER = Path(__file__).parent / "rates"
REFERENCE = "us-central1"
GLOBAL = "global"
STALE_AFTER_DAYS = 365
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DIGITS = 100
"""Digits that amounts are reckoned with: enough that no product or sum of them is rounded."""

# YAML's floats are binary: every amount in a book is written as a string or an integer.
Exact = Annotated[Decimal, BeforeValidator(lambda value: _exact(value)), Field(ge=0)]
Confidence = Literal["C", "G", "T", "U"]
M = TypeVar("M", bound=BaseModel)


def _exact(value: object) -> object:
    if isinstance(value, float):
        raise ValueError("write amounts in quotes, so that they stay exact decimals")
    return value


class _Sourced(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: str = Field(description="what one quantity is, such as `vCPU-hour`")
    source: HttpUrl = Field(description="page or file that states it")
    read: date = Field(description="day on which the source was read, or the date the source gives itself")
    confidence: Confidence
    note: str = Field(default="", description="what is unconfirmed or special about it")


class Tier(BaseModel):
    """A volume tier: `price` for each unit a month above `above`, counted over the billing account."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    above: Exact
    price: Exact


class Sku(BaseModel):
    """How the Cloud Billing Catalog names a rate, for `python -m fastyle_policies.pricing.refresh`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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
    """A list price. `free` names the pool of `global.yaml` that covers its first units."""

    id: str = ""
    region: str = ""
    price: Exact
    tiers: tuple[Tier, ...] = ()
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
    regions: tuple[str, ...] = Field(default=(), description="where it is given; empty: everywhere")

    def covers(self, region: str) -> bool:
        return not self.regions or region in self.regions


class Constant(_Sourced):
    """A number that is no price but decides one, such as the size of a machine type."""

    value: Exact


class _RegionFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: Literal["USD"]
    rates: dict[str, Rate]
    pools: dict[str, Pool] = {}
    constants: dict[str, Constant] = {}


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
    """Read every region's file.

    Raises:
        ValueError: a file is not of the book's form, or a rate names a pool that is not there; names file and key.
    """
    files = {path.stem: _file(path) for path in sorted(folder.glob("*.yaml"))}
    pools = {name: pool for file in files.values() for name, pool in file.pools.items()}
    regions = {region: {k: _placed(r, k, region) for k, r in file.rates.items()} for region, file in files.items()}
    declared = {**regions.get(REFERENCE, {}), **regions.get(GLOBAL, {})}
    sources, skus = rate_rows.sources(folder), rate_rows.skus(folder)
    for path in sorted(folder.glob("*.csv")):
        if path.name not in rate_rows.NO_REGIONS:
            rates = regions.setdefault(path.stem, {})
            for number, row in rate_rows.read(path):
                where = f"{path}:{number}"
                if row["rate"] in rates:
                    raise ValueError(f"{where}: {row['rate']} is there twice")
                rates[row["rate"]] = _of_row(row, path.stem, sources, declared, where)
    named = {name: _valid(Sku, row, f"{folder / rate_rows.SKUS}: {name}") for name, row in skus.items()}
    for rates in regions.values():
        for identifier in rates.keys() & named.keys():
            if rates[identifier].sku is None:
                rates[identifier] = rates[identifier].model_copy(update={"sku": named[identifier]})
    for region, regional_rates in regions.items():
        for identifier, rate in regional_rates.items():
            if rate.free and rate.free not in pools:
                raise ValueError(f"{folder / region}.yaml: {identifier}: no free tier is named {rate.free}")
    constants = {name: constant for file in files.values() for name, constant in file.constants.items()}
    return Book("USD", regions, pools, constants)


def _placed(rate: Rate, identifier: str, region: str) -> Rate:
    return rate.model_copy(update={"id": identifier, "region": region})


def _of_row(
    row: Mapping[str, str], region: str, sources: Mapping[str, str], declared: Mapping[str, Rate], where: str
) -> Rate:
    """The rate of a CSV row; free tier and SKU are those of the rate that it is another region's price of."""
    same = declared.get(row["rate"])
    if same and same.unit != row["unit"]:
        raise ValueError(f"{where}: {row['rate']} is declared in {same.unit}, not in {row['unit']}")
    sku = same.sku if same else None
    if sku and REFERENCE in sku.description:
        sku = sku.model_copy(update={"description": sku.description.replace(REFERENCE, region), "id": None})
    try:
        steps = rate_rows.tiers(row["tiers"])
    except ValueError as e:
        raise ValueError(f"{where}: {e}") from None
    given = {key: row[key] for key in ("unit", "price", "confidence", "read", "note")}
    rest = {"region": region, "free": same.free if same else None, "sku": sku}
    source, tiers = (
        sources.get(row["source"], row["source"]),
        [{"above": above, "price": price} for above, price in steps],
    )
    return _valid(Rate, {**given, **rest, "id": row["rate"], "source": source, "tiers": tiers}, where)


def _file(path: Path) -> _RegionFile:
    return _valid(_RegionFile, yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER), str(path))  # noqa: S506


def _valid(model: type[M], data: object, where: str) -> M:
    try:
        return model.model_validate(data)
    except ValidationError as e:
        raise ValueError(f"{where}: {first_error(e, 'the whole')}") from None


def first_error(error: ValidationError, whole: str) -> str:
    """The first thing wrong and its place; `whole` is what that is called where it is no part."""
    wrong = error.errors()[0]
    return f"{'.'.join(map(str, wrong['loc'])) or whole}: {wrong['msg']}"

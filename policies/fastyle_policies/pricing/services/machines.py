"""Machines of Compute Engine: what a machine type is made of, and what it costs an hour, on demand or spot.

vCPUs and memory have prices by family; small shapes and a few families have one by the machine. Sustained use of N1, N2, N2D
and C2 is discounted by Google without asking (cloud.google.com/compute/docs/sustained-use-discounts).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from fastyle_policies.links import short_name
from fastyle_policies.model import UNKNOWN, flag
from fastyle_policies.pricing.lines import HOURS
from fastyle_policies.pricing.services.base import Bill, NotPricedError, text

NUMBERS: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
_MEMORY: Mapping[str, Mapping[str, str]] = NUMBERS["memory"]
_MULTIPLES: Mapping[str, int] = NUMBERS["multiples"]
_G2_GPUS: Mapping[int, int] = NUMBERS["g2_gpus"]
_SIZED = re.compile(r"([a-z]\w{1,3})-(standard|highmem|highcpu)-(\d{1,3})")
_CUSTOM = re.compile(r"(?:([a-z]\w{1,3})-)?custom-(\d{1,3})-(\d{1,7})(-ext)?")
_A2 = re.compile(r"a2-highgpu-([1248])g")


@dataclass(frozen=True)
class Machine:
    """What a machine type has: a family's vCPUs and GiB, or, without those, so many of the shape `whole`.

    `extended` is memory beyond what the vCPUs of a custom type go with, `gpus` what is priced beside the shape.
    """

    family: str
    vcpus: Decimal = Decimal(0)
    memory: Decimal = Decimal(0)
    whole: str = ""
    times: Decimal = Decimal(1)
    custom: bool = False
    extended: Decimal = Decimal(0)
    gpus: Decimal = Decimal(0)


def machine(name: Any) -> Machine:
    """The machine of a type's name, or of the URL that ends with it.

    Raises:
        NotPricedError: the book has no rates for it.
    """
    if name is UNKNOWN:
        raise NotPricedError("its machine type is secret or known only at update")
    short = short_name(str(name))
    if short in NUMBERS["whole"]:
        return Machine(short.partition("-")[0], whole=short)
    if sized := _SIZED.fullmatch(short):
        family, kind, count = sized[1], sized[2], int(sized[3])
        if base := _MULTIPLES.get(f"{family}-{kind}"):
            if family == "g2" and count not in _G2_GPUS:
                raise NotPricedError(f"there is no machine type {short}")
            gpus = Decimal(_G2_GPUS[count]) if family == "g2" else Decimal(0)
            return Machine(family, whole=f"{family}-{kind}-{base}", times=Decimal(count) / base, gpus=gpus)
        if family in _MEMORY:
            odd = NUMBERS["odd"].get(short)
            return Machine(family, Decimal(count), Decimal(odd or _MEMORY[family][kind]) * (1 if odd else count))
    if (custom := _CUSTOM.fullmatch(short)) and (custom[1] or "n1") in _MEMORY:
        return _customized(custom[1] or "n1", Decimal(custom[2]), Decimal(custom[3]) / 1024, bool(custom[4]))
    if a2 := _A2.fullmatch(short):
        return Machine("a2", whole="a2-highgpu-1g", times=Decimal(a2[1]))
    raise NotPricedError(f"the price book has no rates for machine type {short[:40]}")


def _customized(family: str, cpus: Decimal, memory: Decimal, may_extend: bool) -> Machine:
    if not may_extend:
        return Machine(family, cpus, memory, custom=True)
    if family not in NUMBERS["extended_from"]:
        raise NotPricedError(f"the price book has no rates for extended memory of {family.upper()}")
    usual = min(memory, cpus * Decimal(NUMBERS["extended_from"][family]))
    return Machine(family, cpus, usual, custom=True, extended=memory - usual)


def vcpus(of: Machine) -> Decimal:
    """vCPUs for what is billed by them; shared cores count as Google's pages state them."""
    if of.vcpus:
        return of.vcpus
    if of.whole in NUMBERS["whole"]:
        return Decimal(2) if of.family == "e2" else Decimal(1)
    if of.family == "a2":
        return of.times * Decimal(NUMBERS["a2_vcpus"])
    return of.times * _MULTIPLES[of.whole.rpartition("-")[0]]


def sustained(family: str, hours: Decimal) -> Decimal:
    """Hours at full price that so many hours of a month cost, after the sustained use discount."""
    quarter = HOURS / 4
    prices = NUMBERS["sustained"].get(family, ("1",) * 4)
    return sum(
        (min(max(hours - quarter * n, Decimal(0)), quarter) * Decimal(price) for n, price in enumerate(prices)),
        Decimal(0),
    )


def spot(scheduling: Any) -> bool:
    """Whether a `scheduling` or node block asks for spot or preemptible machines."""
    if not isinstance(scheduling, Mapping):
        return False
    asked = any(flag(scheduling.get(key)) is True for key in ("preemptible", "spot"))
    return asked or scheduling.get("provisioningModel") == "SPOT"


@dataclass(frozen=True)
class Fleet:
    """`count` machines of a type that run `hours` a month each, on spot capacity or on demand."""

    of: Machine
    count: Decimal
    hours: Decimal
    on_spot: bool = False
    label: str = ""  # what the names of its lines begin with
    usage: bool = False

    def billed(self, family: str) -> tuple[Decimal, str]:
        """Hours at full price of each, after the sustained use discount of a family, and how many percent they are."""
        billed = self.hours if self.on_spot else sustained(family, self.hours)
        return billed, "" if billed == self.hours else f" at {text(billed / self.hours * 100)} % (sustained use)"


def run(bill: Bill, fleet: Fleet) -> None:
    """Lines of machines."""
    of, count, label, usage = fleet.of, fleet.count, fleet.label, fleet.usage
    suffix, kind = ("-spot", ", spot") if fleet.on_spot else ("", "")
    billed, discount = fleet.billed(of.family)
    words = f"{text(count)} x {text(fleet.hours)} h{discount}"
    if of.whole:
        quantity = of.times * count * billed
        each = f" x {text(of.times)}" if of.times != 1 else ""
        bill.add(f"compute.{of.whole}{suffix}", quantity, words + each, name=f"{label}Machine{kind}", usage=usage)
        return
    factor, dearer, assumes = Decimal(1), "", []
    if of.custom and of.family in NUMBERS["custom_dearer"]:
        constant = bill.constant("compute.custom-factor")
        factor, dearer, assumes = constant.value, f" x {text(constant.value)} (custom)", [constant]
    for part, amount, unit in (("vcpu", of.vcpus, "vCPU"), ("memory", of.memory, "GiB")):
        bill.add(
            f"compute.{of.family}-{part}{suffix}",
            amount * count * billed * factor,
            f"{words} x {text(amount)} {unit}{dearer}",
            name=f"{label}{'vCPU' if part == 'vcpu' else 'Memory'}{kind}",
            usage=usage,
            assumes=assumes,
        )
    if of.extended:
        rate, quantity = f"compute.{of.family}-extended-memory{suffix}", of.extended * count * billed
        told, name = f"{words} x {text(of.extended)} GiB", f"{label}Extended memory{kind}"
        bill.add(rate, quantity, told, name=name, usage=usage)

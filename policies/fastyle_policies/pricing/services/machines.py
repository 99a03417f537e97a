"""Machines of Compute Engine: what a machine type is made of, and what it costs an hour, on demand or spot.

vCPUs and memory have prices by family; small shapes and a few families have one by the machine. Sustained use of N1, N2, N2D
and C2 is discounted by Google without asking (cloud.google.com/compute/docs/sustained-use-discounts).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fastyle_policies.model import UNKNOWN, flag
from fastyle_policies.pricing.lines import HOURS
from fastyle_policies.pricing.services.base import Bill, NotPricedError, text

# GiB a vCPU of predefined shapes (cloud.google.com/compute/docs/machine-resource).
_MEMORY: Mapping[str, Mapping[str, str]] = {
    "e2": {"standard": "4", "highmem": "8", "highcpu": "1"},
    "n1": {"standard": "3.75", "highmem": "6.5", "highcpu": "0.9"},
    "n2": {"standard": "4", "highmem": "8", "highcpu": "1"},
    "n2d": {"standard": "4", "highmem": "8", "highcpu": "1"},
    "n4": {"standard": "4", "highmem": "8", "highcpu": "2"},
    "c3": {"standard": "4", "highmem": "8", "highcpu": "2"},
    "c3d": {"standard": "4", "highmem": "8", "highcpu": "2"},
    "c4": {"standard": "3.75", "highmem": "7.75", "highcpu": "2"},
    "c4a": {"standard": "4", "highmem": "8", "highcpu": "2"},
}
_ODD: Mapping[str, str] = {"c4-standard-2": "7", "c4-highmem-2": "15"}  # GiB where a shape is not in proportion
_WHOLE = {"e2-micro", "e2-small", "e2-medium", "f1-micro", "g1-small"}
# Families with a price of one shape, by its vCPUs: the others are multiples of it.
_MULTIPLES = {"t2d-standard": 1, "t2a-standard": 1, "c2-standard": 4, "g2-standard": 4}
# GPUs that a machine brings, by its vCPUs (cloud.google.com/compute/docs/accelerator-optimized-machines).
_G2_GPUS = {4: 1, 8: 1, 12: 1, 16: 1, 24: 2, 32: 1, 48: 4, 96: 8}
_A2_VCPUS = 12  # of each GPU
# GiB a vCPU beyond which a custom machine's memory is extended, at a price of its own.
_EXTENDED_FROM = {"n1": Decimal("6.5")}
_CUSTOM_DEARER = {"n1", "n2", "n2d", "n4"}
# Price of each further quarter of the month: 30 % and 20 % less over the whole of it.
_SUSTAINED = {
    "n1": ("1", "0.8", "0.6", "0.4"),
    "f1": ("1", "0.8", "0.6", "0.4"),
    "g1": ("1", "0.8", "0.6", "0.4"),
    "n2": ("1", "0.8678", "0.733", "0.6"),
    "n2d": ("1", "0.8678", "0.733", "0.6"),
    "c2": ("1", "0.8678", "0.733", "0.6"),
}
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
    short = str(name).rsplit("/", 1)[-1]
    if short in _WHOLE:
        return Machine(short.partition("-")[0], whole=short)
    if sized := _SIZED.fullmatch(short):
        family, kind, count = sized[1], sized[2], int(sized[3])
        if base := _MULTIPLES.get(f"{family}-{kind}"):
            if family == "g2" and count not in _G2_GPUS:
                raise NotPricedError(f"there is no machine type {short[:40]}")
            gpus = Decimal(_G2_GPUS[count]) if family == "g2" else Decimal(0)
            return Machine(family, whole=f"{family}-{kind}-{base}", times=Decimal(count) / base, gpus=gpus)
        if family in _MEMORY:
            memory = Decimal(_ODD[short]) if short in _ODD else Decimal(_MEMORY[family][kind]) * count
            return Machine(family, Decimal(count), memory)
    if (custom := _CUSTOM.fullmatch(short)) and (custom[1] or "n1") in _MEMORY:
        return _customized(custom[1] or "n1", Decimal(custom[2]), Decimal(custom[3]) / 1024, bool(custom[4]))
    if a2 := _A2.fullmatch(short):
        return Machine("a2", whole="a2-highgpu-1g", times=Decimal(a2[1]))
    raise NotPricedError(f"the price book has no rates for machine type {short[:40]}")


def _customized(family: str, cpus: Decimal, memory: Decimal, may_extend: bool) -> Machine:
    if not may_extend:
        return Machine(family, cpus, memory, custom=True)
    if family not in _EXTENDED_FROM:
        raise NotPricedError(f"the price book has no rates for extended memory of {family.upper()}")
    usual = min(memory, cpus * _EXTENDED_FROM[family])
    return Machine(family, cpus, usual, custom=True, extended=memory - usual)


def vcpus(of: Machine) -> Decimal:
    """vCPUs for what is billed by them; shared cores count as Google's pages state them."""
    if of.vcpus:
        return of.vcpus
    if of.whole in _WHOLE:
        return Decimal(2) if of.family == "e2" else Decimal(1)
    if of.family == "a2":
        return of.times * _A2_VCPUS
    return of.times * _MULTIPLES[of.whole.rpartition("-")[0]]


def sustained(family: str, hours: Decimal) -> Decimal:
    """Hours at full price that so many hours of a month cost, after the sustained use discount."""
    quarter = HOURS / 4
    prices = _SUSTAINED.get(family, ("1",) * 4)
    return sum(
        (min(max(hours - quarter * n, Decimal(0)), quarter) * Decimal(price) for n, price in enumerate(prices)),
        Decimal(0),
    )


def spot(scheduling: Any) -> bool:
    """Whether a `scheduling` or node block asks for spot or preemptible machines."""
    if not isinstance(scheduling, Mapping):
        return False
    return (
        scheduling.get("provisioningModel") == "SPOT"
        or flag(scheduling.get("preemptible")) is True
        or flag(scheduling.get("spot")) is True
    )


def run(
    bill: Bill,
    of: Machine,
    count: Decimal,
    hours: Decimal,
    *,
    on_spot: bool = False,
    label: str = "",
    usage: bool = False,
) -> None:
    """Lines of `count` machines that run `hours` each."""
    suffix, kind = ("-spot", ", spot") if on_spot else ("", "")
    billed = hours if on_spot else sustained(of.family, hours)
    words = f"{text(count)} x {text(hours)} h"
    if billed != hours:
        words += f" at {text(billed / hours * 100)} % (sustained use)"
    if of.whole:
        quantity = of.times * count * billed
        each = f" x {text(of.times)}" if of.times != 1 else ""
        bill.add(f"compute.{of.whole}{suffix}", quantity, words + each, name=f"{label}Machine{kind}", usage=usage)
        return
    factor, dearer, assumes = Decimal(1), "", []
    if of.custom and of.family in _CUSTOM_DEARER:
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
        quantity, told = of.extended * count * billed, f"{words} x {text(of.extended)} GiB"
        bill.add(
            f"compute.{of.family}-extended-memory{suffix}",
            quantity,
            told,
            name=f"{label}Extended memory{kind}",
            usage=usage,
        )

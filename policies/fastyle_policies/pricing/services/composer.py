"""Composer 3 (compute in DCU-hours and database storage) and Composer 2 (fee, vCPU, memory, storage)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fastyle_policies.model import UNKNOWN, dig
from fastyle_policies.pricing.lines import HOURS, amount
from fastyle_policies.pricing.services.base import Bill, NotPricedError, Usage, prices, text, usage_key

ENVIRONMENT = "gcp:composer/environment:Environment"
_KEYS = ("cpu", "memoryGb", "storageGb")
# What Google's small environment gives each part when a plan does not say: by the documented presets
# (cloud.google.com/composer/docs/composer-3/optimize-environments). The web server of Composer 3 has at least 1 vCPU.
_PRESET: Mapping[str, Mapping[str, str]] = {
    "scheduler": {"cpu": "0.5", "memoryGb": "2", "storageGb": "1", "count": "1"},
    "triggerer": {"cpu": "0.5", "memoryGb": "1", "storageGb": "0", "count": "1"},
    "webServer": {"cpu": "0.5", "memoryGb": "2", "storageGb": "1", "count": "1"},
    "dagProcessor": {"cpu": "1", "memoryGb": "4", "storageGb": "1", "count": "1"},
    "worker": {"cpu": "0.5", "memoryGb": "2", "storageGb": "1", "minCount": "1"},
}
_PRESET_3: Mapping[str, Mapping[str, str]] = {**_PRESET, "webServer": {**_PRESET["webServer"], "cpu": "1"}}
WEB_SERVER_VCPUS = Decimal(1)
_PARTS_3 = ("scheduler", "triggerer", "webServer", "dagProcessor", "worker")
# In Composer 2 schedulers parse the DAGs themselves.
_PARTS_2 = ("scheduler", "triggerer", "webServer", "worker")
RESILIENT = "HIGH_RESILIENCE"
_RESILIENT_COUNT = 2
"""Least of each component but workers' spare ones in a highly resilient environment: two, in two zones."""


class EnvironmentUsage(Usage):
    monthly_extra_worker_hours: Decimal = usage_key("hours of workers beyond the smallest number that always runs")
    database_gib: Decimal | None = usage_key("GiB of the metadata database; 10 when absent", default=None)
    monthly_log_gib: Decimal = usage_key("GiB of logs written to Cloud Logging")


@prices(ENVIRONMENT)
def environment(bill: Bill, usage: EnvironmentUsage) -> None:
    version = str(bill.value("config.softwareConfig.imageVersion", "composer-3"))
    if version.startswith("composer-3"):
        _composer_3(bill, usage)
    elif version.startswith("composer-2"):
        _composer_2(bill, usage)
    else:
        raise NotPricedError(f"the price book has no rates for image {version}")
    bill.logs(usage.monthly_log_gib)


@dataclass(frozen=True)
class _Size:
    """What runs always: vCPUs, GiB of memory, GiB of storage."""

    vcpu: Decimal
    memory: Decimal
    storage: Decimal


def _composer_3(bill: Bill, usage: EnvironmentUsage) -> None:
    """Compute in DCU-hours: those of the Airflow components, and those of the environment's size.

    Google publishes no conversion of vCPUs and memory to DCUs. One source is that of its other products, by which the
    small preset takes 7.4 DCU; the other is a measurement of that preset, 12 DCU. Both are told, the upper is reckoned with.
    """
    size = _size(bill)
    if size != "small":
        raise NotPricedError(f"the price book does not know the compute of a {size} Composer 3 environment")
    per_vcpu, per_gib = bill.constant("composer-3.dcu-per-vcpu"), bill.constant("composer-3.dcu-per-gib")
    per_disk = bill.constant("composer-3.dcu-per-storage-gib")

    def dcu(of: _Size) -> Decimal:
        return of.vcpu * per_vcpu.value + of.memory * per_gib.value + of.storage * per_disk.value

    def told(of: _Size) -> str:
        return (
            f"({text(of.vcpu)} vCPU x {text(per_vcpu.value)} + {text(of.memory)} GiB x {text(per_gib.value)} + "
            f"{text(of.storage)} GiB x {text(per_disk.value)} DCU)"
        )

    resilient = _resilient(bill)
    always = _always(bill, _PARTS_3, _PRESET_3, resilient=resilient, web=WEB_SERVER_VCPUS)
    used = (per_vcpu, per_gib, per_disk)
    words = f"{told(always)} x 730 h"
    bill.add("composer-3.dcu", dcu(always) * HOURS, words, name="Airflow components", assumes=used)
    low, high = bill.constant("composer-3.small-preset-least"), bill.constant("composer-3.small-preset")
    preset = dcu(_preset(_PRESET_3))
    copies, twice = (Decimal(2), " x 2 (highly resilient)") if resilient else (Decimal(1), "")
    words = f"({text(high.value)} DCU of the small preset - {text(preset)} of its components) x 730 h{twice}"
    most, least = ((of.value - preset) * HOURS * copies for of in (high, low))
    bill.add("composer-3.dcu", most, words, name=f"Infrastructure, {size}", assumes=(low, high), least=least)
    smallest = bill.constant("composer-3.database-gib")
    gib = smallest.value if usage.database_gib is None else usage.database_gib
    words = f"{text(gib)} GiB x 730 h{twice}"
    bill.add("composer-3.database", gib * HOURS * copies, words, name="Database storage", assumes=(smallest,))
    if hours := usage.monthly_extra_worker_hours:
        worker = _Size(*(_each(bill, "worker", key, _PRESET_3) for key in _KEYS))
        words = f"{text(hours)} h x {told(worker)}"
        bill.add("composer-3.dcu", hours * dcu(worker), words, name="Further workers", usage=True, assumes=used)


def _resilient(bill: Bill) -> bool:
    if bill.value("config.resilienceMode", "STANDARD_RESILIENCE") != RESILIENT:
        return False
    bill.note(
        "is highly resilient: reckoned with two of each component and twice the infrastructure and the database, for "
        "which no price is published"
    )
    return True


def _composer_2(bill: Bill, usage: EnvironmentUsage) -> None:
    size = _size(bill)
    bill.add(f"composer-2.environment-{size}", HOURS, "730 h", name=f"Environment fee, {size}")
    always = _always(bill, _PARTS_2, _PRESET, resilient=_resilient(bill))
    bill.add("composer-2.vcpu", always.vcpu * HOURS, f"{text(always.vcpu)} vCPU x 730 h", name="vCPU")
    bill.add("composer-2.memory", always.memory * HOURS, f"{text(always.memory)} GiB x 730 h", name="Memory")
    gib = always.storage + (usage.database_gib or 0)
    bill.add("composer-2.storage", gib * HOURS, f"{text(gib)} GiB x 730 h", name="Storage")
    if hours := usage.monthly_extra_worker_hours:
        cpu, gb = _each(bill, "worker", "cpu", _PRESET), _each(bill, "worker", "memoryGb", _PRESET)
        for rate, name, each, unit in (("vcpu", "vCPU", cpu, "vCPU"), ("memory", "memory", gb, "GiB")):
            words = f"{text(hours)} h x {text(each)} {unit}"
            bill.add(f"composer-2.{rate}", hours * each, words, name=f"Further workers, {name}", usage=True)


def _size(bill: Bill) -> str:
    return str(bill.value("config.environmentSize", "ENVIRONMENT_SIZE_SMALL")).rpartition("_")[2].lower()


def _preset(preset: Mapping[str, Mapping[str, str]]) -> _Size:
    """What a preset's components have together."""
    return _Size(*(sum((Decimal(part[key]) for part in preset.values()), Decimal(0)) for key in _KEYS))


def _always(
    bill: Bill,
    parts: tuple[str, ...],
    preset: Mapping[str, Mapping[str, str]],
    *,
    resilient: bool,
    web: Decimal = Decimal(0),
) -> _Size:
    """What the components have that run always; the web server at least `web` vCPUs."""
    sums = dict.fromkeys(_KEYS, Decimal(0))
    for part in parts:
        count = _each(bill, part, "minCount" if part == "worker" else "count", preset)
        if resilient and count:
            count = max(count, Decimal(_RESILIENT_COUNT))
        for key in _KEYS:
            each = _each(bill, part, key, preset)
            sums[key] += count * (max(each, web) if (part, key) == ("webServer", "cpu") else each)
    return _Size(*sums.values())


def _each(bill: Bill, part: str, key: str, preset: Mapping[str, Mapping[str, str]]) -> Decimal:
    block: Any = bill.resource.get(f"config.workloadsConfig.{part}")
    value = UNKNOWN if block is UNKNOWN else dig(block, key)
    if value is UNKNOWN:
        bill.note(f"{part}.{key} is secret or known only at update; reckoned with {preset[part][key]}")
        value = None
    size = amount(preset[part][key] if value is None else value)
    if size < 0:
        raise NotPricedError(f"{part}.{key} is {size}, which is below 0")
    return size

"""Composer 3 (compute in DCU-hours and database storage) and Composer 2 (fee, vCPU, memory, storage)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import Field

from policies.model import UNKNOWN
from policies.pricing.lines import HOURS, amount
from policies.pricing.services.base import Bill, NotPricedError, Pricer, Usage, text
from policies.pricing.services.run import logs

ENVIRONMENT = "gcp:composer/environment:Environment"
# What Google's small environment gives each part when a plan does not say.
_DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "scheduler": {"cpu": "0.5", "memoryGb": "2", "storageGb": "1", "count": "1"},
    "triggerer": {"cpu": "0.5", "memoryGb": "1", "storageGb": "0", "count": "1"},
    "webServer": {"cpu": "0.5", "memoryGb": "2", "storageGb": "1", "count": "1"},
    "dagProcessor": {"cpu": "1", "memoryGb": "4", "storageGb": "1", "count": "1"},
    "worker": {"cpu": "0.5", "memoryGb": "2", "storageGb": "1", "minCount": "1"},
}


class EnvironmentUsage(Usage):
    monthly_extra_worker_hours: Decimal = Field(
        default=Decimal(0), ge=0, description="hours of workers beyond the smallest number that always runs"
    )
    database_gib: Decimal | None = Field(default=None, ge=0, description="GiB of the metadata database; 10 when absent")
    monthly_log_gib: Decimal = Field(default=Decimal(0), ge=0, description="GiB of logs written to Cloud Logging")


def environment(bill: Bill, usage: EnvironmentUsage) -> None:
    version = str(bill.known("config.softwareConfig.imageVersion", "composer-3"))
    if version.startswith("composer-3"):
        _composer_3(bill, usage)
    elif version.startswith("composer-2"):
        _composer_2(bill, usage)
    else:
        raise NotPricedError(f"the price book has no rates for image {version}")
    logs(bill, usage.monthly_log_gib)


def _composer_3(bill: Bill, usage: EnvironmentUsage) -> None:
    size = _size(bill)
    if size != "small":
        raise NotPricedError(f"the price book does not know the compute of a {size} Composer 3 environment")
    per_vcpu, per_gib = bill.constant("composer-3.dcu-per-vcpu"), bill.constant("composer-3.dcu-per-gib")
    base = bill.constant("composer-3.infrastructure-small")
    vcpu, memory, _ = _always(bill, ("scheduler", "triggerer", "webServer", "dagProcessor", "worker"))
    dcu = vcpu * per_vcpu.value + memory * per_gib.value
    convert = f"({text(vcpu)} vCPU x {text(per_vcpu.value)} + {text(memory)} GiB x {text(per_gib.value)} DCU) x 730 h"
    bill.add("composer-3.dcu", dcu * HOURS, convert, name="Airflow components", assumes=(per_vcpu, per_gib))
    words = f"{text(base.value)} DCU x 730 h"
    bill.add("composer-3.dcu", base.value * HOURS, words, name=f"Infrastructure, {size}", assumes=(base,))
    smallest = bill.constant("composer-3.database-gib")
    gib = smallest.value if usage.database_gib is None else usage.database_gib
    bill.add(
        "composer-3.database", gib * HOURS, f"{text(gib)} GiB x 730 h", name="Database storage", assumes=(smallest,)
    )
    if hours := usage.monthly_extra_worker_hours:
        cpu, gb = _each(bill, "worker", "cpu"), _each(bill, "worker", "memoryGb")
        words = f"{text(hours)} h x ({text(cpu)} vCPU x {text(per_vcpu.value)} + {text(gb)} GiB x {text(per_gib.value)} DCU)"
        quantity = hours * (cpu * per_vcpu.value + gb * per_gib.value)
        bill.add("composer-3.dcu", quantity, words, name="Further workers", usage=True, assumes=(per_vcpu, per_gib))


def _composer_2(bill: Bill, usage: EnvironmentUsage) -> None:
    size = _size(bill)
    bill.add(f"composer-2.environment-{size}", HOURS, "730 h", name=f"Environment fee, {size}")
    # In Composer 2 schedulers parse the DAGs themselves.
    vcpu, memory, storage = _always(bill, ("scheduler", "triggerer", "webServer", "worker"))
    bill.add("composer-2.vcpu", vcpu * HOURS, f"{text(vcpu)} vCPU x 730 h", name="vCPU")
    bill.add("composer-2.memory", memory * HOURS, f"{text(memory)} GiB x 730 h", name="Memory")
    gib = storage + (usage.database_gib or 0)
    bill.add("composer-2.storage", gib * HOURS, f"{text(gib)} GiB x 730 h", name="Storage")
    if hours := usage.monthly_extra_worker_hours:
        cpu, gb = _each(bill, "worker", "cpu"), _each(bill, "worker", "memoryGb")
        bill.add(
            "composer-2.vcpu",
            hours * cpu,
            f"{text(hours)} h x {text(cpu)} vCPU",
            name="Further workers, vCPU",
            usage=True,
        )
        words = f"{text(hours)} h x {text(gb)} GiB"
        bill.add("composer-2.memory", hours * gb, words, name="Further workers, memory", usage=True)


def _size(bill: Bill) -> str:
    return str(bill.known("config.environmentSize", "ENVIRONMENT_SIZE_SMALL")).rpartition("_")[2].lower()


def _always(bill: Bill, parts: tuple[str, ...]) -> tuple[Decimal, Decimal, Decimal]:
    """vCPUs, GiB of memory and of storage that run always."""
    totals = [Decimal(0), Decimal(0), Decimal(0)]
    for part in parts:
        count = _each(bill, part, "minCount" if part == "worker" else "count")
        for index, key in enumerate(("cpu", "memoryGb", "storageGb")):
            totals[index] += count * _each(bill, part, key)
    return totals[0], totals[1], totals[2]


def _each(bill: Bill, part: str, key: str) -> Decimal:
    block: Any = bill.resource.get(f"config.workloadsConfig.{part}")
    value = UNKNOWN if block is UNKNOWN else (block or {}).get(key)
    if value is UNKNOWN:
        bill.note(f"{part}.{key} is secret or known only at update; reckoned with {_DEFAULTS[part].get(key, '1')}")
        value = None
    found = amount(_DEFAULTS[part].get(key, "1") if value is None else value)
    if found < 0:
        raise NotPricedError(f"{part}.{key} is {found}, which is below 0")
    return found


PRICERS = (Pricer(token=ENVIRONMENT, usage=EnvironmentUsage, price=environment),)

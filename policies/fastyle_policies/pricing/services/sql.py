"""Cloud SQL for PostgreSQL and MySQL, Enterprise and Enterprise Plus: compute, storage, backups, data cache; read replicas.

Doubled when highly available. A replica is billed as an instance of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from pydantic import Field

from fastyle_policies.model import UNKNOWN, Resource, flag
from fastyle_policies.pricing.lines import HOURS, amount
from fastyle_policies.pricing.services.base import Bill, NotPricedError, Usage, prices, text, usage_key
from fastyle_policies.pricing.services.plan import PricedPlan
from fastyle_policies.pricing.services.switching import running_share

_DISKS = {"PD_SSD": "ssd", "PD_HDD": "hdd"}
_EDITIONS = {"ENTERPRISE": "sql", "ENTERPRISE_PLUS": "sql-plus"}
_LEGACY_MEMORY = {"standard": Decimal("3.75"), "highmem": Decimal("6.5")}  # GiB a vCPU
# GB of the data cache of a tier by its vCPUs (cloud.google.com/sql/docs/postgres/machine-series-overview).
_CACHE_GB = {2: 375, 4: 375, 8: 375, 16: 750, 32: 1500, 48: 3000, 64: 6000, 80: 6000, 96: 6000, 128: 9000}
INSTANCE = "gcp:sql/databaseInstance:DatabaseInstance"


class InstanceUsage(Usage):
    monthly_running_hours: Decimal | None = Field(
        default=None, ge=0, le=HOURS, description="hours it runs; from the plan's switching jobs, else 730, when absent"
    )
    disk_gb: Decimal = usage_key("GB that the disk has grown to, when beyond its first size")
    backup_gb: Decimal = usage_key("GB of all kept backups together")
    monthly_log_gib: Decimal = usage_key("GiB of logs written to Cloud Logging")
    monthly_cpu_hours: Decimal | None = usage_key(
        "vCPU-hours that it computes; costs nothing, advice on its tier rests on it", default=None
    )


@prices(INSTANCE)
def instance(bill: Bill, usage: InstanceUsage) -> None:
    version = str(bill.value("databaseVersion", "POSTGRES"))
    if not version.startswith(("POSTGRES", "MYSQL")):
        raise NotPricedError(f"the price book has no rates for {version}")
    edition = str(bill.value("settings.edition", "ENTERPRISE"))
    if edition not in _EDITIONS:
        raise NotPricedError(f"the price book has no rates for edition {edition[:40]}")
    family = _EDITIONS[edition]
    copies, twice = Decimal(1), ""
    if bill.value("settings.availabilityType", "ZONAL") == "REGIONAL":
        copies, twice = Decimal(2), " x 2 (highly available)"
    hours, words = _hours(bill, usage)
    _compute(bill, family, hours, words, copies, twice)
    size = max(bill.number("settings.diskSize", _first_disk(bill)), usage.disk_gb)
    kind = str(bill.value("settings.diskType", "PD_SSD"))
    disk = _DISKS.get(kind)
    if disk is None:
        raise NotPricedError(f"the price book has no rate for disks of type {kind}")
    if family == "sql-plus" and disk != "ssd":
        raise NotPricedError("edition Enterprise Plus has SSDs only")
    bill.add(f"{family}.{disk}", size * copies, f"{text(size)} GB{twice}", name=f"Storage, {disk.upper()}")
    if bill.value("settings.backupConfiguration.enabled", False) or usage.backup_gb:
        bill.add("sql.backup", usage.backup_gb, f"{text(usage.backup_gb)} GB kept", name="Backups", usage=True)
        if not usage.backup_gb:
            bill.note("keeps backups, of which the usage file gives no backup_gb")
    if bill.value("settings.ipConfiguration.ipv4Enabled", True) is True:
        idle = HOURS - hours
        bill.add("sql.idle-address", idle, f"730 h - {text(hours)} h running", name="Public address while stopped")
    bill.logs(usage.monthly_log_gib)


def switches(instance: Resource, plan: PricedPlan) -> Sequence[Resource]:
    """The plan's Scheduler jobs that may stop and start an instance: those that call its address."""
    return plan.schedules.get(str(instance.get("name") or instance.name), ())


def _hours(bill: Bill, usage: InstanceUsage) -> tuple[Decimal, str]:
    if usage.monthly_running_hours is not None:
        return usage.monthly_running_hours, f"{text(usage.monthly_running_hours)} h"
    if share := running_share(bill.resource, switches(bill.resource, bill.plan)):
        hours = HOURS * share.fraction
        return hours, f"{text(HOURS)} h x {text(share.fraction * 100)} % ({share.why})"
    if bill.value("settings.activationPolicy", "ALWAYS") == "NEVER":
        return Decimal(0), "0 h (activation policy NEVER)"
    return HOURS, f"{text(HOURS)} h"


def _first_disk(bill: Bill) -> Decimal:
    """GB of a disk that the plan does not size: its primary's for a replica, else Google's 10."""
    name = bill.resource.get("masterInstanceName")
    if name is None:
        return Decimal(10)
    primary = bill.plan.linked(bill.resource, "masterInstanceName", INSTANCE, "name", "id")
    size = primary.get("settings.diskSize") if primary else None
    if size is None or size is UNKNOWN:
        bill.note("its disk is as large as its primary's, which the plan does not tell; reckoned with 10 GB")
        return Decimal(10)
    return amount(size)


def _compute(bill: Bill, family: str, hours: Decimal, words: str, copies: Decimal, twice: str) -> None:
    tier = bill.resource.get("settings.tier")
    if tier is UNKNOWN:
        raise NotPricedError("its tier is secret or known only at update")
    if family == "sql" and tier in ("db-f1-micro", "db-g1-small"):
        bill.add(f"sql.{tier}", hours * copies, f"{words}{twice}", name=f"Instance {tier}")
        return
    vcpus, memory = _plus(str(tier)) if family == "sql-plus" else _enterprise(bill, str(tier))
    bill.add(f"{family}.vcpu", vcpus * hours * copies, f"{text(vcpus)} vCPU x {words}{twice}", name="vCPU")
    bill.add(f"{family}.memory", memory * hours * copies, f"{text(memory)} GiB x {words}{twice}", name="Memory")
    if family == "sql-plus" and flag(bill.value("settings.dataCacheConfig.dataCacheEnabled", False)) is True:
        cache = Decimal(_CACHE_GB[int(vcpus)])
        bill.add("sql-plus.data-cache", cache * copies, f"{text(cache)} GB{twice}", name="Data cache")


def _enterprise(bill: Bill, tier: str) -> tuple[Decimal, Decimal]:
    """vCPUs and GiB of a tier of edition Enterprise."""
    if custom := re.fullmatch(r"db-custom-(\d{1,4})-(\d{1,8})", tier):
        return Decimal(custom[1]), Decimal(custom[2]) / 1024
    if legacy := re.fullmatch(r"db-n1-(standard|highmem)-(\d{1,3})", tier):
        vcpus = Decimal(legacy[2])
        memory = vcpus * _LEGACY_MEMORY[legacy[1]]
        bill.note(f"{tier} is an older tier, reckoned by its {text(vcpus)} vCPU and {text(memory)} GiB")
        return vcpus, memory
    raise NotPricedError(f"the price book has no rate for tier {tier[:40]}")


def _plus(tier: str) -> tuple[Decimal, Decimal]:
    """vCPUs and GiB of a tier of edition Enterprise Plus."""
    sized = re.fullmatch(r"db-perf-optimized-N-(\d{1,3})", tier)
    if not sized or int(sized[1]) not in _CACHE_GB:
        raise NotPricedError(f"the price book has no rate for tier {tier[:40]} of edition Enterprise Plus")
    vcpus = Decimal(sized[1])
    return vcpus, vcpus * 8 if vcpus < 128 else Decimal(864)

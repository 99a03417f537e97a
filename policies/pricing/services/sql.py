"""Cloud SQL for PostgreSQL, Enterprise edition: compute, storage, backups; doubled when highly available."""

from __future__ import annotations

import re
from decimal import Decimal

from pydantic import Field

from policies.model import UNKNOWN
from policies.pricing.lines import HOURS
from policies.pricing.services.base import Bill, NotPricedError, Pricer, Usage, text
from policies.pricing.services.run import logs
from policies.pricing.services.switching import running_share

_DISKS = {"PD_SSD": "ssd", "PD_HDD": "hdd"}
INSTANCE = "gcp:sql/databaseInstance:DatabaseInstance"


class InstanceUsage(Usage):
    monthly_running_hours: Decimal | None = Field(
        default=None, ge=0, le=HOURS, description="hours it runs; from the plan's switching jobs, else 730, when absent"
    )
    disk_gb: Decimal = Field(
        default=Decimal(0), ge=0, description="GB that the disk has grown to, when beyond its first size"
    )
    backup_gb: Decimal = Field(default=Decimal(0), ge=0, description="GB of all kept backups together")
    monthly_log_gib: Decimal = Field(default=Decimal(0), ge=0, description="GiB of logs written to Cloud Logging")


def instance(bill: Bill, usage: InstanceUsage) -> None:
    version = str(bill.known("databaseVersion", "POSTGRES"))
    if not version.startswith(("POSTGRES", "MYSQL")):
        raise NotPricedError(f"the price book has no rates for {version}")
    if bill.known("settings.edition", "ENTERPRISE") != "ENTERPRISE":
        raise NotPricedError("the price book has no rates for edition Enterprise Plus")
    copies, twice = Decimal(1), ""
    if bill.known("settings.availabilityType", "ZONAL") == "REGIONAL":
        copies, twice = Decimal(2), " x 2 (highly available)"
    hours, words = _hours(bill, usage)
    _compute(bill, hours, words, copies, twice)
    size = max(bill.number("settings.diskSize", 10), usage.disk_gb)
    kind = str(bill.known("settings.diskType", "PD_SSD"))
    disk = _DISKS.get(kind)
    if disk is None:
        raise NotPricedError(f"the price book has no rate for disks of type {kind}")
    bill.add(f"sql.{disk}", size * copies, f"{text(size)} GB{twice}", name=f"Storage, {disk.upper()}")
    if bill.known("settings.backupConfiguration.enabled", False) or usage.backup_gb:
        bill.add("sql.backup", usage.backup_gb, f"{text(usage.backup_gb)} GB kept", name="Backups", usage=True)
        if not usage.backup_gb:
            bill.note("keeps backups, of which the usage file gives no backup_gb")
    if bill.known("settings.ipConfiguration.ipv4Enabled", True) is True:
        idle = HOURS - hours
        bill.add("sql.idle-address", idle, f"730 h - {text(hours)} h running", name="Public address while stopped")
    logs(bill, usage.monthly_log_gib)


def _name(bill: Bill) -> str:
    return str(bill.resource.get("name") or bill.resource.name)


def _hours(bill: Bill, usage: InstanceUsage) -> tuple[Decimal, str]:
    if usage.monthly_running_hours is not None:
        return usage.monthly_running_hours, f"{text(usage.monthly_running_hours)} h"
    if share := running_share(bill.resource, bill.plan.schedules.get(_name(bill), ())):
        hours = HOURS * share.fraction
        return hours, f"{text(HOURS)} h x {text(share.fraction * 100)} % ({share.why})"
    if bill.known("settings.activationPolicy", "ALWAYS") == "NEVER":
        return Decimal(0), "0 h (activation policy NEVER)"
    return HOURS, f"{text(HOURS)} h"


def _compute(bill: Bill, hours: Decimal, words: str, copies: Decimal, twice: str) -> None:
    tier = bill.resource.get("settings.tier")
    if tier is UNKNOWN:
        raise NotPricedError("its tier is secret or known only at update")
    if tier in ("db-f1-micro", "db-g1-small"):
        bill.add(f"sql.{tier}", hours * copies, f"{words}{twice}", name=f"Instance {tier}")
        return
    custom = re.fullmatch(r"db-custom-(\d+)-(\d+)", str(tier))
    if not custom:
        raise NotPricedError(f"the price book has no rate for tier {tier}")
    vcpus, memory = Decimal(custom[1]), Decimal(custom[2]) / 1024
    bill.add("sql.vcpu", vcpus * hours * copies, f"{text(vcpus)} vCPU x {words}{twice}", name="vCPU")
    bill.add("sql.memory", memory * hours * copies, f"{text(memory)} GiB x {words}{twice}", name="Memory")


PRICERS = (Pricer(token=INSTANCE, usage=InstanceUsage, price=instance),)

"""Dataflow jobs: vCPUs, memory and disks of workers by the hour; shuffled data or Streaming Engine's units by usage."""

from __future__ import annotations

from decimal import Decimal

from fastyle_policies.links import short_name
from fastyle_policies.model import UNKNOWN, flag
from fastyle_policies.pricing.lines import HOURS
from fastyle_policies.pricing.services import machines
from fastyle_policies.pricing.services.base import Bill, NotPricedError, Usage, prices, text, usage_key

JOB = "gcp:dataflow/job:Job"
FLEX_JOB = "gcp:dataflow/flexTemplateJob:FlexTemplateJob"
# Where the job says neither (cloud.google.com/dataflow/docs/reference/pipeline-options).
BATCH_MACHINE, STREAMING_MACHINE = "n1-standard-1", "n1-standard-4"
DISK_GIB = {True: Decimal(30), False: Decimal(250)}
"""GiB of a worker's disk: with Streaming Engine or Shuffle the service keeps the rest."""


class JobUsage(Usage):
    monthly_worker_hours: Decimal | None = usage_key(
        "hours of all workers together; around the clock when a streaming job gives none", default=None
    )
    monthly_shuffled_gib: Decimal = usage_key("GiB that a batch job shuffles")
    monthly_streaming_unit_hours: Decimal = usage_key("hours of Streaming Engine's compute units")


@prices(JOB, FLEX_JOB)
def job(bill: Bill, usage: JobUsage) -> None:
    streaming = _streaming(bill)
    kind = "streaming" if streaming else "batch"
    engine = flag(bill.value("enableStreamingEngine", streaming)) is True
    workers = max(bill.number("numWorkers", 1), Decimal(1))
    given = usage.monthly_worker_hours is not None
    if usage.monthly_worker_hours is not None:
        hours, words = usage.monthly_worker_hours, f"{text(usage.monthly_worker_hours)} worker-hours"
    elif streaming:
        hours, words = workers * HOURS, f"{text(workers)} workers x 730 h"
    else:
        hours, words = Decimal(0), "0 worker-hours"
        bill.note("is a batch job: what it works is usage, of which nothing is given (monthly_worker_hours)")
    of = machines.machine(bill.value("machineType", STREAMING_MACHINE if streaming else BATCH_MACHINE))
    if not of.vcpus:
        raise NotPricedError(f"the price book does not know the vCPUs of {of.whole} as Dataflow bills them")
    for part, quantity, unit in (("vcpu", of.vcpus, "vCPU"), ("memory", of.memory, "GiB")):
        told = f"{words} x {text(quantity)} {unit}"
        name = f"Workers, {unit if part == 'vcpu' else 'memory'}"
        bill.add(f"dataflow.{kind}-{part}", hours * quantity, told, name=name, usage=given)
    disk = DISK_GIB[engine or not streaming]
    bill.add("dataflow.disk", hours * disk, f"{words} x {text(disk)} GiB", name="Workers, disk", usage=given)
    if streaming:
        units = usage.monthly_streaming_unit_hours
        bill.used("dataflow.streaming-unit", units, "unit-hours", name="Streaming Engine")
    else:
        bill.used("dataflow.shuffle", usage.monthly_shuffled_gib, "GiB", name="Shuffle")


def _streaming(bill: Bill) -> bool:
    """Whether a job streams: it says so, or its template's name does."""
    if flag(bill.resource.get("enableStreamingEngine")) is True:
        return True
    path = bill.resource.get("templateGcsPath") or bill.resource.get("containerSpecGcsPath")
    name = "" if path is None or path is UNKNOWN else short_name(str(path)).lower()
    streaming = "stream" in name or "pubsub" in name.replace("_", "") or "subscription" in name
    told = "streaming" if streaming else "batch"
    bill.note(f"does not say whether it streams; by its template's name reckoned as {told}")
    return streaming

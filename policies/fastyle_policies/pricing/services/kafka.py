"""Managed Service for Apache Kafka: DCU-hours of vCPUs and memory, local and long-term storage."""

from __future__ import annotations

from decimal import Decimal

from fastyle_policies.pricing.lines import GIB, HOURS
from fastyle_policies.pricing.services.base import Bill, NotPricedError, Usage, prices, text, usage_key

CLUSTER = "gcp:managedkafka/cluster:Cluster"
DCU_A_VCPU, DCU_A_GIB = Decimal("0.6"), Decimal("0.1")
LOCAL_GIB_A_VCPU = Decimal(100)
"""DCUs and local storage of a vCPU and a GiB (cloud.google.com/managed-service-for-apache-kafka/pricing)."""


class ClusterUsage(Usage):
    stored_gib: Decimal = usage_key("GiB of messages in long-term storage")
    monthly_egress_gib: Decimal = usage_key("GiB sent to the internet")


@prices(CLUSTER)
def cluster(bill: Bill, usage: ClusterUsage) -> None:
    vcpus = bill.number("capacityConfig.vcpuCount", 0)
    memory = bill.number("capacityConfig.memoryBytes", 0) / GIB
    if not vcpus or not memory:
        raise NotPricedError("its capacity is unknown")
    dcu = vcpus * DCU_A_VCPU + memory * DCU_A_GIB
    words = f"({text(vcpus)} vCPU x {DCU_A_VCPU} + {text(memory)} GiB x {DCU_A_GIB}) x 730 h"
    bill.add("kafka.dcu", dcu * HOURS, words, name="Compute")
    local = vcpus * LOCAL_GIB_A_VCPU
    words = f"{text(vcpus)} vCPU x {LOCAL_GIB_A_VCPU} GiB x 730 h"
    bill.add("kafka.local-storage", local * HOURS, words, name="Local storage")
    gib = usage.stored_gib
    bill.add("kafka.long-term-storage", gib * HOURS, f"{text(gib)} GiB x 730 h", name="Long-term storage", usage=True)
    bill.egress(usage.monthly_egress_gib)

"""What a service and a function share: where code comes from, what it reads, who may call it."""

import re
from dataclasses import dataclass
from enum import Enum

import pulumi
import pulumi_gcp as gcp

from fastyle_components.base import Args, ArgsError, in_range, optional
from fastyle_components.grants import holders, keyed


class Ingress(Enum):
    """From where requests may come, before any grant is looked at."""

    ALL = "all"
    INTERNAL = "internal"
    """The project's networks, and Google's own callers in it: Pub/Sub, Scheduler, Eventarc."""
    INTERNAL_AND_LOAD_BALANCER = "internal-and-load-balancer"


RUN_INGRESS = {
    Ingress.ALL: "INGRESS_TRAFFIC_ALL",
    Ingress.INTERNAL: "INGRESS_TRAFFIC_INTERNAL_ONLY",
    Ingress.INTERNAL_AND_LOAD_BALANCER: "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
}
FUNCTION_INGRESS = {
    Ingress.ALL: "ALLOW_ALL",
    Ingress.INTERNAL: "ALLOW_INTERNAL_ONLY",
    Ingress.INTERNAL_AND_LOAD_BALANCER: "ALLOW_INTERNAL_AND_GCLB",
}


@dataclass(frozen=True, kw_only=True)
class SourceArgs(Args):
    """An uploaded archive, as `WorkloadArchive` has it."""

    bucket: pulumi.Input[str]
    object: pulumi.Input[str]
    generation: pulumi.Input[int]
    """Without it, a new upload of the same name would not be seen."""


@dataclass(frozen=True, kw_only=True)
class SecretFileArgs(Args):
    """A secret that the workload reads as a file."""

    secret_id: pulumi.Input[str]
    """The secret's id, which should wait for the reader's grant."""
    file_name: str
    """Under `/secrets/<key>/`."""
    version: str | None = optional("latest")
    """`latest` is read again whenever the file is opened."""


@dataclass(frozen=True, kw_only=True)
class SubnetArgs(Args):
    """Direct VPC egress: private addresses are reached through this subnet, everything else directly."""

    network: pulumi.Input[str]
    subnetwork: pulumi.Input[str]
    """/26 or larger."""


def may_invoke(
    parent: pulumi.ComponentResource,
    service: pulumi.Input[str],
    project: pulumi.Input[str],
    location: str,
    invokers: dict[str, pulumi.Input[str]],
) -> list[pulumi.Resource]:
    """Grant roles/run.invoker on one Cloud Run service (a function's included) to members by a stable key."""
    prefix = f"{parent.pulumi_resource_name}-invoker"
    return [
        gcp.cloudrunv2.ServiceIamMember(
            holder.name,
            name=service,
            project=project,
            location=location,
            role="roles/run.invoker",
            member=holder.member,
            opts=holder.opts(parent),
        )
        for holder in holders(
            f"{type(parent).__name__} {parent.pulumi_resource_name!r}", prefix, keyed(prefix, invokers)
        )
    ]


MEMORY_MIB = {1: (128, 4096), 2: (128, 8192), 4: (2048, 16384), 6: (4096, 24576), 8: (4096, 32768)}
"""Least and most memory of so many CPUs: https://cloud.google.com/run/docs/configuring/services/memory-limits"""

_UNITS = {"Mi": 1.0, "Gi": 1024.0, "M": 1e6 / 2**20, "G": 1e9 / 2**20}


def check_size(where: str, cpu: str, memory: str, concurrency: int) -> None:
    """Refuse a size of an instance that Cloud Run refuses, and no preview does.

    Raises:
        ArgsError: one line that begins with `where`.
    """
    amount = re.fullmatch(r"(\d+(?:\.\d+)?)(Mi|Gi|M|G)", memory)
    if amount is None:
        raise ArgsError(f'{where}memory {memory!r} is no amount; write "512Mi" or "1Gi"')
    try:
        cores = float(cpu)
    except ValueError:
        raise ArgsError(f'{where}cpu {cpu!r} is no number of vCPUs; write "1" or "0.5"') from None
    in_range(f"{where}cpu", cores, 0.08, 8, "Cloud Run's bounds")
    if cores > 1 and cores not in MEMORY_MIB:
        raise ArgsError(f"{where}cpu {cpu} is no size of Cloud Run; use 1, 2, 4, 6, 8 or less than one")
    in_range(f"{where}concurrency", concurrency, 1, 1000 if cores >= 1 else 1, "1 under one CPU")
    least, most = MEMORY_MIB[int(cores)] if cores >= 1 else (128, 512 if cores < 0.5 else 1024)
    if not least <= float(amount[1]) * _UNITS[amount[2]] <= most:
        raise ArgsError(f"{where}memory {memory} does not go with {cpu} CPU; use {least}Mi to {most}Mi, or more CPU")

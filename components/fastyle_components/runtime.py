"""What a service and a function share: where code comes from, what it reads, who may call it."""

from dataclasses import dataclass
from enum import Enum

import pulumi
import pulumi_gcp as gcp

from fastyle_components.base import Args


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
    bucket: pulumi.Input[str]
    object: pulumi.Input[str]
    generation: pulumi.Input[int]
    """Without it, a new upload of the same name would not be seen."""


@dataclass(frozen=True, kw_only=True)
class SecretFileArgs(Args):
    secret_id: pulumi.Input[str]
    """The secret's id, which should wait for the reader's grant."""
    file_name: str
    """Under `/secrets/<key>/`."""
    version: str | None = None
    """Default: latest, read again whenever the file is opened."""


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
    return [
        gcp.cloudrunv2.ServiceIamMember(
            f"{parent.pulumi_resource_name}-invoker-{key}",
            name=service,
            project=project,
            location=location,
            role="roles/run.invoker",
            member=member,
            opts=pulumi.ResourceOptions(parent=parent),
        )
        for key, member in invokers.items()
    ]

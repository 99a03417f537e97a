"""The platform: which components there are, and how they are wired. What differs between stacks is in the config."""

from __future__ import annotations

from typing import Any

import pulumi
from fastyle_components import DeletionLock, DeletionLockArgs

from infra.config import StackConfig
from infra.foundation import Foundation, Packager
from infra.operations import Operations
from infra.streaming import Streaming


def compose(config: StackConfig, package: Packager) -> dict[str, Any]:
    """Declare the whole platform; `package` builds a workload's archive. Returns the stack's outputs."""
    declared = _declared()
    foundation = Foundation(config, package)
    streaming = Streaming(foundation)
    Operations(foundation, streaming)
    DeletionLock(
        "deletion-lock",
        DeletionLockArgs(deletion_protection=config.deletion_protection),
        # An open lock holds nothing: Pulumi would ask for it whenever a single resource is destroyed or forgotten.
        pulumi.ResourceOptions(depends_on=list(declared) if config.deletion_protection else None),
    )
    lock_basis(config)
    return {
        "project": config.project,
        "region": config.region,
        "brand": config.brand,
        "timezone": config.timezone,
        "currency": config.currency,
        "catalogue": config.simulator.catalogue,
        "topics": {key: stream.topic for key, stream in streaming.streams.items()},
        "dead_letter_topics": {key: stream.dead_letter_topic for key, stream in streaming.streams.items()},
        "datasets": foundation.warehouse.dataset_ids,
        "bucket": foundation.lake.bucket,
        "archive_bucket": foundation.archives.bucket,
        "pos_api_url": streaming.pos_api.url,
        "api_url": streaming.api.url,
        "api_iap": bool(config.access.people),
        "pipeline_url": streaming.pipeline.url,
        "database": {
            "connection_name": foundation.database.connection_name,
            "host": foundation.database.host,
            "port": foundation.database.port,
            "name": foundation.database.database,
        },
        "secrets": foundation.secrets.secret_ids.apply(
            lambda ids: {key: ids.get(key.replace("_", "-")) for key in ("pos_credentials", "api_credentials")}
        ),
        "orchestrator": config.orchestrator.value,
    }


def lock_basis(config: StackConfig) -> None:
    """Keep the currency and the time zone of the figures, in a stack with deletion protection.

    A lock by another name is another lock: the preview of an update that changes either is refused, for it would take
    this one away. Whether there are figures yet no preview can know; where nothing is protected, the services refuse.
    """
    zone = config.timezone.replace("/", "-")  # a name is part of a URN
    DeletionLock(
        f"figures-keep-currency-{config.currency}-and-timezone-{zone}",
        DeletionLockArgs(deletion_protection=config.deletion_protection),
    )


def _declared() -> list[pulumi.Resource]:
    """A list that every resource and provider is added to, from now on, as the program declares it."""
    declared: list[pulumi.Resource] = []

    def add(args: pulumi.ResourceTransformationArgs) -> None:
        if isinstance(args.resource, pulumi.CustomResource):
            declared.append(args.resource)

    pulumi.runtime.register_stack_transformation(add)
    return declared

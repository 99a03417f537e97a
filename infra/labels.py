"""The labels that every resource which can carry any does carry."""

from __future__ import annotations

from infra.config import StackConfig
from infra.fields import label_of


def labels(config: StackConfig, component: str) -> dict[str, str]:
    """Labels for one part of the platform: bills are split by them. Ours win over the stack's."""
    return {
        **config.labels,
        "application": label_of(config.brand),
        "environment": config.environment,
        "component": component,
        "managed-by": "pulumi",
        **prefix_label(config),
    }


def prefix_label(config: StackConfig) -> dict[str, str]:
    """The label that tells a prefixed stack's resources, and costs, from the others' of its project."""
    return {} if config.name_prefix is None else {"name-prefix": config.name_prefix}

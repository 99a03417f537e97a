"""The labels that every resource which can carry any does carry."""

from __future__ import annotations

from infra.config import StackConfig


def labels(config: StackConfig, component: str) -> dict[str, str]:
    """Labels for one part of the platform: bills are split and policies applied by them. Ours win over the stack's."""
    return {
        **config.labels,
        "application": "fastyle",
        "environment": config.environment.value,
        "component": component,
        "managed-by": "pulumi",
    }

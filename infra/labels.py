"""The labels that every resource which can carry any does carry."""

from __future__ import annotations

import re

from infra.config import ConfigError, StackConfig

_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_VALUE = re.compile(r"[a-z0-9_-]{0,63}")


def labels(config: StackConfig, component: str) -> dict[str, str]:
    """Labels for one part of the platform: bills are split and policies applied by them.

    Raises:
        ConfigError: a label that Google Cloud refuses (upper case, dots, over 63 characters).
    """
    all_labels = {
        **config.labels,
        "application": "fastyle",
        "environment": config.environment.value,
        "component": component,
        "managed-by": "pulumi",
    }
    for key, value in all_labels.items():
        if not _KEY.fullmatch(key) or not _VALUE.fullmatch(value):
            raise ConfigError(
                f"fastyle:labels.{key}: {value!r}; Google Cloud refuses it, and the whole deployment with it; "
                "use a-z, 0-9, hyphen and underscore, at most 63 characters, a letter first in a key"
            )
    return all_labels

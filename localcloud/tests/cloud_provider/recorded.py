"""The local cloud's provider on records alone: what it lets be made and changed, without engine and stand-ins."""

from __future__ import annotations

import asyncio
from typing import Any

from fastyle_localcloud.provider.clock import Clock
from fastyle_localcloud.provider.lifecycle import Lifecycle
from fastyle_localcloud.provider.records import Records
from fastyle_localcloud.provider.schema import token_of
from fastyle_localcloud.provider.settle import ProviderConfig


class Cloud:
    """A provider's records and what is done to them, without stand-ins."""

    def __init__(self) -> None:
        self.records = Records(":memory:")
        self.clock = Clock(self.records)
        self._lifecycle = Lifecycle(None, self.records, {})

    def create(self, kind: str, **inputs: Any) -> dict[str, Any]:
        urn, config = f"urn:pulumi:scratch-x::p::{token_of(kind)}::x", ProviderConfig("shop-1", "us-central1")
        return asyncio.run(self._lifecycle.create(urn, token_of(kind), inputs, set(), config))

    def update(self, kind: str, old: dict[str, Any], **inputs: Any) -> dict[str, Any]:
        urn, config = f"urn:pulumi:scratch-x::p::{token_of(kind)}::x", ProviderConfig("shop-1", "us-central1")
        return asyncio.run(self._lifecycle.update(urn, token_of(kind), old, inputs, set(), config))

    def alert(self, condition: dict[str, Any]) -> dict[str, Any]:
        return self.create("monitoring.AlertPolicy", displayName="a", combiner="OR", conditions=[condition])

"""Schemas of resource types are read from the SDK once on a machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastyle_localcloud.provider import schema


def test_another_process_reads_no_declaration_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALCLOUD_CACHE", str(tmp_path))
    monkeypatch.setattr(schema, "_kept", schema._kept.__wrapped__)  # a file of its own
    first = schema.load.__wrapped__("gcp:pubsub/subscription:Subscription")

    def again(token: str) -> None:
        raise AssertionError(f"{token} is read from the SDK again")

    monkeypatch.setattr(schema, "_read", again)
    kept = schema.load.__wrapped__("gcp:pubsub/subscription:Subscription")
    assert repr(kept) == repr(first)
    assert kept.inputs["topic"].required
    policy = kept.inputs["deadLetterPolicy"].type
    assert isinstance(policy, schema.Block)
    assert policy.fields["maxDeliveryAttempts"].type == schema.Scalar("int")

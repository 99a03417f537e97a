"""Settings of a local cloud: kept in its folder, and what they let it change."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastyle_localcloud.provider.errors import Refused
from fastyle_localcloud.provider.lifecycle import Lifecycle
from fastyle_localcloud.provider.records import Records
from fastyle_localcloud.provider.settle import ProviderConfig
from fastyle_localcloud.settings import Settings, SettingsError


def test_what_a_cloud_is_told_holds_for_later_starts(tmp_path: Path) -> None:
    assert Settings.read(tmp_path) == Settings(), "the defaults, where nothing was told yet"
    told = Settings.read(tmp_path).changed(tmp_path, {"project": "shop-1", "stacks": ("local", "trial")})
    told.write(tmp_path)
    assert Settings.read(tmp_path) == Settings(project="shop-1", stacks=("local", "trial"))
    moved = Settings.read(tmp_path).changed(tmp_path, {"region": "europe-west1", "project": "shop-1"})
    assert (moved.region, moved.project) == ("europe-west1", "shop-1")


def test_a_cloud_stays_its_project(tmp_path: Path) -> None:
    Settings(project="shop-1").write(tmp_path)
    with pytest.raises(SettingsError, match=r"is project shop-1 \(100000000001\), and stays that: take another"):
        Settings.read(tmp_path).changed(tmp_path, {"project": "shop-2"})


@pytest.mark.parametrize(("stack", "real"), [("trial", True), ("scratch-1", True), ("local", False), ("prod", False)])
def test_only_the_stacks_that_it_is_for_are_real(stack: str, real: bool) -> None:
    cloud: Any = SimpleNamespace(settings=Settings(stacks=("trial",)))
    lifecycle = Lifecycle(cloud, Records(":memory:"), {})
    kind = "gcp:compute/network:Network"
    made = lifecycle.create(
        f"urn:pulumi:{stack}::p::{kind}::x", kind, {"name": "x"}, set(), ProviderConfig("shop-1", "us-central1")
    )
    if real:
        assert asyncio.run(made)["id"] == "projects/shop-1/global/networks/x"
        return
    with pytest.raises(Refused, match=rf"stack {stack} lives on Google Cloud .* it is for trial \(--stacks\)"):
        asyncio.run(made)

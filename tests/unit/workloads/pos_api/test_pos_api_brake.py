"""The budget guard's brake on the simulator: tills go on, invented trade stops, and nobody asks for every request."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from flask import Flask, request

from tests.support.events import sale
from workloads.budget_guard.memory import Memory, dump
from workloads.pos_api.publisher import Publisher
from workloads.pos_api.service import PosApi
from workloads.runtime.brake import Brake
from workloads.runtime.credentials import CredentialStore
from workloads.runtime.objects import ObjectFile


@dataclass
class Kept:
    """What stands for the guard's object, and for the clock of who asks."""

    content: bytes | None = None
    fault: bool = False
    reads: int = 0
    now: float = 0.0

    def read(self) -> tuple[bytes | None, int]:
        self.reads += 1
        if self.fault:
            raise OSError("HTTP 503")
        return self.content, 1

    def brake(self) -> Brake:
        return Brake(lambda: cast(ObjectFile, self), clock=lambda: self.now)


@dataclass
class Published:
    events: list[Any] = field(default_factory=list)

    def publish(self, events: list[Any]) -> None:
        self.events += events


@pytest.mark.parametrize(
    ("content", "on"),
    [(None, False), (dump(Memory()), False), (dump(Memory(level=1)), True), (dump(Memory(level=2)), True)],
)
def test_simulators_stop_from_the_whole_amount_on(content: bytes | None, on: bool) -> None:
    assert Kept(content).brake().on() is on


def test_it_is_asked_once_a_minute_at_most() -> None:
    kept = Kept(dump(Memory(level=1)))
    brake = kept.brake()
    assert [brake.on() for _ in range(5)] == [True] * 5
    assert kept.reads == 1
    kept.content, kept.now = dump(Memory()), 61.0
    assert brake.on() is False


@pytest.mark.parametrize("kept", [Kept(fault=True), Kept(b"edited by hand"), Kept(b"[]"), Kept(b"{}")])
def test_what_cannot_be_read_is_no_leave_to_spend(kept: Kept) -> None:
    with pytest.raises(OSError, match=r"."):
        kept.brake().on()


def answers(kept: Kept, tmp_path: Path, path: str, body: Any) -> tuple[int, Published]:
    token = {
        "id": "all",
        "sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        "locations": ["*"],
    }
    (tmp_path / "credentials.json").write_text(json.dumps({"credentials": [token]}), encoding="utf-8")
    published = Published()
    service = PosApi(
        brand="Fastyle",
        currency="USD",
        credentials=CredentialStore(tmp_path / "credentials.json"),
        publisher=cast(Publisher, published),
        simulation=lambda body, now: iter([("sales", sale())]),
        brake=kept.brake(),
    )
    app = Flask(__name__)
    headers = {"Authorization": "Bearer foo"}  # whose SHA-256 is above
    with app.test_request_context(path, method="POST", data=json.dumps(body), headers=headers):
        return service(request).status_code, published


@pytest.mark.parametrize(
    ("kept", "status"),
    [(Kept(), 202), (Kept(dump(Memory(level=1))), 409), (Kept(fault=True), 503)],
    ids=["running", "stopped", "unknown"],
)
def test_the_simulator_obeys_and_tills_never_notice(kept: Kept, status: int, tmp_path: Path) -> None:
    simulated, published = answers(kept, tmp_path, "/v1/simulate", {})
    assert simulated == status
    assert bool(published.events) == (status == 202)
    sold, published = answers(kept, tmp_path, "/v1/transactions", sale())
    assert sold == 202
    assert len(published.events) == 1

"""Notices as they come: repeated, late, of other budgets, of unknown kinds, or garbage. None of them ends the guard."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads.budget_guard import memory
from workloads.budget_guard.guard import level_of
from workloads.budget_guard.interface import Mode
from workloads.budget_guard.memory import Hold, Memory, Unreadable
from workloads.budget_guard.notice import Unusable, read
from workloads.budget_guard.service import Guard, awake, switches
from workloads.budget_guard.settings import Settings
from workloads.runtime.settings import SettingsError, load

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
BODY = {
    "budgetDisplayName": "fastyle dev",
    "costAmount": 15.5,
    "costIntervalStart": "2026-11-01T07:00:00Z",
    "budgetAmount": 15.0,
    "budgetAmountType": "SPECIFIED_AMOUNT",
    "currencyCode": "USD",
    "alertThresholdExceeded": 1.0,
}
ATTRIBUTES = {"billingAccountId": "012345-6789AB-CDEF01", "budgetId": "b-1", "schemaVersion": "1.0"}
START = "projects/p/locations/us-central1/jobs/fastyle-start"


def event(body: Any = BODY, attributes: Any = ATTRIBUTES, **changes: Any) -> dict[str, Any]:
    if isinstance(body, dict):
        body = {key: value for key, value in {**body, **changes}.items() if value is not ...}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return {"message": {"data": base64.b64encode(raw).decode(), "attributes": attributes}}


def test_a_notice_is_read_exactly() -> None:
    notice = read(event(costAmount=15.3, forecastThresholdExceeded=2.0), NOW)
    assert (notice.cost, notice.amount) == (Decimal("15.3"), Decimal("15.0"))
    assert (notice.budget, notice.name, notice.currency) == ("b-1", "fastyle dev", "USD")
    assert notice.period == datetime(2026, 11, 1, 7, tzinfo=UTC)
    assert notice.text == "15.3 of 15.0 USD since 2026-11-01 (102%)"


@pytest.mark.parametrize(
    ("cost", "amount", "level"),
    [
        (0, 15, 0),
        (-3, 15, 0),  # credits
        (14.99, 15, 0),
        (15, 15, 1),
        (17.99, 15, 1),
        (18, 15, 2),
        (1e9, 15, 2),
        (5, 0, 0),  # nothing planned: nothing can be over it
        (0, 0, 0),
        (1, -1, 0),
    ],
)
def test_costs_decide_not_the_thresholds_that_a_notice_names(cost: float, amount: float, level: int) -> None:
    for threshold in (..., 0.5, 7.0):
        told = event(costAmount=cost, budgetAmount=amount, alertThresholdExceeded=threshold)
        assert level_of(read(told, NOW)) == level


def test_a_forecast_alone_pauses_nothing() -> None:
    told = event(costAmount=3, alertThresholdExceeded=..., forecastThresholdExceeded=1.0)
    assert level_of(read(told, NOW)) == 0


UNUSABLE: list[tuple[Any, str]] = [
    (None, "no Pub/Sub message"),
    ([], "no Pub/Sub message"),
    ({"message": "x"}, "no Pub/Sub message"),
    ({"message": {}}, "has no data"),
    ({"message": {"data": 7}}, "has no data"),
    ({"message": {"data": "%%%"}}, "no JSON in base64"),
    (event(b"\xff\xfe"), "no JSON in base64"),
    (event(b"not json"), "no JSON in base64"),
    (event(b"[1]"), "no JSON object"),
    (event(b"null"), "no JSON object"),
    (event(b"[" * 100_000), "no JSON in base64"),
    (event(costAmount=...), "costAmount is None"),
    (event(costAmount="15"), "costAmount is '15'"),
    (event(costAmount=True), "costAmount is True"),
    (event(costAmount=float("nan")), "costAmount is nan"),
    (event(budgetAmount=float("inf")), "budgetAmount is inf"),
    (event(b'{"costAmount": 1e400000, "budgetAmount": 1, "costIntervalStart": "2026-11-01T07:00:00Z"}'), "costAmount"),
    (event(budgetAmount=None), "budgetAmount is None"),
    (event(costIntervalStart=...), "costIntervalStart is None"),
    (event(costIntervalStart="yesterday"), "no time"),
    (event(costIntervalStart="2026-11-01T07:00:00"), "no time with a zone"),
    (event(costIntervalStart="0001-01-01T00:00:00+23:59"), "no time with a zone"),
    (event(costIntervalStart=1793000000), "no time"),
    (event(costIntervalStart="2026-10-01T07:00:00Z"), "not the current one"),
    (event(costIntervalStart="2026-12-01T07:00:00Z"), "not the current one"),
    (event(attributes={"schemaVersion": "2.0"}), "schema version '2.0' is not known"),
    (event(attributes={"schemaVersion": "banana"}), "schema version 'banana'"),
]


@pytest.mark.parametrize(("data", "why"), UNUSABLE, ids=[f"{n}-{why}" for n, (_, why) in enumerate(UNUSABLE)])
def test_what_is_no_notice_is_refused_with_its_reason(data: Any, why: str) -> None:
    with pytest.raises(Unusable, match=why.replace("(", r"\(")):
        read(data, NOW)


@pytest.mark.parametrize("attributes", [None, "x", {}, {"schemaVersion": "1.3"}, {"schemaVersion": None}])
def test_attributes_may_be_missing_or_newer(attributes: Any) -> None:
    assert read(event(attributes=attributes), NOW).cost == Decimal("15.5")


JSONISH = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(BODY)), inner, max_size=7),
    max_leaves=12,
)


@given(JSONISH, st.dictionaries(st.sampled_from(sorted(ATTRIBUTES)), st.text(max_size=5), max_size=3))
@settings(max_examples=150, deadline=None)
def test_whatever_comes_is_a_notice_or_unusable(body: Any, attributes: dict[str, str]) -> None:
    why = ""
    try:
        read(event(json.dumps(body).encode(), attributes), NOW)
    except Unusable as unusable:
        why = str(unusable)
    assert "\n" not in why


# --- the service around it ---


def configured(**changes: Any) -> Settings:
    values = {
        "google_cloud_project": "p",
        "timezone": "America/New_York",
        "currency": "USD",
        "guard_mode": Mode.TELL,
        "guard_budget": "billingAccounts/012345-6789AB-CDEF01/budgets/b-1",
        **changes,
    }
    return Settings(**values)


def unreachable() -> requests.Session:
    raise AssertionError("mode tell calls nobody")


def guard(**changes: Any) -> Guard:
    return Guard(configured(**changes), session=unreachable, now=lambda: NOW)


Lines = Callable[[], list[logging.LogRecord]]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    caplog.set_level(logging.DEBUG)
    return lambda: [record for record in caplog.records if record.name == "workloads.budget_guard.service"]


@pytest.mark.parametrize(("cost", "severity"), [(3, "INFO"), (15, "WARNING"), (18, "ERROR")])
def test_in_mode_tell_it_says_so_and_calls_nobody(lines: Lines, cost: float, severity: str) -> None:
    assert guard()(event(costAmount=cost)) is True
    (line,) = lines()
    assert line.levelname == severity
    fields = vars(line)
    assert (fields["event"], fields["outcome"]) == ("budget_guard", "told")
    assert (fields["cost"], fields["amount"], fields["currency"]) == (str(Decimal(str(cost))), "15.0", "USD")


@pytest.mark.parametrize(("data", "why"), UNUSABLE[:8], ids=range(8))
def test_garbage_is_told_once_and_never_comes_again(lines: Lines, data: Any, why: str) -> None:
    assert guard()(data) is True
    (line,) = lines()
    assert line.levelname == "WARNING"
    assert why in line.getMessage()


def test_another_budgets_notice_is_not_its_business(lines: Lines) -> None:
    assert guard()(event(attributes={**ATTRIBUTES, "budgetId": "b-2"}, costAmount=99)) is True
    (line,) = lines()
    assert vars(line)["outcome"] == "foreign"


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {
        "GOOGLE_CLOUD_PROJECT": "p",
        "TIMEZONE": "America/New_York",
        "CURRENCY": "USD",
        "GUARD_MODE": "act",
        "GUARD_BUDGET": "b-1",
        "GUARD_BUCKET": "p-budget-guard",
        "GUARD_JOBS": json.dumps(["projects/p/locations/us-central1/jobs/pipeline-run"]),
        "GUARD_DATABASE": "fastyle",
        "GUARD_DATABASE_JOB": START,
        "GUARD_DATABASE_STOP": "0 20 * * *",
        "GUARD_DATABASE_START": "0 8 * * *",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    job, clock, database = switches(load(Settings))
    assert (job.kind, job.level) == ("job", 1)
    assert (clock.name, clock.level) == (START, 2)
    assert (database.name, database.kind, database.woken_by) == ("projects/p/instances/fastyle", "database", START)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"GUARD_MODE": "shout"}, "GUARD_MODE"),
        ({"GUARD_MODE": "act"}, "it would forget what it paused"),
        ({"GUARD_DATABASE_JOB": START}, "belong together"),
        ({"GUARD_DATABASE_STOP": "at night"}, "GUARD_DATABASE_STOP"),
        ({"GUARD_BUDGET": ""}, "GUARD_BUDGET"),
    ],
)
def test_bad_settings_end_it_at_the_start_with_one_line(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, str], why: str
) -> None:
    good = {
        "GOOGLE_CLOUD_PROJECT": "p",
        "TIMEZONE": "UTC",
        "CURRENCY": "USD",
        "GUARD_MODE": "tell",
        "GUARD_BUDGET": "b",
    }
    for name, value in {**good, **changes}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=why):
        load(Settings)


@pytest.mark.parametrize(
    ("at", "is_awake"),
    [
        ("2026-11-20T12:59:00+00:00", False),  # 07:59 in New York
        ("2026-11-20T13:01:00+00:00", True),
        ("2026-11-21T00:59:00+00:00", True),
        ("2026-11-21T01:01:00+00:00", False),
        ("2026-11-22T15:00:00+00:00", False),  # Sunday: the weekdays' start of Friday was before Friday's stop
    ],
)
def test_the_night_is_read_from_its_crons(at: str, is_awake: bool) -> None:
    night = configured(guard_database_job=START, guard_database_stop="0 20 * * *", guard_database_start="0 8 * * 1-5")
    assert awake(night, datetime.fromisoformat(at)) is is_awake
    assert awake(configured(), datetime.fromisoformat(at)) is None


def test_a_memory_is_kept_as_it_was() -> None:
    held = dict(zip("abcd", Hold, strict=True))
    kept = Memory(period=NOW, level=2, held=held, left=frozenset({"e"}), lease=NOW)
    assert memory.load(memory.dump(kept)) == kept
    assert memory.load(None) == Memory()
    assert json.loads(memory.dump(kept))["simulators"] == "stopped"
    assert json.loads(memory.dump(Memory()))["simulators"] == "running"


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"version": 2}', memory.dump(Memory()).replace(b"{}", b"3")])
def test_what_is_no_memory_is_not_taken_for_one(document: bytes) -> None:
    with pytest.raises(Unreadable):
        memory.load(document)

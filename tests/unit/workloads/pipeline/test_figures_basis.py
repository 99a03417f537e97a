"""The currency and time zone of figures that are there: noted with the first of them, and refused under another name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.support.jobs import settings
from tests.support.postgres import postgres
from workloads.pipeline import replay, runner
from workloads.runtime import basis

__all__ = ["postgres"]

SALE = (
    "INSERT INTO stream_event (event_id, stream, event_time, publish_time, body_sha256) "
    "VALUES (gen_random_uuid(), %s, now(), now(), '')"
)


@pytest.fixture
def database(postgres: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    with psycopg.connect(postgres, autocommit=True, row_factory=dict_row) as connection:
        yield connection


def noted(database: Any) -> list[tuple[str, str]]:
    return [(r["currency"], r["timezone"]) for r in database.execute("SELECT currency, timezone FROM figures_basis")]


def test_without_figures_the_configuration_decides(postgres: str, database: Any) -> None:
    for told in ({"currency": "USD"}, {"currency": "EUR"}, {"currency": "EUR", "timezone": "Asia/Tokyo"}):
        basis.note(database, settings(postgres, **told))
    assert noted(database) == [("EUR", "Asia/Tokyo")]


@pytest.mark.parametrize(
    ("stream", "changed", "words"),
    [
        ("sales", {"currency": "EUR"}, "fastyle:currency is EUR, and this stack's figures are in USD"),
        ("sales", {"timezone": "Asia/Tokyo"}, "set fastyle:timezone back to America/New_York"),
        ("inventory", {"timezone": "Asia/Tokyo"}, "set fastyle:timezone back to America/New_York"),
    ],
)
def test_with_figures_another_basis_is_refused(
    postgres: str, database: Any, stream: str, changed: dict[str, str], words: str
) -> None:
    basis.note(database, settings(postgres))
    database.execute(SALE, [stream])
    basis.note(database, settings(postgres))
    with pytest.raises(basis.OtherBasis, match=words):
        basis.note(database, settings(postgres, **changed))
    assert noted(database) == [("USD", "America/New_York")]
    for call in (runner.run, replay.replay):
        with pytest.raises(runner.NotReady, match=words):
            call(settings(postgres, lake_bucket="lake", **changed))


def test_a_mistaken_currency_can_be_mended_while_no_sale_was_taken(postgres: str, database: Any) -> None:
    """A stack that refused all its sales for the currency has stock, and no amount."""
    basis.note(database, settings(postgres, currency="EUR"))
    database.execute(SALE, ["inventory"])
    basis.note(database, settings(postgres, currency="USD"))
    assert noted(database) == [("USD", "America/New_York")]

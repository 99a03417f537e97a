"""The page for whoever programs a till says what the POS API does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.publisher_server import PublisherServer
from tests.unit.workloads.pos_api.test_pos_api import (  # noqa: F401 (fixtures)
    environment,
    logging_as_before,
    post,
    pubsub,
    till,
)
from workloads.events.streams.sales.rules import MAX_LINES
from workloads.pos_api.body import BODY_SECONDS, MAX_BYTES, MAX_EVENTS, PIECE_SECONDS
from workloads.pos_api.openapi import EVENT_PATHS
from workloads.pos_api.publisher import ANSWER_SECONDS, ATTEMPT_SECONDS, RETRY_SECONDS

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "pos-api.md").read_text(encoding="utf-8")
EVENTS = (DOCS / "events.md").read_text(encoding="utf-8")


def test_the_page_s_event_is_accepted(till: FlaskClient, pubsub: PublisherServer) -> None:  # noqa: F811
    example = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    assert post(till, "/v1/transactions", json.loads(example[1])).json == {"accepted": 1, "rejected": []}
    assert len(pubsub.messages()) == 1


@pytest.mark.usefixtures("pubsub")
def test_the_page_and_the_description_name_the_same_requests_and_answers(till: FlaskClient) -> None:  # noqa: F811
    document: dict[str, Any] = till.get("/openapi.json").json or {}
    assert document["openapi"].startswith("3.")
    for path in set(document["paths"]) - {"/v1/simulate"}:
        assert f"{path}`" in PAGE + EVENTS, path
    described = {status for path in EVENT_PATHS for status in document["paths"][path]["post"]["responses"]}
    table = PAGE.partition("## Responses")[2]
    rows = {status for row in re.findall(r"^\| ([0-9, ]+)", table, re.MULTILINE) for status in row.split(", ")}
    assert described <= {status.strip() for status in rows}


def test_the_page_s_limits_are_the_code_s() -> None:
    for limit in (
        f"| events a request | {MAX_EVENTS:,} |",
        f"| bytes a request | {MAX_BYTES:,} (",
        f"| lines of a transaction | {MAX_LINES:,} |",
        f"| {BODY_SECONDS:g} s, and {PIECE_SECONDS:g} s for each 64 KiB of it |",
    ):
        assert limit in PAGE, limit
    assert "the answer, once the body is there | 10 s |" in PAGE
    assert max(ANSWER_SECONDS, ATTEMPT_SECONDS + RETRY_SECONDS) < 10

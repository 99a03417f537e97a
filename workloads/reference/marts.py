"""The page docs/marts.md, made of the marts' folders; `make documents` writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from workloads.marts.declaration import MARTS, Mart

PAGE = Path(__file__).resolve().parents[2] / "docs" / "marts.md"

_INTRODUCTION = """\
# Marts

<!-- Written by `make documents` from sql/bigquery/marts; do not edit. -->

A mart is read through its stable view in dataset `marts`. Its rows are built in `staging`, checked there, and published from
there: a failed check of severity `error` stops the publication, and readers keep the last good rows. A live view is the mart
as it would be if the pipeline ran now, computed when read. A read model is the published rows in Cloud SQL, which the API
shows: no request waits for BigQuery.

Some of what a live view cannot see the next run puts right: which event counts of an `event_id` with two bodies or on two
streams (live inventory says), an event that is sent again after the raw tables forgot it, and a count dated over 60 days back on
a shelf that has a history. What a replay writes is in no live view until its own run has loaded it.

A mart that is published by date is built for the business dates whose events or products changed, and for all of them the
first time; its views ask for a filter on `business_date`. [Add one](operations/changes.md#a-mart).
"""
_CHECK = re.compile(r"^-- check: (\S+)\n-- severity: (\w+)\n-- description: (.+)$", re.MULTILINE)


def render() -> str:
    """Return the page."""
    return "\n".join([_INTRODUCTION, *(line for mart in MARTS.values() for line in _mart(mart))])


def _mart(mart: Mart) -> Iterator[str]:
    yield f"## {mart.name}\n"
    rewritten = "the business dates that changed" if mart.by_date else "all of its rows"
    yield f"{mart.description.strip()} {mart.row.capitalize()}. A run rewrites {rewritten}. Owner: {mart.owner}.\n"
    places = [f"view `marts.{mart.name}` over table `marts.{mart.table}`"]
    places += [f"live view `marts.{view}`" for view in mart.views[1:]]
    if mart.read_model:
        places.append(f"`GET /v1/marts/{mart.name}` of the API, from `{mart.report}` in Cloud SQL")
    yield f"Read it in: {'; '.join(places)}.\n"
    yield "| column | type | meaning |"
    yield "|---|---|---|"
    for column in mart.columns:
        meaning = column.description.replace("|", "\\|")  # a bar would end the table's cell
        yield f"| `{column.name}` | {column.type} {column.mode} | {meaning} |"
    yield "\nChecked before it is published:\n"
    for check in _CHECK.finditer(mart.checks):
        yield f"- `{check[1]}` ({check[2]}): {check[3].strip()}"
    yield ""

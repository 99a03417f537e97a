"""The checks of `sql/bigquery`: queries of the cases that should not be, and what is told about each.

A `checks.sql` holds one query a check, under a head of three comments: `-- check:`, `-- severity:` (`error` stops the
publication, `warn` is reported) and `-- description:`, what should hold. The query returns the failing cases: `place`,
where they are (null: the table as a whole), `day`, a business date on which they can be looked for again (null: each run
reads the whole of it), and `sample`, the case in a word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cache

from workloads.pipeline.stream_tables import LOADED
from workloads.pipeline.tables import tables

PLACES = 1000
"""The most places that one check reports in a run."""
_HEAD = re.compile(r"^-- check: (\S+)\n-- severity: (error|warn)\n-- description: (.+)\n", re.MULTILINE)


@dataclass(frozen=True)
class Check:
    """One check. `scope` is the dates that its query reads: a stream's key those of its history that
    changed, `built` those that this run has rebuilt, or None: all there is."""

    name: str
    table: str
    severity: str
    description: str
    sql: str
    scope: str | None

    def query(self) -> str:
        """A row a place: how many cases, some of them, and the newest of their days."""
        return (
            f"SELECT '{self.name}' AS check_name, place, MAX(day) AS day, COUNT(*) AS failures, "
            "STRING_AGG(DISTINCT sample, ', ' ORDER BY sample LIMIT 5) AS sample\n"
            f"FROM (\n{self.sql}\n)\nGROUP BY place\nQUALIFY ROW_NUMBER() OVER (ORDER BY COUNT(*) DESC, place) <= {PLACES + 1}"
        )


@dataclass(frozen=True)
class Case:
    """What a check found at one place."""

    place: str
    failures: int
    sample: str
    day: date | None = None


@cache
def checks() -> dict[str, Check]:
    """Every check by its name, in the order of the folders."""
    listed: dict[str, Check] = {}
    for table in tables().values():
        for check in _of(table.key, table.checks or ""):
            if check.name in listed:
                raise ValueError(f"{table.key}: two checks are called {check.name}")
            listed[check.name] = check
    return listed


def _of(table: str, text: str) -> list[Check]:
    if not text:
        return []
    heads = list(_HEAD.finditer(text))
    if not heads or heads[0].start():
        raise ValueError(
            f"{table}: checks.sql begins with the head of a check: -- check:, -- severity:, -- description:"
        )
    ends = [head.start() for head in heads[1:]] + [len(text)]
    return [
        Check(
            name=head[1],
            table=table,
            severity=head[2],
            description=head[3].strip(),
            sql=(body := text[head.end() : end].strip()),
            scope=_scope(body),
        )
        for head, end in zip(heads, ends, strict=True)
    ]


def _scope(body: str) -> str | None:
    if of_stream := next((key for key in LOADED if f"${{{key}_dates}}" in body), None):
        return of_stream
    dated = re.search(r"business_date AS day", body)
    return "built" if dated and "${build:" in body else None

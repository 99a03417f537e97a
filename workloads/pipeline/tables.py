"""The tables and queries under `sql/bigquery`, rendered for one run: a folder a table, or a mart with all that it is made
of; and the streams' raw tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from workloads.events import STREAMS, Stream
from workloads.events.googlesql import clamped
from workloads.events.validation import EARLIEST
from workloads.marts import MARTS
from workloads.marts.columns import SQL, included
from workloads.marts.expressions import expression, expressions
from workloads.pipeline import contract, identity, mart_tables, raw_tables, stream_tables

KINDS = ("table", "scratch", "view")


@dataclass(frozen=True)
class Table:
    """One folder: `table.yaml` and, where it has them, `query.sql` and `checks.sql`; or a table of a mart, or a stream's.

    `each.sql` beside a query is what the query has of each stream that is loaded into a history: `${each}` in it.
    """

    dataset: str  # raw, staging or marts
    name: str
    kind: str  # raw: Pulumi's; table: kept; scratch: rewritten by each run; view
    description: str
    columns: tuple[dict[str, Any], ...]
    partition_by: str | None
    cluster_by: tuple[str, ...]
    require_partition_filter: bool
    query: str | None
    checks: str | None

    @property
    def key(self) -> str:
        return f"{self.dataset}.{self.name}"


@cache
def tables(folder: Path = SQL) -> dict[str, Table]:
    """Every table by `dataset.name`, in the order of these names.

    Raises:
        ValueError: a folder's kind is none of `KINDS`, or two folders want one table; says which.
    """
    by_name, origins = dict[str, Table](), dict[str, str]()
    for origin, table in _declared(folder):
        if table.key in by_name:
            raise ValueError(f"{origin} wants table {table.key}, which {origins[table.key]} has; choose another name")
        by_name[table.key], origins[table.key] = table, origin
    return dict(sorted(by_name.items(), key=lambda item: (item[1].dataset, item[1].name)))


def _declared(folder: Path) -> Iterator[tuple[str, Table]]:
    """Each table with the folder that it is made of, those of streams last: it is their names that can be chosen."""
    for path in sorted(folder.glob("*/*/table.yaml")):
        if path.parent.parent != stream_tables.FOLDER:
            yield f"sql/bigquery/{path.parent.relative_to(folder).as_posix()}", _of_folder(path)
    for mart in MARTS.values():
        for told in mart_tables.declared(mart):
            yield f"sql/bigquery/marts/{mart.name}", Table(**told)
    for stream in STREAMS.values():
        yield f"workloads/events/streams/{stream.key}", _raw(stream)
    for stream in stream_tables.LOADED.values():
        for told in stream_tables.declared(stream):
            yield f"workloads/events/streams/{stream.key}", Table(**told)


def _of_folder(path: Path) -> Table:
    declared = yaml.safe_load(path.read_text(encoding="utf-8"))
    kind = declared["kind"]
    if kind not in KINDS:
        raise ValueError(f"{path}: kind is {kind!r}; use one of {', '.join(KINDS)}")
    return Table(
        dataset=path.parent.parent.name,
        name=path.parent.name,
        kind=kind,
        description=" ".join(str(declared["description"]).split()),
        columns=tuple(included(declared.get("columns") or ())),
        partition_by=declared.get("partition_by"),
        cluster_by=tuple(declared.get("cluster_by") or ()),
        require_partition_filter=bool(declared.get("require_partition_filter")),
        query=_query(path.parent),
        checks=_read(path.parent / "checks.sql"),
    )


def _raw(stream: Stream) -> Table:
    return Table(
        dataset="raw",
        name=stream.table,
        kind="raw",
        description=raw_tables.description(stream),
        columns=(),
        partition_by=None,
        cluster_by=(),
        require_partition_filter=False,
        query=None,
        checks=raw_tables.checks(stream),
    )


def _query(folder: Path) -> str | None:
    text, each = _read(folder / "query.sql"), _read(folder / "each.sql")
    return text if text is None or each is None else text.replace("${each}", stream_tables.of_each(each))


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8").strip() if path.exists() else None


def views() -> list[Table]:
    """The views, each after those its query names."""
    waiting = {table.key: table for table in tables().values() if table.kind == "view"}
    ordered: list[Table] = []
    while waiting:
        ready = [
            t for t in waiting.values() if not any(_names(t, other) for other in waiting.values() if other is not t)
        ]
        if not ready:
            raise ValueError(f"views that need each other: {', '.join(waiting)}")
        for table in ready:
            ordered.append(waiting.pop(table.key))
    return ordered


def datasets_read_by_views() -> dict[str, list[str]]:
    """Of each dataset, the others whose views read its tables or views themselves, not through a view between them.

    Whoever queries a view without the right to read below it needs each view on the way to be authorised on what it
    reads: https://cloud.google.com/bigquery/docs/authorized-views
    """
    readers: dict[str, set[str]] = {}
    for view in views():
        for other in tables().values():
            if other.dataset != view.dataset and _names(view, other):
                readers.setdefault(other.dataset, set()).add(view.dataset)
    return {dataset: sorted(reading) for dataset, reading in sorted(readers.items())}


def _names(table: Table, other: Table) -> bool:
    """Whether the table's query reads the other, directly or through `${live:…}`."""
    return re.search(rf"\b{other.dataset}\.{other.name}\b", query(table.key)) is not None


@cache
def query(key: str) -> str:
    """A table's query with the datasets' own names."""
    return render(tables()[key].query or "", _Any(raw="raw", staging="staging", marts="marts"))


class _Any(dict[str, str]):
    """Whatever else a query names, when only its tables matter."""

    def __missing__(self, key: str) -> str:
        return key


_LIVE_HISTORY = "DATE_SUB(CURRENT_DATE('%s'), INTERVAL 60 DAY)"
"""How far back `${live:…}` looks for what moved after a new count. A count of longer ago would cost every reading the
whole history, unless the shelf is new; it is a fault of data quality (`inventory_changes.dated_long_ago`), and the next run
counts it."""

FIRST_DATE = EARLIEST.date() - timedelta(days=1)
"""The first business date there can be: behind UTC the earliest events are of the evening before."""

NO_DATE = date(1, 1, 1)
"""A date that no row has: events begin in 2010, messages with the project."""


def date_array(dates: Sequence[date]) -> str:
    """A constant array of dates: BigQuery prunes partitions by constants only.

    Never an empty one: BigQuery takes a filter by an empty array for no filter, and refuses the query where the table
    requires one. No dates are `NO_DATE`.
    """
    return "[" + ", ".join(f"DATE '{d.isoformat()}'" for d in dates or (NO_DATE,)) + "]"


def render(text: str, values: Mapping[str, str], dates: Sequence[date] = (), *, live: bool = False) -> str:
    """Fill a query in.

    `${name}` is one of `values`; `${source:t}` is the staging table `t`; `${dates:alias}` limits `alias` to the
    business dates being built, which checks know as `build_dates`; `${first_date}` is the first there can be; `${ratio:a, b}` is a / b to nine places, half
    away from zero as NUMERIC rounds, and null when b is 0; `${gmv:l}` is a measure of `expressions.yaml`. `${build:m}` has
    the rows of mart `m` before they are published. `${live:dataset.table}` is the query of another table over
    the history and what arrived since the last run: its sources are the views `live_…`, its dates all of them.

    Of a row `r` of a stream's raw table `${broken:stream}` is what breaks the contract, `${published}` when its message
    was first published, `${replayed}` whether a replay wrote it and `${instant}` its event_time within what a date can be made of; `${rule:stream}` identifies
    the rule, `${rule_of:column}` that of the stream which a column names, `${identity:stream}` is the hash that tells repetitions from conflicts, and
    `${clamped:amount}` is an amount that can be multiplied. Of a row `h` of a stream's history `${breaks:stream, h}` is whether it
    breaks the stream's rules.

    Raises:
        KeyError: a name that `values` does not have.
    """
    array = date_array(dates)

    def one(match: re.Match[str]) -> str:
        name, _, argument = match[1].partition(":")
        if name == "source":
            return f"{values['staging']}.{'live_' if live else ''}{argument}"
        if name == "build":
            return f"{values['staging']}.{MARTS[argument].build}"
        if name == "live":
            query = tables()[argument].query or ""
            return render(
                query, _Any({**values, "run_id": "", "history_from": _LIVE_HISTORY % values["timezone"]}), live=True
            )
        if name == "dates" and live:
            return f"{argument}.business_date >= DATE '{FIRST_DATE}'"
        if name == "first_date":
            return f"DATE '{FIRST_DATE}'"
        if name == "dates":
            return f"{argument}.business_date IN UNNEST({array})"
        if name == "ratio":
            above, below = argument.rsplit(",", 1)
            return f"ROUND(SAFE_DIVIDE({above.strip()}, {below.strip()}), 9)"
        if name in expressions() and argument:
            return expression(name, argument)
        if name == "broken":
            return contract.broken(argument, "r", values["currency"])
        if name == "identity":
            return identity.body_hash(argument)
        if name == "rule":
            return contract.rule(argument, values["currency"])
        if name == "rule_of":
            cases = (f"WHEN '{key}' THEN '{contract.rule(key, values['currency'])}'" for key in stream_tables.LOADED)
            return f"CASE {argument} {' '.join(cases)} END"
        if name == "clamped":
            return clamped(argument)
        if name == "breaks":
            stream, row = (part.strip() for part in argument.split(","))
            return contract.breaks(stream, row)
        if name == "replayed":
            return contract.replayed("r")
        if name == "published":
            return contract.published("r")
        if name == "instant":
            return contract.instant("r")
        return values[name]

    return re.sub(r"\$\{([^}]+)\}", one, text).replace("UNNEST(build_dates)", f"UNNEST({array})")

"""What each mart's folder becomes in BigQuery: the table that is built and checked, the published one, and its views."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workloads.marts import Mart
from workloads.marts.columns import shared_columns
from workloads.marts.declaration import DATE


def declared(mart: Mart) -> Iterator[dict[str, Any]]:
    """The arguments of each `Table` that the mart is made of."""
    columns = [column.as_table_column() for column in mart.columns]
    shown = [{key: value for key, value in column.items() if key != "mode"} for column in columns]
    whole = mart.description.strip()
    subject = whole.removesuffix(".")
    by_date, filtered = mart.by_date, f" Filter on {DATE}." if mart.by_date else ""
    yield _table(
        "staging",
        mart.build,
        "scratch",
        f"Rows of {mart.name}{' for the dates being rebuilt' if by_date else ''}: checked here, then published.",
        columns,
    )
    yield _table(
        "marts",
        mart.table,
        "table",
        f"{whole} Read it through the view `{mart.name}`.",
        [*columns, shared_columns()["publication_id"]],
        partition_by=DATE if by_date else None,
        cluster_by=mart.cluster_by,
        require_partition_filter=by_date,
        query=mart.query,
        checks=mart.checks,
    )
    names = ",\n  ".join(column.name for column in mart.columns)
    stable = f"SELECT\n  {names}\nFROM ${{marts}}.{mart.table}"
    yield _table("marts", mart.name, "view", f"{subject}, as last published.{filtered}", shown, query=stable)
    if mart.live:
        old_counts = " A count of stock dated more than 60 days ago comes with the next run."
        yield _table(
            "marts",
            f"{mart.name}_live",
            "view",
            f"{mart.name} as it would be if the pipeline ran now: what arrived since the last run included. "
            f"Computed when read{f'; filter on {DATE}' if by_date else ''}."
            f"{old_counts if '${source:stock}' in mart.query else ''}",
            shown,
            query=f"${{live:marts.{mart.table}}}",
        )


def _table(dataset: str, name: str, kind: str, description: str, columns: Any, **more: Any) -> dict[str, Any]:
    return {"dataset": dataset, "name": name, "kind": kind, "description": description, "columns": tuple(columns)} | {
        "partition_by": None,
        "cluster_by": (),
        "require_partition_filter": False,
        "query": None,
        "checks": None,
        **more,
    }

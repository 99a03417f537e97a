"""What `make up` ends with: every accepted event accounted for in every store, and the business's three answers."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import orjson
import psycopg
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage  # type: ignore[attr-defined]  # no stubs
from rich.console import Console

from ops.endpoints import Endpoints
from ops.errors import OperatorError
from ops.ledger import Ledger
from ops.terminal import Table
from workloads.events import STREAMS
from workloads.events.stream import INVENTORY
from workloads.events.verification import LOCATION_ID, is_verification

_TRADE = f"publish_time >= TIMESTAMP('2000-01-01') AND location_id != '{LOCATION_ID}'"


def print_summary(endpoints: Endpoints, ledger_path: Path, console: Console) -> None:
    """Print the summary of stack `local`.

    Raises:
        OperatorError: a store lacks an accepted event; the table above the message says which.
    """
    with psycopg.connect(endpoints.postgres) as db:
        agree = _accounts(endpoints, ledger_path, db, console)
        console.print(_stock(db), _sales(db, endpoints.currency), _margin(db, endpoints.currency))
    console.print(
        f"  Dashboard  {_dashboard(endpoints)}\n"
        f"  API        {endpoints.api}/openapi.json\n"
        f"  POS API    {endpoints.pos_api}\n"
        "  Addresses and the token: .localcloud/endpoints.json   What runs: uv run fastyle status",
        soft_wrap=True,
    )
    if not agree:
        raise OperatorError("the counts above differ; see `fastyle status`, and run `fastyle pipeline run`")


def _dashboard(endpoints: Endpoints) -> str:
    """Its address, with the token that opens it; without in CI, whose logs others read."""
    return f"{endpoints.api}/" if os.environ.get("CI") else f"{endpoints.api}/#token={endpoints.api_token}"


def _accounts(endpoints: Endpoints, ledger_path: Path, db: psycopg.Connection[Any], console: Console) -> bool:
    """One row a stream: how many of the accepted event ids each store holds. True when all of them hold all."""
    table = Table(title="Distinct event ids", title_justify="left", title_style="bold")
    for column in ("stream", "accepted", "lake", "raw", "inventory", "marts"):
        table.add_column(column, justify="left" if column == "stream" else "right")
    ledger, agree, others = Ledger(ledger_path), True, 0
    warehouse = warehouse_client(endpoints)
    for key, stream in STREAMS.items():
        accepted = ledger.event_ids(key)
        stores = [
            set(_lake_ids(endpoints, stream.topic)),
            _ids(warehouse, f"{endpoints.datasets['raw']}.{stream.table}", _TRADE),
        ]
        if INVENTORY in stream.consumers:
            recorded = db.execute("SELECT event_id FROM stream_event WHERE stream = %s", (key,))
            stores.append({str(event_id) for (event_id,) in recorded})
        arrived = set().union(*stores)
        if key == "sales":
            lines = f"{endpoints.datasets['staging']}.sales_lines"
            stores.append(_ids(warehouse, lines, f"business_date IN ({_published_dates(endpoints)})"))
        counts = [len(accepted & store) for store in stores]
        others += len(arrived - accepted)
        agree = agree and all(n == len(accepted) for n in counts)
        cells = [f"{n:,}" if n == len(accepted) else f"[red]{n:,}[/]" for n in counts]
        table.add_row(key, f"{len(accepted):,}", *cells, *["-"] * (4 - len(cells)))
    ledger.close()
    console.print(table)
    if others:
        console.print(f"  and {others:,} events that others sent", style="dim")
    return agree


def warehouse_client(endpoints: Endpoints) -> bigquery.Client:
    return bigquery.Client(
        project=endpoints.project,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": endpoints.bigquery},
    )


def lake_client(endpoints: Endpoints) -> storage.Client:
    return storage.Client(
        project=endpoints.project,
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": endpoints.storage},
    )


def _ids(client: bigquery.Client, table: str, where: str) -> set[str]:
    rows = client.query_and_wait(f"SELECT DISTINCT event_id FROM `{table}` WHERE {where}")
    return {row[0] for row in rows}


def _published_dates(endpoints: Endpoints) -> str:
    return (
        f"SELECT business_date FROM `{endpoints.datasets['marts']}.gmv_daily` WHERE business_date >= DATE '2000-01-01'"
    )


def _lake_ids(endpoints: Endpoints, topic: str) -> Iterator[str]:
    """Event ids in the lake, by the attribute every message carries; objects are Avro with metadata."""
    for blob in lake_client(endpoints).list_blobs(endpoints.bucket, prefix=f"{topic}/"):
        for record in fastavro.reader(io.BytesIO(blob.download_as_bytes())):
            assert isinstance(record, dict)
            if not is_verification(orjson.loads(record["data"])):
                yield record["attributes"]["event_id"]


def _stock(db: psycopg.Connection[Any]) -> Table:
    rows = db.execute(
        """
        SELECT coalesce(l.kind, 'unknown'), count(*), sum(o.quantity), count(*) FILTER (WHERE o.quantity <= 0)
        FROM on_hand o LEFT JOIN location l USING (location_id) GROUP BY 1 ORDER BY 1 DESC
        """
    )
    table = Table(title="Stock on hand", title_justify="left", title_style="bold")
    for column in ("locations", "shelves", "units", "stockouts"):
        table.add_column(column, justify="left" if column == "locations" else "right")
    for kind, shelves, units, stockouts in rows:
        table.add_row(kind, f"{shelves:,}", f"{units:,}", f"{stockouts:,}")
    return table


def _sales(db: psycopg.Connection[Any], currency: str) -> Table:
    rows = db.execute(
        """
        SELECT category, customer_type, sum(gmv) FROM report_gmv_daily GROUP BY 1, 2
        """
    ).fetchall()
    kinds = ("new", "returning", "guest")
    table = Table(title=f"GMV by category and customer type, {currency}", title_justify="left", title_style="bold")
    table.add_column("category")
    for kind in (*kinds, "all"):
        table.add_column(kind, justify="right")
    amounts = {(category, kind): gmv for category, kind, gmv in rows}
    for category in sorted({category for category, _, _ in rows}):
        values = [amounts.get((category, kind), 0) for kind in kinds]
        table.add_row(category, *(f"{v:,.2f}" for v in [*values, sum(values)]))
    totals = [sum(v for (_, k), v in amounts.items() if k == kind) for kind in kinds]
    table.add_section()
    table.add_row("all", *(f"{v:,.2f}" for v in [*totals, sum(totals)]))
    return table


def _margin(db: psycopg.Connection[Any], currency: str) -> Table:
    rows = db.execute(
        """
        SELECT category, sum(net_sales), sum(gross_profit), sum(gross_profit) / nullif(sum(net_sales), 0) * 100
        FROM report_margin_daily GROUP BY 1 ORDER BY 1
        """
    )
    table = Table(title=f"Gross margin by category, {currency}", title_justify="left", title_style="bold")
    for column in ("category", "net sales", "gross profit", "margin %"):
        table.add_column(column, justify="left" if column == "category" else "right")
    for category, net, profit, margin in rows:
        table.add_row(
            category,
            f"{net:,.2f}",
            *("-" if v is None else f"{v:{form}}" for v, form in ((profit, ",.2f"), (margin, ".1f"))),
        )
    return table

"""BigQuery as the pipeline uses it: tables from their declarations, statements with a limit on what they bill."""

from __future__ import annotations

import hashlib
import itertools
import logging
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from datetime import date, datetime
from typing import IO, Any

import requests
from google.api_core.exceptions import Conflict, GoogleAPIError, NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from workloads.events import verification
from workloads.pipeline import statements
from workloads.pipeline.attempts import OutOfTime, TimeBox
from workloads.pipeline.deadlines import REQUEST_SECONDS, bound
from workloads.pipeline.settings import Settings
from workloads.pipeline.table_schemas import grown, missing, schema_field
from workloads.pipeline.tables import Table, render, tables, views

log = logging.getLogger(__name__)

_LABELS = {"component": "pipeline"}
_DECLARATION = "declaration"  # the label of a view: a hash of its definition
_SINCE = "live_since"  # the label of a view: the first raw partition that it reads
_LIVE_SINCE = "${live_since}"
_DECLARATION_LENGTH = 32  # a label's value has up to 63 characters


RETRY = bigquery.DEFAULT_RETRY.with_timeout(2 * REQUEST_SECONDS)
"""Of one call of the client. What lasts longer is tried again by the runner, which counts its attempts and says why."""

Parameters = Mapping[str, str | Sequence[str]]
"""Values of `@name` in a statement: no text that came with an event is ever part of a statement's own."""


class WarehouseClient:
    """A BigQuery client, and the names that queries are rendered with."""

    def __init__(self, settings: Settings, box: TimeBox | None = None) -> None:
        options: dict[str, Any] = {}
        if settings.bigquery_emulator_host:
            options["credentials"] = AnonymousCredentials()  # type: ignore[no-untyped-call]
            options["client_options"] = {"api_endpoint": settings.bigquery_emulator_host}
        self._client = bigquery.Client(
            project=settings.google_cloud_project, location=settings.bigquery_location, **options
        )
        self._settings = settings
        self._box = box or TimeBox()
        bound(self._client, self._box)
        self.datasets = {
            "raw": settings.raw_dataset,
            "staging": settings.staging_dataset,
            "marts": settings.marts_dataset,
        }
        self.bytes_billed = 0

    def _name(self, table: Table) -> str:
        return f"{self.datasets[table.dataset]}.{table.name}"

    def values(self, **more: str) -> dict[str, str]:
        """What `${…}` in a query may name."""
        settings = self._settings
        return {
            **self.datasets,
            "timezone": settings.timezone,
            "currency": settings.currency,
            "verification_location": _quoted(verification.LOCATION_ID),
            "raw_retention_days": str(settings.raw_retention_days),
            "late_days": str(settings.stream_retention_days + 1),  # in whole dates
            "live_since": f"TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL {settings.raw_retention_days} DAY)",
            "reorder_point": str(settings.reorder_point),
            "max_days_of_cover": str(settings.max_days_of_cover),
            **more,
        }

    def job_configuration(self, parameters: Parameters | None = None) -> bigquery.QueryJobConfig:
        """What every job of the pipeline carries: a limit on what it bills, and labels to find its cost by."""
        return bigquery.QueryJobConfig(
            maximum_bytes_billed=self._settings.maximum_bytes_billed,
            labels=_LABELS,
            query_parameters=[_parameter(name, value) for name, value in (parameters or {}).items()],
        )

    def run(self, statement: str, parameters: Parameters | None = None) -> list[dict[str, Any]]:
        """Run GoogleSQL, one statement or a script, and return its rows. Texts from data come as `parameters`.

        Raises:
            OutOfTime: the call's time is up; the job is cancelled.
        """
        # Without the client's own retries of a failed job, which last for forty minutes: the runner has its own.
        job = self._client.query(statement, job_config=self.job_configuration(parameters), retry=RETRY, job_retry=None)
        try:
            return self._rows(job)
        except OutOfTime:
            with suppress(OutOfTime, GoogleAPIError, requests.RequestException):
                job.cancel(timeout=REQUEST_SECONDS)
            raise

    def run_once(self, statement: str, name: str) -> None:
        """Run a script as a job of this name: if it runs already, or has ended well, that job is the one.

        Raises:
            OutOfTime: the call's time is up; the job goes on, and the next call finds it.
        """
        for attempt in itertools.count(1):
            job_id = f"{name}-{attempt}"
            try:
                job = self._client.query(
                    statement, job_id=job_id, job_config=self.job_configuration(), retry=RETRY, job_retry=None
                )
            except Conflict:
                earlier_job = self._client.get_job(job_id, retry=RETRY)
                assert isinstance(earlier_job, bigquery.QueryJob), job_id
                if earlier_job.error_result:  # a former attempt's
                    continue
                job = earlier_job
            self._rows(job)
            return

    def _rows(self, job: bigquery.QueryJob) -> list[dict[str, Any]]:
        rows = [dict(row) for row in self.wait(job)]
        self.bytes_billed += job.total_bytes_billed or 0
        return rows

    def wait(self, job: Any) -> Any:
        """The job's result, once it is done.

        Raises:
            OutOfTime: the call's time is up; the job goes on.
            requests.Timeout: nobody answers about the job.
        """
        options = {"job_retry": None} if isinstance(job, bigquery.QueryJob) else {}
        try:
            return job.result(timeout=self._box.left(), retry=RETRY, **options)
        except FutureTimeoutError:
            self._box.left()
            raise requests.Timeout("BigQuery does not answer") from None

    def query(
        self, text: str, dates: Sequence[date] = (), parameters: Parameters | None = None, **more: str
    ) -> list[dict[str, Any]]:
        """Render and run."""
        return self.run(render(text, self.values(**more), dates), parameters)

    def transaction(self, statements: Sequence[str], **more: str) -> None:
        """All of `statements` or none of them."""
        self.run(self.transaction_of(statements, **more))

    def transaction_of(self, statements: Sequence[str], *, unless: str | None = None, **more: str) -> str:
        """Return a script that runs all of `statements` or none; none either when `unless` has a row.

        BigQuery aborts one of two transactions that change the same table: a job that outlived its run, or a second
        attempt beside the first, cannot mix with another.
        """
        values = self.values(**more)
        body = ";\n".join(render(statement.strip(), values) for statement in statements) + ";"
        if unless:
            body = f"IF NOT EXISTS ({render(unless, values)}) THEN\n{body}\nEND IF;"
        return f"BEGIN TRANSACTION;\n{body}\nCOMMIT TRANSACTION;"

    def refill(self, key: str, query: str, dates: Sequence[date] = (), **more: str) -> None:
        """Give a scratch table the rows of `query`."""
        self.run(self.refill_of(key, query, dates, **more))

    def refill_of(self, key: str, query: str, dates: Sequence[date] = (), **more: str) -> str:
        """Return the script of `refill`."""
        table = tables()[key]
        columns = ", ".join(column["name"] for column in table.columns)
        name = self._name(table)
        rows = render(query, self.values(**more), dates).strip()
        return self.transaction_of(
            [f"DELETE FROM {name} WHERE TRUE", f"INSERT INTO {name} ({columns}) SELECT {columns} FROM ({rows})"]
        )

    def start_load(
        self, key: str, rows: IO[bytes], columns: Sequence[Mapping[str, Any]], *, name: str = "", replace: bool = False
    ) -> bigquery.LoadJob:
        """Start adding rows, a line of JSON each, to `dataset.table`, or putting them in the place of its rows.

        A load job bills nothing and writes all of the rows or none. BigQuery does a job of one `name` once: started
        again after a crash, the returned job is the first one unless that failed.
        """
        dataset, table = key.split(".")
        write = bigquery.WriteDisposition
        configuration = bigquery.LoadJobConfig(
            schema=[schema_field(column) for column in columns],
            source_format=bigquery.SourceFormat.NEWLINE_DELIMITED_JSON,
            write_disposition=write.WRITE_TRUNCATE if replace else write.WRITE_APPEND,
            create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
            labels=_LABELS,
        )
        target = f"{self._client.project}.{self.datasets[dataset]}.{table}"
        for attempt in itertools.count():
            job_id = f"{name or uuid.uuid4().hex}-{attempt}"
            try:
                return self._client.load_table_from_file(
                    rows, target, rewind=True, job_id=job_id, job_config=configuration
                )
            except Conflict:
                job = self._client.get_job(job_id, retry=RETRY)
                if isinstance(job, bigquery.LoadJob) and not job.error_result:
                    return job
        raise AssertionError("unreachable")

    def ensure_tables(self) -> None:
        """Create what is missing, add new columns, and write the views whose declaration changed."""
        for table in tables().values():
            if table.kind in ("table", "scratch"):
                self._ensure_table(table)
        fresh = False
        for view in views():  # each after those that it reads: one that is written anew has all that follow written
            fresh = self._ensure_view(view, anyway=fresh) or fresh

    def _ensure_table(self, table: Table) -> None:
        wanted = self._declared(table)
        try:
            current = self._client.get_table(wanted.reference, retry=RETRY)
        except NotFound:
            try:
                self._client.create_table(wanted, retry=RETRY)
            except Conflict:  # another run was first
                return
            log.info("created %s", table.key)
            return
        if fresh := list(missing(current.schema, wanted.schema)):
            current.schema = grown(current.schema, wanted.schema)
            self._client.update_table(current, ["schema"], retry=RETRY)
            log.info("added %s to %s", ", ".join(fresh), table.key)

    def _declared(self, table: Table) -> bigquery.Table:
        reference = f"{self._client.project}.{self._name(table)}"
        made = bigquery.Table(reference, schema=[schema_field(column) for column in table.columns])
        made.description = table.description
        if table.partition_by:
            made.time_partitioning = bigquery.TimePartitioning(field=table.partition_by)
            made.require_partition_filter = table.require_partition_filter
        if table.cluster_by:
            made.clustering_fields = list(table.cluster_by)
        return made

    def narrow_live_views(self) -> None:
        """Have the views of what no run has loaded read no raw partition that cannot have such a row any more.

        Partitions are pruned by constants, so that the date is part of the views' text; they are written once a day.
        Until then, and when a view was written anew, they read more than they must.
        """
        for row in self.query(statements.LIVE_SINCE):
            since = row["live_since"].isoformat()
            for view in views():
                if _LIVE_SINCE in (view.query or "") and self._labels(view).get(_SINCE) != since:
                    self._write_view(view, labels={_SINCE: since}, live_since=f"TIMESTAMP '{since} 00:00:00+00'")

    def _ensure_view(self, view: Table, *, anyway: bool) -> bool:
        """Write the view if it is missing, another one, or `anyway`; return whether it was written."""
        if not anyway and self._labels(view).get(_DECLARATION) == self._declaration(view):
            return False
        self._write_view(view)
        return True

    def _write_view(self, view: Table, *, labels: Mapping[str, str] | None = None, **values: str) -> None:
        self.run(f"CREATE OR REPLACE VIEW {self._definition(view, **values)}")
        made = bigquery.Table(f"{self._client.project}.{self._name(view)}")
        # Not in the statement: killed in between, it is written once more.
        made.labels = {_DECLARATION: self._declaration(view), **(labels or {})}
        self._client.update_table(made, ["labels"], retry=RETRY)
        log.info("wrote %s", view.key)

    def _definition(self, view: Table, **values: str) -> str:
        assert view.query is not None
        columns = ", ".join(f"{c['name']} OPTIONS (description = {_quoted(c['description'])})" for c in view.columns)
        query = render(view.query, self.values(**values))
        return f"{self._name(view)} ({columns}) OPTIONS (description = {_quoted(view.description)}) AS {query}"

    def _declaration(self, view: Table) -> str:
        return hashlib.sha256(self._definition(view).encode()).hexdigest()[:_DECLARATION_LENGTH]

    def _labels(self, view: Table) -> dict[str, str]:
        try:
            return dict(self._client.get_table(f"{self._client.project}.{self._name(view)}", retry=RETRY).labels)
        except NotFound:
            return {}


def _parameter(name: str, value: str | Sequence[str]) -> bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter:
    if isinstance(value, str):
        return bigquery.ScalarQueryParameter(name, "STRING", value)
    return bigquery.ArrayQueryParameter(name, "STRING", list(value))


def literal(value: date) -> str:
    """A GoogleSQL literal of a date or a timestamp, which are digits whatever data they come from.

    Partitions are pruned by constants. What may be any text goes as a parameter.
    """
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.isoformat()}'"
    return f"DATE '{value.isoformat()}'"


def _quoted(text: str) -> str:
    """A literal of a description, which is a text of ours."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"

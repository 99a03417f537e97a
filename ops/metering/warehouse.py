"""What a run of the pipeline would have BigQuery bill, from the statements that it ran and the tables they met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from google.cloud import bigquery

from ops.errors import OperatorError
from ops.google import request
from ops.metering import scans
from ops.metering.scans import Read
from ops.metering.sizes import Sizes

HORIZON = 6000
"""Days of partitions that a condition is tried on: back to about 2010, before which no event may be."""
_LISTED = 10_000  # jobs that the stand-in tells of at once


@dataclass(frozen=True)
class Scan:
    """A table of one statement of one run. `days`: partitions it reads; None for a table without partitions."""

    statement: int  # its turn in the run
    read: Read
    days: int | None
    bytes: int

    @property
    def billed(self) -> int:
        return max(self.bytes, scans.MINIMUM_BYTES)


class MeteredWarehouse:
    """The tables of a stack's datasets, and the jobs that the stand-in remembers."""

    def __init__(self, client: bigquery.Client, url: str, datasets: Sequence[str]) -> None:
        self._client = client
        self._jobs = f"{url}/bigquery/v2/projects/{client.project}/jobs"
        self._partitions: dict[str, bigquery.SchemaField] = {}
        self.tables: dict[str, scans.Table] = {}
        for dataset in datasets:
            for item in client.list_tables(f"{client.project}.{dataset}"):
                if item.table_type == "TABLE":
                    self._add(f"{dataset}.{item.table_id}")

    def _add(self, name: str) -> None:
        table = self._client.get_table(f"{self._client.project}.{name}")
        by = table.time_partitioning.field if table.time_partitioning else None
        self.tables[name] = scans.Table({field.name: field.field_type for field in table.schema}, by)
        for field in table.schema:
            if field.name == by:
                self._partitions[name] = field

    def job_ids(self) -> set[str]:
        return set(self._listed())

    def scans(self, before: set[str]) -> list[Scan]:
        """What every statement scans that was run since `before` was read.

        Raises:
            OperatorError: a statement that cannot be read, or of a table that is not there; says which.
        """
        sizes, scan_list, turn = Sizes(self._client), [], 0
        for job, script in self._listed().items():
            if job in before:
                continue
            try:
                read = [scans.reads(statement, self.tables) for statement in scans.statements(script)]
            except (ValueError, KeyError) as e:
                raise OperatorError(f"what job {job} scans cannot be told ({e}): {script[:120]!r}") from None
            for statement in read:
                scan_list += [Scan(turn, one, self._days(sizes, one), self._bytes(sizes, one)) for one in statement]
                turn += 1
        return scan_list

    def _bytes(self, sizes: Sizes, read: Read) -> int:
        return sizes.total(read.table, read.condition or self.everything(read.table), read.columns)

    def _days(self, sizes: Sizes, read: Read) -> int | None:
        field = self._partitions.get(read.table)
        return sizes.days(field.name, read.condition, field.field_type, HORIZON) if field else None

    def everything(self, table: str) -> str:
        """A condition that leaves every partition: a table may require one."""
        field = self._partitions.get(table)
        if field is None:
            return ""
        return f"{field.name} >= {'TIMESTAMP' if field.field_type == 'TIMESTAMP' else 'DATE'} '2000-01-01'"

    def partition_column(self, table: str) -> str | None:
        return self.tables[table].partition_column

    def _listed(self) -> dict[str, str]:
        """Statements by job. Those of views only change what is defined."""
        jobs = request("GET", f"{self._jobs}?maxResults={_LISTED}").get("jobs", [])
        if len(jobs) >= _LISTED:
            raise OperatorError(
                "the stand-in remembers too many jobs to tell this run's; `make down`, `make up`, meter"
            )
        scripts = {job["id"]: str(job["configuration"].get("query", {}).get("query", "")) for job in jobs}
        return {job: script for job, script in scripts.items() if script and not script.startswith("CREATE ")}

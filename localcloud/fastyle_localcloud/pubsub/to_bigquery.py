"""BigQuery subscriptions, by the REST stand-in's insertAll.

The stand-in takes rows that BigQuery would not (a REQUIRED column missing, an unknown field, a text that is no
number) or fails as a whole on one of them. So every row is held against the table's schema here first; what does not
fit is refused as a permanent failure of its message, as a BigQuery subscription does.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import aiohttp

from fastyle_localcloud.pubsub.access import Access
from fastyle_localcloud.pubsub.avro_json import Mismatch
from fastyle_localcloud.pubsub.backlog import Backlog
from fastyle_localcloud.pubsub.delivery import Delivery
from fastyle_localcloud.pubsub.export import Exporter, Unwritable, metadata
from fastyle_localcloud.pubsub.schemas import Validator

_ROWS, _BYTES = 500, 5 * 2**20
_GATHER_SECONDS = 0.5  # one write of many rows costs the stand-in little more than a write of one
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})?")


class RowError(ValueError):
    """A message that the table cannot hold: which column, and why."""


class BigQueryExporter(Exporter):
    """Appends batches of rows to one table."""

    def __init__(
        self, backlog: Backlog, access: Access, session: aiohttp.ClientSession, url: str, validator: Validator | None
    ) -> None:
        super().__init__(backlog, access, session, url, validator)
        project, dataset, table = backlog.config.bigquery_config.table.split(".", 2)
        self._resource = f"projects/{project}/datasets/{dataset}/tables/{table}"
        self._url = f"{url}/bigquery/v2/{self._resource}"
        self._full = False  # whether the last batch was: then more waits already

    @property
    def _config(self) -> Any:
        return self.backlog.config.bigquery_config

    def _check_grants(self) -> None:
        self._require(self._resource, "roles/bigquery.dataEditor")

    async def _gather(self) -> list[Delivery]:
        await self.backlog.wait()
        if not self._full:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), _GATHER_SECONDS)
        self._hurry.clear()
        batch = self.backlog.take(_ROWS, _BYTES, None)
        self._full = len(batch) == _ROWS
        return batch

    async def _write(self, batch: Sequence[Delivery]) -> dict[int, str]:
        columns = (await self._call("GET", "", None))["schema"]["fields"]
        rows: list[tuple[int, dict[str, Any]]] = []
        refused: dict[int, str] = {}
        for delivery in batch:
            try:
                rows.append((delivery.id, self._row(delivery.message(), columns)))
            except (RowError, Mismatch) as error:
                refused[delivery.id] = f"BigQuery cannot hold the message: {error}"
        if rows:
            refused |= await self._insert(rows)
        return refused

    async def _insert(self, rows: list[tuple[int, dict[str, Any]]]) -> dict[int, str]:
        """Append rows; when the table refuses a batch, halves of it tell which row it is."""
        body = {"rows": [{"insertId": str(id), "json": row} for id, row in rows]}
        try:
            answer = await self._call("POST", "/insertAll", body)
        except RowError as error:
            if len(rows) == 1:
                return {rows[0][0]: str(error)}
            middle = len(rows) // 2
            return {**await self._insert(rows[:middle]), **await self._insert(rows[middle:])}
        errors = answer.get("insertErrors") or []
        return {rows[e["index"]][0]: str(e.get("errors", "refused"))[:300] for e in errors}

    async def _call(self, method: str, path: str, body: Any) -> Any:
        """`RowError` when the table answers and refuses; `Unwritable` when it is not there or nothing answers."""
        try:
            async with self._session.request(method, self._url + path, json=body) as answer:
                text = await answer.text()
                if answer.status == 200:
                    return json.loads(text)
                if answer.status == 404:
                    raise Unwritable(404, f"table {self._config.table} does not exist")
                if method == "POST" and answer.status in (400, 500):
                    raise RowError(text[:300])
                raise Unwritable(answer.status, text[:300])
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unwritable(503, f"BigQuery cannot be reached: {type(error).__name__}: {error}") from None

    def _row(self, message: Any, columns: list[Any]) -> dict[str, Any]:
        config = self._config
        if config.use_topic_schema and self._validator is not None:
            values = self._validator.decode(message.data)[1]
        elif config.use_table_schema:
            try:
                values = json.loads(message.data)
            except ValueError as error:
                raise RowError(f"the data is not JSON: {error}") from None
        else:
            values = {"data": message.data}
        if config.write_metadata:
            told = metadata(message, self.backlog.config.name)
            values = {**values, **told, "attributes": json.dumps(told["attributes"])}
        return _record(values, columns, "", drop_unknown=config.drop_unknown_fields)


def _record(values: Any, columns: list[Any], at: str, *, drop_unknown: bool) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise RowError(f"{at or 'the message'} is not a record")
    by_name = {column["name"]: column for column in columns}
    if not drop_unknown and (extra := sorted(set(values) - set(by_name))):
        raise RowError(f"{at}{extra[0]}: the table has no such column")
    row = {}
    for name, column in by_name.items():
        mode, value = column.get("mode", "NULLABLE"), values.get(name)
        where = f"{at}{name}"
        if value is None:
            if mode == "REQUIRED":
                raise RowError(f"{where}: is required and missing")
            continue
        if mode == "REPEATED":
            if not isinstance(value, list):
                raise RowError(f"{where}: is not a list")
            items = enumerate(value)
            row[name] = [_cell(v, column, f"{where}[{n}]", drop_unknown=drop_unknown) for n, v in items]
        else:
            row[name] = _cell(value, column, where, drop_unknown=drop_unknown)
    return row


def _cell(value: Any, column: Any, at: str, *, drop_unknown: bool) -> Any:
    """A value as insertAll takes it, by the conversions of Avro to BigQuery."""
    kind = column["type"].upper()
    if kind in ("RECORD", "STRUCT"):
        return _record(value, column.get("fields", []), f"{at}.", drop_unknown=drop_unknown)
    try:
        return _CONVERSIONS[kind](value) if kind in _CONVERSIONS else _text(value)
    except (ValueError, TypeError, InvalidOperation):
        raise RowError(f"{at}: {value!r:.80} is not a value of type {kind}") from None


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def _bytes(value: Any) -> str:
    return base64.b64encode(value if isinstance(value, bytes) else str(value).encode()).decode()


def _timestamp(value: Any) -> str:
    # Always as text: the stand-in reads epoch seconds as microseconds.
    if isinstance(value, int) and not isinstance(value, bool):
        value = _EPOCH + timedelta(microseconds=value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if not _TIMESTAMP.fullmatch(value):
        raise ValueError(value)
    datetime.fromisoformat(value.replace("Z", "+00:00"))
    return str(value)


def _date(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return (date(1970, 1, 1) + timedelta(days=value)).isoformat()
    return value.isoformat() if isinstance(value, date) else date.fromisoformat(value).isoformat()


def _numeric(value: Any) -> str:
    number = Decimal(str(value))
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or -exponent > 9 or len(digits) + max(exponent, 0) - max(-exponent, 0) > 29:
        raise ValueError(value)
    return f"{number:f}"


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise ValueError(value)
    return value


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "TIMESTAMP": _timestamp,
    "DATE": _date,
    "NUMERIC": _numeric,
    "BIGNUMERIC": lambda v: f"{Decimal(str(v)):f}",
    "INTEGER": _integer,
    "INT64": _integer,
    "FLOAT": float,
    "FLOAT64": float,
    "BOOLEAN": lambda v: v if isinstance(v, bool) else _fail(v),
    "BOOL": lambda v: v if isinstance(v, bool) else _fail(v),
    "BYTES": _bytes,
    "JSON": lambda v: v if isinstance(v, str) else json.dumps(v),
}


def _fail(value: Any) -> Any:
    raise ValueError(value)

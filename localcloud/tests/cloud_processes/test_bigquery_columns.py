"""Whole columns in the BigQuery stand-in: fingerprints as Google's own library has them, cells as the package writes them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow  # type: ignore[import-untyped]  # no stubs
import pytest
from bqemulator.storage import arrow_bridge
from fastyle_localcloud.standins.bigquery_engine import fingerprints
from fastyle_localcloud.standins.rows import arrow_table_to_bq_rows

# By Google's FarmHash, `Fingerprint64`, of so many bytes of the alphabet over and over.
GOLDEN = {
    0: -7286425919675154353,
    3: 2640714258260161385,
    5: -4454264111583329068,
    16: 6080716761534418621,
    17: -7052348088954416216,
    32: -29633327639612006,
    33: 2004761416539416594,
    64: -7184832003244844038,
    65: 2608948203458330154,
    127: 7796145376145211299,
    128: -4385295067663546550,
    129: -7269759402498002988,
    400: 7639844198726092677,
}
ALPHABET = "abcdefghijklmnopqrstuvwxyz"


def text(length: int) -> str:
    return (ALPHABET * (length // len(ALPHABET) + 1))[:length]


@pytest.mark.parametrize("length", GOLDEN)
def test_a_fingerprint_is_google_s(length: int) -> None:
    assert fingerprints(pyarrow.array([text(length)])).to_pylist() == [GOLDEN[length]]


@pytest.mark.parametrize("chunks", [1, 3])
def test_a_column_s_fingerprints_are_those_of_its_texts_in_their_order(chunks: int) -> None:
    lengths = [*GOLDEN, *reversed(GOLDEN)]
    texts = [None, *(text(length) for length in lengths), None]
    column = pyarrow.chunked_array([texts[n::chunks] for n in range(chunks)])
    by_text = {None: None} | {text(length): whole for length, whole in GOLDEN.items()}
    assert fingerprints(column).to_pylist() == [by_text[value] for value in column.to_pylist()]
    assert fingerprints(column.combine_chunks()[2:5]).to_pylist() == [by_text[v] for v in column.to_pylist()[2:5]]
    assert fingerprints(pyarrow.chunked_array([], pyarrow.string())).to_pylist() == []


_MOMENT = datetime(2026, 3, 8, 7, 0, 0, 123456, tzinfo=UTC)
COLUMNS: dict[str, tuple[Any, list[Any]]] = {
    "text": (pyarrow.string(), ["a", "", "é\n"]),
    "whole": (pyarrow.int64(), [0, -1, 2**62]),
    "small": (pyarrow.int8(), [0, -1, 7]),
    "huge": (pyarrow.decimal128(38, 0), [Decimal(0), Decimal(10) ** 30, Decimal(-1)]),
    "amount": (pyarrow.decimal128(29, 9), [Decimal("0"), Decimal("-0.000000001"), Decimal("1234.5")]),
    "share": (pyarrow.float64(), [0.1, 1.0, float("inf")]),
    "truth": (pyarrow.bool_(), [True, False, True]),
    "day": (pyarrow.date32(), [date(1, 1, 1), date(1969, 12, 31), date(9999, 12, 31)]),
    "clock": (pyarrow.time64("us"), [time(0), time(23, 59, 59, 999999), time(1, 2, 3)]),
    "moment": (pyarrow.timestamp("us", "UTC"), [_MOMENT, datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)]),
    "elsewhere": (pyarrow.timestamp("us", "America/New_York"), [_MOMENT, _MOMENT, datetime(1969, 7, 20, tzinfo=UTC)]),
    "wall clock": (pyarrow.timestamp("us"), [datetime(2026, 3, 8, 2, 30), datetime(1, 1, 1), datetime(9999, 12, 31, 1, 1, 1, 1)]),
    "bytes": (pyarrow.binary(), [b"", b"\0\xff", b"text"]),
    "list": (pyarrow.list_(pyarrow.int64()), [[], [1], [1, 2]]),
    "record": (pyarrow.struct([("n", pyarrow.int64()), ("day", pyarrow.date32())]), [{"n": 1, "day": date(2026, 1, 1)}, {"n": None, "day": None}, {"n": 3, "day": None}]),
}  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
def test_a_cell_is_written_as_the_package_writes_it(name: str) -> None:
    kind, values = COLUMNS[name]
    table = pyarrow.table({"n": [1, 2, 3, 4], name: pyarrow.array([*values, None], kind)})
    for where in ({}, {"offset": 1}, {"offset": 1, "limit": 2}, {"limit": 0}, {"offset": 4}):
        assert arrow_table_to_bq_rows(table, **where) == arrow_bridge.arrow_table_to_bq_rows(table, **where)


def test_a_range_and_a_place_are_left_to_the_package() -> None:
    """Their types are told by what is noted of the field."""
    span = pyarrow.struct([("start", pyarrow.date32()), ("end", pyarrow.date32())])
    noted = {"bqemu.duckdb_type": 'STRUCT("start" DATE, "end" DATE)'}
    field = pyarrow.field("span", span, metadata=noted)
    table = pyarrow.table([[{"start": date(2026, 1, 1), "end": None}, None]], schema=pyarrow.schema([field]))
    assert arrow_table_to_bq_rows(table) == arrow_bridge.arrow_table_to_bq_rows(table)
    assert arrow_table_to_bq_rows(table)[0] == {"f": [{"v": "[2026-01-01, UNBOUNDED)"}]}


def test_a_result_without_columns_has_no_rows() -> None:
    assert arrow_table_to_bq_rows(pyarrow.table({}), limit=10) == []

"""`fastyle trade file` against the POS API over HTTP: whatever is refused can be found, mended and sent again."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from werkzeug.serving import make_server

from ops import cli, trade_files
from ops.endpoints import from_outputs
from tests.support.events import change, sale
from tests.support.pos_api import credentials
from workloads.pos_api.publisher import PublishError
from workloads.pos_api.service import PosApi
from workloads.runtime.credentials import CredentialStore

pytestmark = pytest.mark.slow


class Kept:
    """A publisher that keeps what it is given, but for the first requests that it is to fail."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self.requests = self.failures = 0

    def publish(self, events: list[Any]) -> None:
        self.requests += 1
        if self.requests <= self.failures:
            raise PublishError("not now")
        self.events += events

    @property
    def event_ids(self) -> list[str]:
        return [event["event_id"] for _, event in self.events]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    kept = Kept()
    (tmp_path / "credentials.json").write_text(credentials(all=["*"]))
    service = PosApi(
        brand="Fastyle",
        currency="USD",
        credentials=CredentialStore(tmp_path / "credentials.json"),
        publisher=kept,  # type: ignore[arg-type]
    )
    app = Flask(__name__)

    def handle(path: str) -> Any:
        from flask import request

        return service(request._get_current_object())  # type: ignore[attr-defined]

    app.add_url_rule("/<path:path>", "handle", handle, methods=["POST"])
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    outputs: dict[str, Any] = dict.fromkeys(("api_url", "pipeline_url", "timezone", "currency", "bucket"), "x")
    outputs |= {key: {} for key in ("topics", "dead_letter_topics", "datasets", "secrets")}
    outputs |= {"project": "p", "pos_api_url": f"http://127.0.0.1:{server.server_port}"}
    monkeypatch.setattr(cli, "load_endpoints", lambda stack: from_outputs("dev", outputs))
    yield kept
    server.shutdown()
    thread.join()


def send(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli.cli, ["trade", "file", str(path), "--token", "all", *arguments])


def rejects(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_refused_row_is_found_in_the_rejects_file(kept: Kept, tmp_path: Path) -> None:
    path = tmp_path / "day.ndjson"
    bad = [sale(event_id=str(uuid.uuid4()), currency="EUR") for _ in range(391)]
    lines = [json.dumps(sale()), "", "{", '"lines"', json.dumps(change(quantity=0)), *map(json.dumps, bad), "[]"]
    path.write_text("\r\n".join(lines))
    answer = send(path)
    assert answer.exit_code == 1
    assert "395 events were rejected" in answer.output
    refused = rejects(tmp_path / "day.ndjson.rejects.ndjson")
    assert [(row["line"], row["event_id"], row["field"]) for row in refused] == [
        (3, None, ""),
        (4, None, ""),
        (5, change()["event_id"], "quantity"),
        *((6 + n, event["event_id"], "currency") for n, event in enumerate(bad)),
        (397, None, ""),
    ]
    assert refused[0]["error"].startswith("is not JSON")
    assert refused[2]["error"] == "must be above 0 for a receipt"
    assert refused[2]["event"] == change(quantity=0)
    assert kept.event_ids == [sale()["event_id"]]
    # Mended and sent again, nothing is left of it.
    path.write_text(json.dumps(sale()))
    assert send(path).exit_code == 0
    assert not (tmp_path / "day.ndjson.rejects.ndjson").exists()


def test_a_pos_api_that_stays_away_is_told_of_once_and_told_to_be_back(kept: Kept, tmp_path: Path) -> None:
    kept.failures = 3
    path = tmp_path / "day.ndjson"
    path.write_text(json.dumps(sale()))
    answer = send(path)
    assert answer.exit_code == 0
    assert kept.event_ids == [sale()["event_id"]]
    told = [line.strip() for line in answer.output.splitlines()[:-1]]
    assert told == [
        "the POS API answers 503; sending the same again for 120 s at most",
        "the POS API takes events again",
    ]


def test_batches_split_by_themselves(kept: Kept, tmp_path: Path) -> None:
    """200 receipts of 500 lines are more than a request may hold: it was answered with 413, and nothing was sent."""
    lines = [sale()["lines"][0] | {"line_number": number, "sku": "S" * 80} for number in range(500)]
    receipts = [sale(event_id=str(uuid.uuid4()), lines=lines) for _ in range(200)]
    path = tmp_path / "receipts.ndjson"
    path.write_text("\n".join(map(json.dumps, receipts)))
    assert path.stat().st_size > 16 * 1024 * 1024
    answer = send(path)
    assert answer.exit_code == 0, answer.output
    assert sorted(kept.event_ids) == sorted(receipt["event_id"] for receipt in receipts)
    assert kept.requests <= 8


def test_an_event_that_no_request_can_hold_is_refused_alone(kept: Kept, tmp_path: Path) -> None:
    path = tmp_path / "huge.ndjson"
    path.write_text("\n".join([json.dumps(sale()), json.dumps(sale(customer_id="x" * 9_000_000))]))
    assert send(path, "--rejects", str(tmp_path / "elsewhere")).exit_code == 1
    [refused] = rejects(tmp_path / "elsewhere")
    assert (refused["line"], refused["field"]) == (2, "body")
    assert kept.event_ids == [sale()["event_id"]]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_taken(kept: Kept, tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "day.ndjson"
    path.write_text(json.dumps(sale(customer_id="Zoë"), ensure_ascii=False), encoding=encoding)
    assert send(path).exit_code == 0
    assert kept.event_ids == [sale()["event_id"]]


def test_another_encoding_is_named_in_one_line(kept: Kept, tmp_path: Path) -> None:
    path = tmp_path / "day.ndjson"
    path.write_text(json.dumps(sale(customer_id="Zoë"), ensure_ascii=False), encoding="latin-1")
    refused = send(path)
    assert refused.exit_code == 1
    assert isinstance(refused.exception, SystemExit), "a sentence, no traceback"
    assert "day.ndjson:1: is not UTF-8" in refused.output
    assert send(path, "--encoding", "latin-1").exit_code == 0
    assert send(path, "--encoding", "x-none").exit_code == 1
    assert kept.event_ids == [sale()["event_id"]]


SALES = """transaction_id,event_time,location_id,channel,customer_id,currency,sku,quantity,unit_price,discount
T-1,2026-03-01T09:00:00Z,S01,store,,USD,A,2,10.00,0
T-1,2026-03-01T09:00:00Z,S01,store,,USD,"B, blue",-1,5.50,0.50
T-2,2026-03-01T09:05:00Z,S01,online,C-1,USD,A,1,10.00,0
"""
CHANGES = """event_id,event_time,location_id,sku,kind,quantity,reference
{0},2026-03-01T09:00:00Z,W01,A,receipt,12,
{1},2026-03-01T09:00:00Z,W01,A,receipt,many,D-1
{1},2026-03-01T09:00:00Z,W01
"""


def test_rows_of_a_csv_file_are_lines_of_sales(kept: Kept, tmp_path: Path) -> None:
    path = tmp_path / "day.csv"
    path.write_text(SALES)
    for _ in range(2):
        assert send(path).exit_code == 0
    (stream, first), (_, second), *again = kept.events
    lines = first.pop("lines")
    assert stream == "sales"
    assert (first["transaction_id"], first["customer_id"]) == ("T-1", None)
    assert [(line["line_number"], line["sku"], line["quantity"], line["unit_price"]) for line in lines] == [
        (1, "A", 2, "10.00"),
        (2, "B, blue", -1, "5.50"),
    ]
    assert (second["customer_id"], len(second["lines"])) == ("C-1", 1)
    assert [event["event_id"] for _, event in again] == [first["event_id"], second["event_id"]], (
        "the same rows, the same ids"
    )


def test_a_row_of_a_csv_file_is_an_inventory_change(kept: Kept, tmp_path: Path) -> None:
    path = tmp_path / "changes.CSV"
    path.write_text(CHANGES.format(uuid.uuid4(), uuid.uuid4()))
    assert send(path).exit_code == 1
    [(stream, event)] = kept.events
    assert (stream, event["quantity"], event["reference"]) == ("inventory", 12, None)
    refused = rejects(tmp_path / "changes.CSV.rejects.ndjson")
    assert [(row["line"], row["field"]) for row in refused] == [(3, "quantity"), (4, "")]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_and_empty_rows_of_a_spreadsheet_are_taken(kept: Kept, tmp_path: Path, separator: str) -> None:
    path = tmp_path / "day.csv"
    rows = [*SALES.replace("B, blue", "B").splitlines(), "," * 9]
    path.write_text("\r\n".join(row.replace(",", separator) for row in rows))
    answer = send(path)
    assert answer.exit_code == 0, answer.output
    assert len(kept.events) == 2


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "Receipt,Date\n1,2026-03-01\n", "a.csv:1: none of its columns is a field of an event: Receipt, Date"),
        ("a.csv", SALES.replace("channel", "Channel"), "is called 'Channel'; a column is missing for channel"),
        ("a.csv", SALES.replace(",discount", "").replace(",0\n", "\n"), "a column is missing for discount"),
        ("a.csv", SALES.replace("customer_id", "sku"), "a.csv:1: more than one column is called 'sku'"),
        ("a.csv", SALES.replace(",2,10.00,", ",2,10,00,"), "a.csv:2: has 11 columns, the header 10"),
        ("a.csv", f'{SALES}T-3,"', "a.csv:5: is not CSV"),
        ("a.csv", SALES.splitlines()[0], "a.csv: holds no events"),
        ("a.csv", "", "a.csv:1: has no header"),
        ("a.ndjson", "\n", "a.ndjson: holds no events"),
        ("a.json", json.dumps([sale()]), "a.json:1: is JSON, but not one event a line"),
        ("a.json", json.dumps(sale(), indent=1), "a.json:1: is JSON, but not one event a line"),
        ("a.xlsx", "PK", "a.xlsx: the end of a file's name tells what it holds: .csv"),
        ("a.csv", "PK\x03\x04...", "a.csv: is a spreadsheet or an archive, not text; save the sheet as CSV"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused_whole(
    kept: Kept, tmp_path: Path, name: str, content: str, said: str
) -> None:
    """Row by row, thousands of refusals would say the same; and a receipt would be sent without the line that is not read,
    and again, as another one, once that is mended."""
    path = tmp_path / name
    path.write_text(content)
    answer = send(path)
    assert (answer.exit_code, isinstance(answer.exception, SystemExit)) == (1, True), "a sentence, no traceback"
    assert said in answer.output
    assert kept.requests == 0
    assert not (tmp_path / f"{name}.rejects.ndjson").exists()


def test_rows_of_one_receipt_that_differ_in_more_than_their_lines_are_refused(kept: Kept, tmp_path: Path) -> None:
    """They were two events with one `transaction_id`, a fault of data quality that nobody could mend any more."""
    path = tmp_path / "day.csv"
    path.write_text(
        SALES.replace('T-1,2026-03-01T09:00:00Z,S01,store,,USD,"B', 'T-1,2026-03-01T09:00:07Z,S01,store,,USD,"B')
    )
    answer = send(path)
    assert (answer.exit_code, "1 event was rejected" in answer.output) == (1, True), answer.output
    assert [event["transaction_id"] for _, event in kept.events] == ["T-2"]
    [refused] = rejects(tmp_path / "day.csv.rejects.ndjson")
    assert (refused["line"], refused["field"]) == (3, "event_time")
    assert "differs on line 3 from line 2" in refused["error"]
    path.write_text(SALES)
    assert send(path).exit_code == 0
    assert {event["transaction_id"] for _, event in kept.events} == {"T-1", "T-2"}


def test_another_kind_of_file_is_one_reader(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(trade_files.READERS, ".tsv", lambda text: trade_files.csv_rows(text.replace("\t", ",")))
    path = tmp_path / "day.tsv"
    path.write_text(SALES.replace("B, blue", "B").replace(",", "\t"))
    assert send(path).exit_code == 0
    assert len(kept.events) == 2

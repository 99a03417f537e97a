"""A copy of this checkout with a third stream and one more mart, by `fastyle new` alone, and an optional field of the sales event
that the mart shows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

TOPIC, STREAM, MART = "price-changes", "price_changes", "sales_by_location"


class Extended(NamedTuple):
    """What the copy makes of each, with the files that the command wrote, or that were edited by hand."""

    stream: dict[str, Any]
    mart: dict[str, Any]
    field: dict[str, Any]


HELD = (
    "watched or runbook or table or check or hash",
    "tests/unit/docs/test_docs_operations.py",
    "tests/unit/infra/test_config_inventory.py",
    "tests/unit/sql/test_sql_tables.py",
    "tests/unit/workloads/events/test_event_identity.py",
)
"""Tests of what there is of each stream and mart: a word of their names, and their files."""
FIELD = "tax_amount"
_DECLARED = {
    "name": FIELD,
    "type": ["null", "string"],
    "default": None,
    "doc": "Tax within the line's price, in the transaction's currency; null where it is not known.",
    "contract": {"format": "amount"},
}
_COLUMN = (
    "  - name: tax\n    type: NUMERIC\n    description: Tax of the lines where it is known; null where it is of none.\n"
)


def add_field(root: Path) -> None:
    """The field of a sale's line, as CONTRIBUTING.md says, and a column of it in the mart: all that is edited by hand."""
    schema = root / "workloads/events/streams/sales/schema.avsc"
    avro = json.loads(schema.read_text(encoding="utf-8"))
    [lines] = [field for field in avro["fields"] if field["name"] == "lines"]
    lines["type"]["items"]["fields"].append(_DECLARED)
    schema.write_text(json.dumps(avro, indent=2) + "\n", encoding="utf-8")
    mart = root / "sql/bigquery/marts" / MART
    with (mart / "mart.yaml").open("a", encoding="utf-8") as declaration:
        declaration.write(_COLUMN)
    query = (mart / "query.sql").read_text(encoding="utf-8")
    counted = "COUNT(DISTINCT l.transaction_id) AS transactions"
    assert counted in query
    query = query.replace(counted, f"{counted},\n  SUM(l.{FIELD}) AS tax")
    (mart / "query.sql").write_text(query, encoding="utf-8")


@pytest.fixture(scope="session")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Extended:
    from tests.support.checkout import Checkout, contents  # Google's clients: not for the process that hands out tests

    copy = Checkout.copy_to(tmp_path_factory.mktemp("extended"))
    written = {}
    for kind, name in (("stream", TOPIC), ("mart", MART)):
        before = contents(copy.root)
        more = ["--history"] if kind == "stream" else []
        command = [sys.executable, "-c", "from ops.cli import main; main()", "new", kind, name, *more]
        subprocess.run(command, cwd=copy.root, check=True, capture_output=True)
        after = contents(copy.root)
        written[kind] = sorted(name for name in after if after[name] != before.get(name))
    page = (copy.root / "docs" / "marts.md").read_text(encoding="utf-8")
    before = contents(copy.root)
    add_field(copy.root)
    edited = sorted(name for name, text in contents(copy.root).items() if text != before.get(name))
    told = copy.tells("tests.support.extended", STREAM, MART, FIELD, str(tmp_path_factory.mktemp("archives")))
    held = copy.python("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", HELD[0], *HELD[1:], check=False)
    return Extended(
        told["stream"] | {"written": written["stream"], "held": held.stdout},
        told["mart"] | {"written": written["mart"], "page": page},
        told["field"] | {"edited": edited},
    )

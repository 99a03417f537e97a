"""docs/localcloud.md says of each feature what it is here: held against the provider, which knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastyle_localcloud.provider.live import load_handlers
from fastyle_localcloud.provider.schema import token_of
from fastyle_localcloud.provider.table import rules_by_token

REPOSITORY = Path(__file__).resolve().parents[3]
PAGE = (REPOSITORY / "docs" / "localcloud.md").read_text(encoding="utf-8")
LABELS = {"emulated", "approximated", "recorded"}


def labelled() -> dict[str, set[str]]:
    """Type token -> labels in the table; a type may have a row for each of its features."""
    section = PAGE.split("## Features and their fidelity", 1)[1].split("\n## ", 1)[0]
    labels: dict[str, set[str]] = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[2] in LABELS:
            for name in re.findall(r"`(\w+\.\w+)`", cells[1]):
                labels.setdefault(token_of(name), set()).add(cells[2])
    return labels


def test_every_type_of_the_provider_is_labelled_and_no_other() -> None:
    assert set(labelled()) == set(rules_by_token())


@pytest.mark.parametrize("token", sorted(rules_by_token()))
def test_a_type_is_recorded_exactly_when_nothing_acts_on_it(token: str) -> None:
    alive = token in load_handlers()
    labels = labelled()[token]
    assert labels <= {"emulated", "approximated"} if alive else labels == {"recorded"}, token


def test_every_row_of_the_table_has_one_of_the_labels() -> None:
    section = PAGE.split("## Features and their fidelity", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    assert len(rows) >= 40
    for row in rows:
        assert row.strip("|").split("|")[2].strip() in LABELS, row


# What the BigQuery stand-in takes and treats otherwise, or refuses ("Silently different" of the page).
TREACHEROUS = {
    "rolls nothing back": r"(?<!connection\.)\bROLLBACK\b",  # PostgreSQL does
    "begins weeks on Sunday": r"\bWEEK\s*\(|\bISOWEEK\b",
    "rounds up": r"\bTIMESTAMP_DIFF\s*\(.*\bHOUR\b",
    "is taken literally": r"\bFORMAT_TIMESTAMP\s*\([^)]*%E[^6]",
    "is refused": r"\bINSERT\s+ROW\b|^\s*(?-i:ASSERT)\b|\$\d{8}\b|INFORMATION_SCHEMA\.(JOBS|TABLE_STORAGE)",
    "loses digits: define the table in its table.yaml": r"\bCREATE\s+(OR\s+REPLACE\s+)?(TEMP\s+)?TABLE\b",
}


def google_sql() -> list[Path]:
    queries = [*(REPOSITORY / "sql" / "bigquery").rglob("*.sql"), *(REPOSITORY / "workloads" / "pipeline").glob("*.py")]
    assert len(queries) > 20
    return queries


@pytest.mark.parametrize("what", TREACHEROUS)
def test_no_statement_relies_on_what_the_stand_in_gets_wrong(what: str) -> None:
    pattern = re.compile(TREACHEROUS[what], re.IGNORECASE | re.MULTILINE)
    wrong = [
        f"{path.relative_to(REPOSITORY)}:{number}: {line.strip()}"
        for path in google_sql()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line) and not line.lstrip().startswith(("#", "--"))
    ]
    assert wrong == [], f"in the local cloud this {what}"

"""The page on performance says what was measured, or that nothing whole was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops.errors import OperatorError
from tools import performance

PAGE = "before\n<!-- measured -->\n<!-- /measured -->\nafter"


def test_the_page_has_the_figures_of_the_measurement() -> None:
    results = json.loads(performance.RESULTS.read_text(encoding="utf-8"))
    page = performance.current(PAGE)
    assert page.startswith("before\n")
    assert page.endswith("\nafter")
    assert f"it is {results['ratios']['highest_held_to_slowest_stage']:.2f} of the slowest stage's own rate" in page
    assert f"is {results['ratios']['no_op_up_to_empty_program']} times the fourth" in page
    history = results["one_new_day_on_a_history"]
    for days, rows in history.get("rows_read", {}).items():
        assert f"| {days} | {history['seconds'][days]} | {rows:,} |" in page
    assert ("Not measured" in page) == ("not_measured" in history)
    for name in (*results["peak_memory_mb"], *results["api"]):
        assert f"| `{name}` |" in page


def test_the_page_has_every_fault_of_the_soak() -> None:
    results = json.loads(performance.SOAK.read_text(encoding="utf-8"))
    page = performance.soaked("<!-- soaked -->\n<!-- /soaked -->")
    assert all(f"| {each['fault']} |" in page for each in results["faults"])
    assert f"{results['lost_on_the_shelf']} are missing on the shelf, {results['lost_in_the_warehouse']} in the" in page
    assert f"{results['flood']['accepted']:,} events accepted" in page
    assert ("No fault was left out" in page) == (results["left_out"] is None)


def test_half_a_soak_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "soak.json"
    for content in ("", "[]", '{"faults": []}'):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(OperatorError, match=r"soak\.json is not a whole soak .*; run `make soak`"):
            performance.soaked("<!-- soaked -->\n<!-- /soaked -->", path)


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", '{"machine": {}, "ratios": {}}'])
def test_half_a_measurement_is_one_line(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(OperatorError, match=r"results\.json is not a whole measurement .*; run `make bench`"):
        performance.current(PAGE, path)


def test_histories_are_told_where_they_were_measured(tmp_path: Path) -> None:
    results = json.loads(performance.RESULTS.read_text(encoding="utf-8"))
    results["one_new_day_on_a_history"] = {
        "about": "a day of BigQuery's rows",
        "seconds": {"7": 2.0, "70": 2.2},
        "rows_read": {"7": 1000, "70": 1300},
        "ratios": {"rows_read_70_to_7": 1.3},
    }
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results), encoding="utf-8")
    page = performance.current(PAGE, path)
    assert "| 70 | 2.2 | 1,300 |" in page
    assert "A day of BigQuery's rows. Ratios (aim: 1.3): rows read 70 to 7 1.3." in page

"""Results that the processes of one user share, such as translations of statements."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastyle_localcloud import remembered
from fastyle_localcloud.remembered import Remembered


def translations(folder: Path) -> Remembered:
    return Remembered.of_releases(folder, "bqemulator", "sqlglot")


def test_what_one_server_translated_another_looks_up(tmp_path: Path) -> None:
    one, other = translations(tmp_path / "kept"), translations(tmp_path / "kept")
    assert other.get("SELECT a", "schema", "caller") is None
    one.put("SELECT 1", "SELECT a", "schema", "caller")
    assert other.get("SELECT a", "schema", "caller") == "SELECT 1"
    assert translations(tmp_path / "kept").get("SELECT a", "schema", "caller") == "SELECT 1"
    assert other.get("SELECT a", "another schema", "caller") is None
    assert other.get("SELECT a", "schema", "another caller") is None
    assert other.get("SELECT aschema", "", "caller") is None


def test_another_release_of_the_translator_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    translations(tmp_path).put("SELECT 1", "SELECT a")
    monkeypatch.setattr(remembered, "version", lambda _: "99.0")
    assert translations(tmp_path).get("SELECT a") is None


@pytest.mark.parametrize("damage", ["text instead of a database", "cut short", "a folder in its place", "too large"])
def test_whatever_is_wrong_with_the_file_counts_as_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    translations(tmp_path).put("SELECT 1", "SELECT a")
    [path] = tmp_path.glob("*.sqlite")
    for beside in tmp_path.glob("*.sqlite-*"):
        beside.unlink()
    if damage == "text instead of a database":
        path.write_text("SELECT 1" * 1000, encoding="utf-8")
    elif damage == "cut short":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "a folder in its place":
        path.unlink()
        path.mkdir()
    else:
        monkeypatch.setattr(remembered, "LARGEST_FILE", 1)
    after = translations(tmp_path)
    assert after.get("SELECT a") is None
    after.put("SELECT 1", "SELECT a")


def test_without_a_place_for_the_file_nothing_is_kept_and_nothing_fails(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("", encoding="utf-8")
    without = translations(tmp_path / "taken")
    without.put("SELECT 1", "SELECT a")
    assert without.get("SELECT a") is None

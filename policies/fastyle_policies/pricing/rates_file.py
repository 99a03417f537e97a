"""Writes what the catalogue says into the book's files: the rows of which something is stated, and no other."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from fastyle_policies.pricing import tables
from fastyle_policies.pricing.book import FOLDER, load
from fastyle_policies.pricing.refresh import Finding, pools, source
from fastyle_policies.pricing.report import plain

_CONFIRMED, _UNCONFIRMED = "C", "U"


def write(findings: Sequence[Finding], today: date, folder: Path = FOLDER) -> list[Path]:
    """Write prices, tiers, source and date of every rate that the catalogue states; returns the files that changed.

    Raises:
        ValueError: what would be written is no valid book; nothing is written then.
    """
    stated = {(f.rate.region, f.rate.id): _cells(f, today) for f in findings}
    for name, (quantity, price) in pools(load(folder), findings).items():
        told = {"quantity": plain(quantity), "read": today.isoformat()}
        stated["pools", name] = told if price is None else {**told, "price": plain(price)}
    texts: dict[Path, str] = {}
    for path in sorted(folder.glob("*.csv")):
        before = [row for _, row in tables.read(path)]
        after = [_with(row, stated.get((path.stem, next(iter(row.values()))), {})) for row in before]
        if after != before:
            texts[path] = tables.text(after)
    _check(folder, texts)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    load.cache_clear()
    return list(texts)


def _cells(finding: Finding, today: date) -> dict[str, str]:
    """What the catalogue states of a rate, by column."""
    if finding.offer is None:
        return {}
    told = {"source": source(finding.offer), "read": today.isoformat(), "confidence": _CONFIRMED}
    if finding.verdict == "changed":
        tiers = "; ".join(f"{plain(tier.above)}: {plain(tier.price)}" for tier in finding.offer.tiers)
        told |= {"price": plain(finding.offer.price), "tiers": tiers}
    return told


def _with(row: dict[str, str], told: dict[str, str]) -> dict[str, str]:
    """A row with what is stated of it; a note that says why a rate was unconfirmed goes with that."""
    settled = "confidence" in told and row["confidence"] == _UNCONFIRMED
    return {**row, **told, **({"note": ""} if settled else {})}


def _check(folder: Path, texts: dict[Path, str]) -> None:
    """Whether the book still loads with these texts, before any of them is written."""
    with tempfile.TemporaryDirectory() as name:
        for path in folder.glob("*.csv"):
            text = texts.get(path) or path.read_text(encoding="utf-8")
            (Path(name) / path.name).write_text(text, encoding="utf-8")
        load(Path(name))

"""Writes what the catalogue says into the book's files, and leaves everything else of them, comments too, as it is.

Of CSV files the rows that changed are written again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import yaml

from fastyle_policies.pricing import rate_rows
from fastyle_policies.pricing.book import FOLDER, GLOBAL, Tier, load
from fastyle_policies.pricing.refresh import Finding, pools, source
from fastyle_policies.pricing.report import plain

Edit = tuple[int, int, str]  # characters from, to; what stands there then
_CONFIRMED = "C"


def write(findings: Sequence[Finding], today: date, folder: Path = FOLDER) -> list[Path]:
    """Write prices, tiers, source and date of every rate that the catalogue states; returns the files that changed.

    Raises:
        ValueError: what would be written is no valid book; nothing is written then.
    """
    book, texts = load(folder), {}
    for path in sorted(folder.glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        edits: list[Edit] = []
        for finding in findings:
            if finding.offer and finding.rate.region == path.stem and _has(root, finding.rate.id):
                entry = _value(_value(root, "rates"), finding.rate.id)
                new = {"source": source(finding.offer), "read": today.isoformat(), "confidence": _CONFIRMED}
                edits += _edits(text, entry, new)
                if finding.verdict == "changed":
                    edits += _price(text, entry, finding.offer.price, finding.offer.tiers)
        if path.stem == GLOBAL:
            for name, (quantity, price) in pools(book, findings).items():
                entry = _value(_value(root, "pools"), name)
                new = {"quantity": _quoted(quantity), "read": today.isoformat()}
                if price is not None:
                    new["price"] = _quoted(price)
                edits += _edits(text, entry, new)
        after = _applied(text, edits)
        if after != text:
            texts[path] = after
    for path in sorted(folder.glob("*.csv")):
        if path.name not in rate_rows.NO_REGIONS:
            before = path.read_text(encoding="utf-8")
            after = _rows(path, [f for f in findings if f.offer and f.rate.region == path.stem], today)
            if after != before:
                texts[path] = after
    _check(folder, texts)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    load.cache_clear()
    return list(texts)


def _rows(path: Path, findings: Sequence[Finding], today: date) -> str:
    by_rate = {f.rate.id: f for f in findings}
    rows = [row for _, row in rate_rows.read(path)]
    changed = False
    for row in rows:
        finding = by_rate.get(row["rate"])
        if finding is None or finding.offer is None:
            continue
        changed = True
        row |= {"source": source(finding.offer), "read": today.isoformat(), "confidence": _CONFIRMED, "note": ""}
        if finding.verdict == "changed":
            row["price"] = plain(finding.offer.price)
            row["tiers"] = rate_rows.tiers_text([(plain(t.above), plain(t.price)) for t in finding.offer.tiers])
    return rate_rows.text(rows) if changed else path.read_text(encoding="utf-8")


def _check(folder: Path, texts: dict[Path, str]) -> None:
    """Whether the book still loads with these texts, before any of them is written."""
    with tempfile.TemporaryDirectory() as name:
        trial = Path(name)
        for path in (*folder.glob("*.yaml"), *folder.glob("*.csv")):
            text = texts.get(path) or path.read_text(encoding="utf-8")
            (trial / path.name).write_text(text, encoding="utf-8")
        load(trial)


def _has(root: yaml.Node | None, identifier: str) -> bool:
    assert isinstance(root, yaml.MappingNode)
    rates = next((value for name, value in root.value if name.value == "rates"), None)
    return isinstance(rates, yaml.MappingNode) and any(name.value == identifier for name, _ in rates.value)


def _value(node: yaml.Node | None, key: str) -> yaml.Node:
    assert isinstance(node, yaml.MappingNode)
    node_value: yaml.Node = next(value for name, value in node.value if name.value == key)
    return node_value


def _edits(text: str, entry: yaml.Node, new: dict[str, str]) -> Iterable[Edit]:
    for key, value in new.items():
        node = _value(entry, key)
        yield node.start_mark.index, _end(node), value


def _price(text: str, entry: yaml.Node, price: Decimal, tiers: Sequence[Tier]) -> Iterable[Edit]:
    """A price with its tiers on the line below; a comment beside it told of the old price and goes."""
    node = _value(entry, "price")
    line_end = text.index("\n", node.end_mark.index)
    told = ", ".join(f"{{above: {_quoted(tier.above)}, price: {_quoted(tier.price)}}}" for tier in tiers)
    indent = " " * entry.start_mark.column
    yield node.start_mark.index, line_end, _quoted(price) + (f"\n{indent}tiers: [{told}]" if tiers else "")
    assert isinstance(entry, yaml.MappingNode)
    for name, old in entry.value:
        if name.value == "tiers":
            yield name.start_mark.index - name.start_mark.column, text.index("\n", _end(old)) + 1, ""


def _end(node: yaml.Node) -> int:
    """Where a node's own text ends: the end mark of a block is where the next one begins."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _applied(text: str, edits: Iterable[Edit]) -> str:
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _quoted(value: Decimal) -> str:
    return f'"{plain(value)}"'

"""Tables as text and as Markdown; generated parts of documents, between `<!-- name -->` and `<!-- /name -->`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence


def put(document: str, name: str, block: str) -> str:
    """`document` with `block` between the marks of `name`.

    Raises:
        ValueError: it has no such marks.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, opened, rest = document.partition(start)
    _, closed, after = rest.partition(end)
    if not opened or not closed:
        raise ValueError(f"the document has no place between {start} and {end}")
    return f"{before}{start}\n{block.strip()}\n{end}{after}"


def pipe_table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> list[str]:
    """A Markdown table whose first `left` columns are text, the others figures."""
    marks = ["---"] * left + ["---:"] * (len(head) - left)
    return [f"| {' | '.join(row)} |" for row in (head, marks, *rows)]


def aligned(rows: Sequence[Sequence[str]], text: Collection[int] = (0,)) -> list[str]:
    """Rows in columns of equal width: those of `text` from the left, figures from the right. An empty row has no cells."""
    widths = [max(len(row[i]) for row in rows if row) for i in range(len(rows[0]))]
    cells = (
        [cell.ljust(w) if i in text else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=False))]
        for row in rows
    )
    return ["  ".join(row).rstrip() for row in cells]

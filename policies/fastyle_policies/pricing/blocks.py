"""Generated parts of documents, between `<!-- name -->` and `<!-- /name -->`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


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

"""CSV files as spreadsheets write them: separated by commas, semicolons or tabs, with empty rows at their end."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator

from ops.texts import FileFault

_DELIMITERS = ",;\t"


class CsvFile:
    """The columns of a file and its rows, each with the line it begins on; rows without any value are left out.

    Raises:
        FileFault: two columns have one name; `rows` raises it where the text is no CSV.
    """

    def __init__(self, text: str) -> None:
        header = text.split("\n", 1)[0]
        # Names of columns hold no punctuation: what there is most of separates them.
        delimiter = max(_DELIMITERS, key=header.count)
        self._reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        self.columns = [name.strip() for name in self._next() or []]
        if repeated := [name for name, count in Counter(self.columns).items() if count > 1]:
            raise FileFault(1, f"more than one column is called {repeated[0]!r}; give each a name of its own")

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Each row's line and cells, as many or as few as it has."""
        line = self._reader.line_num + 1
        while (cells := self._next()) is not None:
            if any(cells):
                yield line, cells
            line = self._reader.line_num + 1

    def _next(self) -> list[str] | None:
        line = self._reader.line_num + 1
        try:
            return next(self._reader, None)
        except csv.Error as error:
            raise FileFault(line, f"is not CSV: {error}") from None

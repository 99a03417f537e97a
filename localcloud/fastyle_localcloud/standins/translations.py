"""Translations of statements, kept in a file that every BigQuery stand-in of this user shares.

Translating GoogleSQL for DuckDB takes a hundred times as long as looking the result up, and the same program sends the
same texts to each stand-in that is started for it.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from fastyle_localcloud.remembered import Remembered


class Translations(Remembered):
    """What the installed release of the translator made of each text, in `folder`."""

    def __init__(self, folder: Path) -> None:
        """As of `Remembered`."""
        release = "-".join(f"{package}-{version(package)}" for package in ("bqemulator", "sqlglot"))
        super().__init__(folder / f"{release}.sqlite")

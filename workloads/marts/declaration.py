"""One mart's folder: its declaration, read and checked.

`sql/bigquery/marts/<mart>/` has `mart.yaml` (what a row is and where it goes), `query.sql` (how it is made) and, where it
needs them, `checks.sql` (what must hold beside the grain before it is published). The folder's name is the mart's;
sql/bigquery/marts/README.md says what each file may hold. Everything else about a mart is derived from these.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from workloads.events import STREAMS
from workloads.events.googlesql import RESERVED_WORDS
from workloads.marts.columns import SQL, included
from workloads.marts.expressions import expressions

FOLDER = SQL / "marts"
DATE = "business_date"
"""The column that marts which are published by date are partitioned by."""
HISTORY = {stream.history: key for key, stream in STREAMS.items() if stream.history}
"""The tables of dataset `staging` that hold the history of a stream."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_OF_ANOTHER = re.compile(r".*(_live|_v\d+)")  # names of a mart's own views and tables
_PARAMETERS = {"from", "from_", "to", "page_size", "page_token"}
_DERIVED = {"name", "query", "own_checks"}
# Tables that are there: of dataset marts, `build_…` in staging, `report_…` in Cloud SQL.
_TAKEN = ("publications", "quality_results", "dates", "day", "publication")
_BETWEEN = "', '"
_UNIQUE = """\
-- check: {mart}.unique
-- severity: error
-- description: The grain holds: one row a {key}.
SELECT {place} AS place, {day} AS day, {sample} AS sample
FROM ${{build:{mart}}}
GROUP BY {key}
HAVING COUNT(*) > 1"""
_FILLED = {"source", "dates", "ratio"}
_PLACEHOLDER = re.compile(r"\$\{(\w+):")
_SOURCE = re.compile(r"\$\{source:(\w+)\}|\$\{staging\}\.(\w+)")


class Publication(StrEnum):
    """What a run rewrites of a mart."""

    BY_DATE = "by_date"  # the business dates that changed
    WHOLE = "whole"  # all of its rows


class Kind(StrEnum):
    """Types of a mart's columns: BigQuery's names, each with one of PostgreSQL's for the read model."""

    STRING = "STRING"
    INT64 = "INT64"
    NUMERIC = "NUMERIC"
    DATE = "DATE"
    TIMESTAMP = "TIMESTAMP"
    BOOL = "BOOL"


class Measure(StrEnum):
    """How the API writes a NUMERIC column."""

    AMOUNT = "amount"  # a decimal string with at least two places
    RATIO = "ratio"  # a decimal string with nine


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Declared):
    """One column. `mode`: `required`, or `nullable` where null means something, which the description says."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    type: Kind
    mode: str = Field(default="nullable", pattern="^(required|nullable)$")
    measure: Measure = Measure.AMOUNT
    description: str = Field(min_length=1)

    def as_table_column(self) -> dict[str, Any]:
        """The column as the tables of `workloads.pipeline.tables` have it."""
        mode = {"mode": "required"} if self.mode == "required" else {}
        return {"name": self.name, "type": str(self.type), **mode, "description": self.description}


class Mart(_Declared):
    """A mart as its folder declares it."""

    name: str
    description: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    version: int = Field(default=1, ge=1)
    grain: tuple[str, ...] = Field(min_length=1)
    publication: Publication
    live: bool = False
    read_model: bool = False
    cluster_by: tuple[str, ...] = Field(default=(), max_length=4)
    columns: tuple[Column, ...]
    query: str = Field(min_length=1)
    own_checks: str = ""

    @property
    def by_date(self) -> bool:
        """Whether a run rewrites business dates, not the whole."""
        return self.publication is Publication.BY_DATE

    @property
    def table(self) -> str:
        """The versioned table in dataset `marts`, behind the stable view of the mart's own name."""
        return f"{self.name}_v{self.version}"

    @property
    def build(self) -> str:
        """The table in dataset `staging` whose rows are checked, then published."""
        return f"build_{self.name}{self._version}"

    @property
    def views(self) -> tuple[str, ...]:
        """The views in dataset `marts`: the stable one, and the live one where the mart has it."""
        return (self.name, *((f"{self.name}_live",) if self.live else ()))

    @property
    def report(self) -> str:
        """The table of the read model in Cloud SQL, of a mart that has one."""
        return f"report_{self.name}{self._version}"

    @property
    def _version(self) -> str:
        return "" if self.version == 1 else f"_v{self.version}"

    @property
    def targets(self) -> tuple[str, ...]:
        """Where its rows are published: `dataset.table`, or `cloudsql.table`."""
        return (f"marts.{self.table}", *((f"cloudsql.{self.report}",) if self.read_model else ()))

    @property
    def row(self) -> str:
        """The grain in words."""
        *first, last = self.grain
        return f"one row a {', '.join(first)} and {last}" if first else f"one row a {last}"

    @property
    def checks(self) -> str:
        """Its checks in the form of a `checks.sql`: that the grain holds, and those of the folder."""
        day = (f"CAST({DATE} AS STRING)", DATE) if self.by_date else ("CAST(NULL AS STRING)", "CAST(NULL AS DATE)")
        types = {column.name: column.type for column in self.columns}
        shown = [name for name in self.grain if name != DATE or not self.by_date] or [DATE]
        texts = [name if types[name] is Kind.STRING else f"CAST({name} AS STRING)" for name in shown]
        sample = texts[0] if len(texts) == 1 else f"CONCAT({f', {_BETWEEN}, '.join(texts)})"
        unique = _UNIQUE.format(mart=self.name, key=", ".join(self.grain), place=day[0], day=day[1], sample=sample)
        return "\n\n".join(text for text in (unique, self.own_checks) if text)

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The tables of dataset `staging` that the query reads, in its order."""
        return tuple(dict.fromkeys(match[1] or match[2] for match in _SOURCE.finditer(self.query)))

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams whose history the query reads: their new events change dates of a mart that is published by date."""
        return tuple(stream for table, stream in HISTORY.items() if table in self.sources)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        columns = {column.name: column for column in self.columns}
        if len(columns) != len(self.columns):
            raise ValueError("a column stands twice")
        if "publication_id" in columns:
            raise ValueError("publication_id is added to every mart; remove the column")
        if keywords := columns.keys() & RESERVED_WORDS:
            raise ValueError(
                f"{min(keywords)} is a keyword of SQL, which a query would have to quote; choose another name"
            )
        if taken := columns.keys() & _PARAMETERS:
            raise ValueError(f"{min(taken)} is a parameter of every mart's path in the API; choose another name")
        for key in ("grain", "cluster_by"):
            for name in getattr(self, key):
                if name not in columns:
                    raise ValueError(f"{key} names {name}, which is no column of the mart")
        if len(set(self.grain)) != len(self.grain):
            raise ValueError("grain names a column twice")
        for name in self.grain:
            if columns[name].mode != "required":
                raise ValueError(f"column {name} is of the grain, so it needs mode: required")
        if self.by_date and DATE not in self.grain:
            raise ValueError(f"publication: by_date rewrites business dates, so the grain needs {DATE}")
        if self.by_date and columns[DATE].type is not Kind.DATE:
            raise ValueError(f"{DATE} is a DATE")
        names = [*_FILLED, *expressions()]
        if unknown := [name for name in _PLACEHOLDER.findall(self.query) if name not in names]:
            raise ValueError(
                f"query.sql has ${{{unknown[0]}:…}}, which is no measure of sql/bigquery/expressions.yaml; there are "
                f"{', '.join(sorted(names))}"
            )
        if self.by_date and "${dates:" not in self.query:
            raise ValueError("publication: by_date builds the dates that changed: limit query.sql by ${dates:alias}")
        if self.by_date and not self.streams:
            tables = " or ".join(f"${{source:{table}}}" for table in HISTORY)
            raise ValueError(f"publication: by_date is of dates with events: query.sql reads {tables}")
        return self


def check_name(name: str) -> None:
    """Raise a ValueError when no mart can have this name."""
    if not _NAME.fullmatch(name) or _OF_ANOTHER.fullmatch(name) or name in _TAKEN:
        raise ValueError(
            f"sql/bigquery/marts/{name}: a mart's name is a lower-case word such as returns_daily, at most 40 characters, "
            "does not end in _live or _v1, and is not a table of the pipeline's own; name the folder so"
        )


def read_marts(folder: Path = FOLDER) -> dict[str, Mart]:
    """Every mart by its name, in their order.

    Raises:
        ValueError: a folder is not complete or not right; says which file, what is wrong with it and what to write.
    """
    folders = (path.parent for path in sorted(folder.glob("*/mart.yaml")))
    return {mart.name: mart for mart in map(_read, folders)}


def _read(folder: Path) -> Mart:
    check_name(folder.name)
    place = _place(folder, "mart.yaml")
    try:
        declared = yaml.safe_load((folder / "mart.yaml").read_text("utf-8"))
        if not isinstance(declared, dict):
            raise ValueError("must be a mapping of keys; see sql/bigquery/marts/README.md")
        declared["columns"] = included(declared.get("columns") or ())
        if given := declared.keys() & _DERIVED:
            raise ValueError(f"{min(given)} is no key: it follows from the folder")
        texts = {"query": _text(folder / "query.sql"), "own_checks": _text(folder / "checks.sql", needed=False)}
        return Mart.model_validate({**declared, **texts, "name": folder.name})
    except yaml.YAMLError as error:
        raise ValueError(f"{place}: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{place}: {f'{key}: ' if key else ''}{first['msg'].removeprefix('Value error, ')}") from None
    except ValueError as error:
        words = str(error)
        raise ValueError(words if words.startswith("sql/bigquery/marts/") else f"{place}: {words}") from None


def _text(path: Path, *, needed: bool = True) -> str:
    if not needed and not path.exists():
        return ""
    try:
        return path.read_text("utf-8").strip()
    except FileNotFoundError:
        place = _place(path.parent, path.name)
        raise ValueError(f"{place}: is missing; `fastyle new mart` writes one, or delete the folder") from None


def _place(folder: Path, name: str) -> str:
    return f"sql/bigquery/marts/{folder.name}/{name}"


MARTS: dict[str, Mart] = read_marts()


def reported() -> tuple[Mart, ...]:
    """The marts that have a table in the read model."""
    return tuple(mart for mart in MARTS.values() if mart.read_model)

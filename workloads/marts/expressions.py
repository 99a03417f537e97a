"""Measures and classes that several queries have, each defined once: `sql/bigquery/expressions.yaml`."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from workloads.marts.columns import SQL


@cache
def expressions() -> dict[str, dict[str, Any]]:
    """Each expression by its name: what it is `of`, and its `sql` with these names in braces."""
    declared: dict[str, dict[str, Any]] = yaml.safe_load((SQL / "expressions.yaml").read_text("utf-8"))
    return declared


def expression(name: str, arguments: str) -> str:
    """GoogleSQL of an expression over the rows that `arguments` names, separated by commas.

    Raises:
        ValueError: the expression is of more rows, or of fewer.
    """
    declared, rows = expressions()[name], [row.strip() for row in arguments.split(",")]
    if len(rows) != len(declared["of"]):
        raise ValueError(f"${{{name}:{arguments}}}: {name} is of {', '.join(declared['of'])}")
    return str(declared["sql"]).format(**dict(zip(declared["of"], rows, strict=True)))

"""Which partitions a statement reads, proven on its resolved tree.

BigQuery prunes by a condition that compares the partition column, or its date, with constants. This follows each
condition down to the scans as BigQuery does: through projections, joins, unions, groups and windows by the column
itself, views, and the WITH clauses that it expands wherever they are used. What it does not know it takes for an
obstacle, and a scan it has never seen for an error: it may call a statement unpruned that is not, never the reverse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

Node = dict[str, Any]
EPOCH = date(1970, 1, 1)
EARLIEST = date(2009, 12, 31)  # no business date is earlier: a condition from here on is true of everything

_COMPARED = {"$equal": "=", "$less": "<", "$less_or_equal": "<=", "$greater": ">", "$greater_or_equal": ">="}
_TURNED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
# Functions of constants that BigQuery evaluates before it chooses partitions, with their form in SQL.
_FOLDED = {
    "current_date": "CURRENT_DATE({})",
    "current_timestamp": "CURRENT_TIMESTAMP()",
    "date": "DATE({})",
    "date_add": "DATE_ADD({}, INTERVAL {} {})",
    "date_sub": "DATE_SUB({}, INTERVAL {} {})",
    "timestamp": "TIMESTAMP({})",
    "timestamp_add": "TIMESTAMP_ADD({}, INTERVAL {} {})",
    "timestamp_sub": "TIMESTAMP_SUB({}, INTERVAL {} {})",
    "$make_array": "[{}]",
}
_INTERVALS = {name for name, form in _FOLDED.items() if "INTERVAL" in form}


@dataclass(frozen=True)
class Condition:
    """A condition on one column: `text` is SQL with `{}` for the column. `whole`: true of all data there can be."""

    text: str
    whole: bool


@dataclass(frozen=True)
class Read:
    """A scan of a table under a limit on its partition column; without conditions BigQuery refuses or reads all."""

    table: str
    column: str
    conditions: tuple[Condition, ...]

    @property
    def limited(self) -> bool:
        return bool(self.conditions)

    @property
    def prunes(self) -> bool:
        return any(not condition.whole for condition in self.conditions)

    def where(self) -> str:
        """The conditions as SQL."""
        return " AND ".join(c.text.format(self.column) for c in self.conditions) or "TRUE"


Known = Mapping[int, tuple[Condition, ...]]


@dataclass
class Pruning:
    """The reads of partitioned tables. `partitioned`: table -> partition column; `views`: view -> resolved query."""

    partitioned: Mapping[str, str]
    views: Mapping[str, Node]
    _with: dict[str, Node] = field(default_factory=dict)

    def reads(self, statement: Node) -> list[Read]:
        """Every read of a partitioned table, as often as it is read."""
        return list(self._statement(statement))

    def _statement(self, node: Node) -> Iterator[Read]:
        match node["_"]:
            case "ResolvedQueryStmt" | "ResolvedCreateViewStmt":
                yield from self._scan(node["query"], {})
            case "ResolvedInsertStmt":
                if "query" in node:
                    yield from self._scan(node["query"], {})
                yield from self._subqueries(node.get("row_list"))
            case "ResolvedDeleteStmt" | "ResolvedUpdateStmt":
                yield from self._scan(node["table_scan"], _conditions(node.get("where_expr")))
                if "from_scan" in node:
                    yield from self._scan(node["from_scan"], {})
                yield from self._subqueries(node.get("where_expr"), node.get("update_item_list"))
            case "ResolvedMergeStmt":
                yield from self._scan(node["table_scan"], _conditions(node["merge_expr"]))
                yield from self._scan(node["from_scan"], {})
                yield from self._subqueries(node["merge_expr"], node["when_clause_list"])
            case kind:
                raise NotImplementedError(f"a statement this proof does not know: {kind}")

    def _scan(self, node: Node, known: Known) -> Iterator[Read]:
        match node["_"]:
            case "ResolvedSingleRowScan":
                pass
            case "ResolvedTableScan":
                yield from self._table(node, known)
            case "ResolvedFilterScan":
                yield from self._subqueries(node["filter_expr"])
                yield from self._scan(node["input_scan"], _and(known, _conditions(node["filter_expr"])))
            case "ResolvedProjectScan":
                yield from self._subqueries(node.get("expr_list"))
                yield from self._scan(node["input_scan"], _renamed(known, node.get("expr_list", [])))
            case "ResolvedOrderByScan":
                yield from self._scan(node["input_scan"], known)
            case "ResolvedLimitOffsetScan":
                yield from self._scan(node["input_scan"], {})
            case "ResolvedAggregateScan":
                groups = node.get("group_by_list", [])
                kept = _renamed(
                    {g["column"]["column_id"]: known.get(g["column"]["column_id"], ()) for g in groups}, groups
                )
                yield from self._subqueries(groups, node.get("aggregate_list"))
                yield from self._scan(node["input_scan"], kept)
            case "ResolvedAnalyticScan":
                windows = [_partition_columns(group) for group in node["function_group_list"]]
                kept = {column: c for column, c in known.items() if all(column in window for window in windows)}
                yield from self._subqueries(node["function_group_list"])
                yield from self._scan(node["input_scan"], kept)
            case "ResolvedArrayScan":
                yield from self._subqueries(node.get("array_expr"), node.get("array_expr_list"), node.get("join_expr"))
                if "input_scan" in node:
                    yield from self._scan(node["input_scan"], known)
            case "ResolvedJoinScan":
                yield from self._join(node, known)
            case "ResolvedSetOperationScan":
                yield from self._union(node, known)
            case "ResolvedWithScan":
                for entry in node["with_entry_list"]:
                    self._with[entry["with_query_name"]] = entry["with_subquery"]
                yield from self._scan(node["query"], known)
            case "ResolvedWithRefScan":
                inner = self._with[node["with_query_name"]]
                yield from self._scan(inner, _passed(known, node["column_list"], inner["column_list"]))
            case kind:
                raise NotImplementedError(f"a scan this proof does not know: {kind}")

    def _table(self, node: Node, known: Known) -> Iterator[Read]:
        table = node["table"]["full_name"]
        by_name = {column["name"]: known.get(column["column_id"], ()) for column in node.get("column_list", [])}
        if table in self.views:
            view = self.views[table]
            outer = {c["column"]["column_id"]: by_name.get(c["name"], ()) for c in view["output_column_list"]}
            yield from Pruning(self.partitioned, self.views)._scan(view["query"], outer)
        elif table in self.partitioned:
            column = self.partitioned[table]
            yield Read(table, column, tuple(dict.fromkeys(by_name.get(column, ()))))

    def _join(self, node: Node, known: Known) -> Iterator[Read]:
        on, kind = _conditions(node.get("join_expr")), node.get("join_type", "INNER")
        yield from self._subqueries(node.get("join_expr"))
        # A row without a partner stays: what the ON says limits only the side that may be missing.
        left = {"INNER": _and(known, on), "LEFT": known, "RIGHT": on, "FULL": {}}[kind]
        right = {"INNER": _and(known, on), "LEFT": on, "RIGHT": known, "FULL": {}}[kind]
        yield from self._scan(node["left_scan"], left)
        yield from self._scan(node["right_scan"], right)

    def _union(self, node: Node, known: Known) -> Iterator[Read]:
        through = known if node["op_type"].startswith("UNION") else {}
        for item in node["input_item_list"]:
            yield from self._scan(item["scan"], _passed(through, node["column_list"], item["output_column_list"]))

    def _subqueries(self, *parts: Any) -> Iterator[Read]:
        """The reads of the subqueries in expressions: nothing from outside limits them."""
        for part in parts:
            if isinstance(part, list):
                yield from self._subqueries(*part)
            elif isinstance(part, dict):
                if part["_"] == "ResolvedSubqueryExpr":
                    yield from self._scan(part["subquery"], {})
                    yield from self._subqueries(part.get("in_expr"))
                else:
                    yield from self._subqueries(*part.values())


def conjuncts(expression: Node | None) -> Iterator[Node]:
    """The parts of a condition that all must hold."""
    if expression is None:
        return
    if _function(expression) == "$and":
        for argument in expression["argument_list"]:
            yield from conjuncts(argument)
    else:
        yield expression


def _conditions(expression: Node | None) -> dict[int, tuple[Condition, ...]]:
    conditions: dict[int, tuple[Condition, ...]] = {}
    for part in conjuncts(expression):
        if (condition := _condition(part)) is not None:
            column, said = condition
            conditions[column] = (*conditions.get(column, ()), said)
    return conditions


def _condition(part: Node) -> tuple[int, Condition] | None:
    """A comparison of a column, or its date, with constants."""
    name, arguments = _function(part), part.get("argument_list", [])
    if name in _COMPARED:
        sign = _COMPARED[name]
        if _column(arguments[0]) is None:
            arguments, sign = arguments[::-1], _TURNED[sign]
        column, value = _column(arguments[0]), constant(arguments[1])
        if column is None or value is None:
            return None
        whole = sign in (">", ">=") and value == f"DATE '{EARLIEST}'"
        return column[0], Condition(f"{column[1]} {sign} {value}", whole)
    if name not in ("$between", "$in", "$in_array") or (column := _column(arguments[0])) is None:
        return None
    values = [constant(argument) for argument in arguments[1:]]
    known = [value for value in values if value is not None]
    if len(known) != len(values):
        return None
    text = {"$between": "BETWEEN {}", "$in": "IN ({})", "$in_array": "IN UNNEST({})"}[name]
    joined = " AND ".join(known) if name == "$between" else ", ".join(known)
    return column[0], Condition(f"{column[1]} {text.format(joined)}", False)


def _column(expression: Node) -> tuple[int, str] | None:
    """A column of this query, or its date in UTC: its id, and its form with `{}` for the column."""
    if expression["_"] == "ResolvedColumnRef" and not expression.get("is_correlated"):
        return expression["column"]["column_id"], "{}"
    arguments = expression.get("argument_list", [])
    if _function(expression) == "date" and len(arguments) == 1 and (inner := _column(arguments[0])) is not None:
        return inner[0], f"DATE({inner[1]})"
    return None


def constant(expression: Node) -> str | None:
    """A constant expression as SQL, or None when it is not one."""
    if expression["_"] == "ResolvedLiteral":
        return _literal(expression["type"], expression["value"]["value"])
    if expression["_"] == "ResolvedCast":
        return constant(expression["expr"])
    name = _function(expression)
    if name not in _FOLDED:
        return None
    arguments = [constant(argument) for argument in expression.get("argument_list", [])]
    known = [argument for argument in arguments if argument is not None]
    if len(known) != len(arguments) or (name == "$make_array" and not known):
        return None
    return _FOLDED[name].format(*known) if name in _INTERVALS else _FOLDED[name].format(", ".join(known))


def _literal(kind: str, value: Node) -> str | None:
    if "date_value" in value:
        return f"DATE '{EPOCH + timedelta(days=value['date_value'])}'"
    if "timestamp_value" in value:
        return "TIMESTAMP '?'"  # the analyser's Python loses the instant
    if "array_value" in value:
        elements = [_literal("", element) for element in value["array_value"].get("element", [])]
        # BigQuery takes a filter by an empty array for none.
        return f"[{', '.join(str(element) for element in elements)}]" if elements else None
    if "int64_value" in value:
        return str(value["int64_value"])
    if "string_value" in value:
        return f"'{value['string_value']}'"
    if kind == "TYPE_ENUM" and "enum_value" in value:
        return _DATE_PARTS.get(value["enum_value"])
    return None


_DATE_PARTS = {3: "DAY", 6: "HOUR"}  # of zetasql.functions.DateTimestampPart


def _function(expression: Node) -> str:
    name = expression.get("function", {}).get("name", "") if expression["_"] == "ResolvedFunctionCall" else ""
    return str(name).removeprefix("ZetaSQL:")


def _and(one: Known, other: Known) -> dict[int, tuple[Condition, ...]]:
    return {column: (*one.get(column, ()), *other.get(column, ())) for column in one.keys() | other.keys()}


def _renamed(known: Known, computed: Iterable[Node]) -> dict[int, tuple[Condition, ...]]:
    """What is known of the columns below, where a column above is only another name of one."""
    below = dict(known)
    for item in computed:
        said = known.get(item["column"]["column_id"], ())
        if said and item["expr"]["_"] == "ResolvedColumnRef" and not item["expr"].get("is_correlated"):
            column = item["expr"]["column"]["column_id"]
            below[column] = (*below.get(column, ()), *said)
    return below


def _passed(known: Known, above: list[Node], below: list[Node]) -> dict[int, tuple[Condition, ...]]:
    pairs = zip(above, below, strict=True)
    return {b["column_id"]: known[a["column_id"]] for a, b in pairs if a["column_id"] in known}


def _partition_columns(group: Node) -> set[int]:
    listed = group.get("partition_by", {}).get("partition_by_list", [])
    return {item["column"]["column_id"] for item in listed}

"""GoogleSQL's analyser as a process: the catalogue on the first line of its input, then a script a line.

Each line is JSON, and so is each line that answers:
`{"tables": {"dataset.table": [columns in BigQuery's JSON form]}}` -> `{"ready": true}`;
`{"sql": "…"}` -> `{"statements": [{"sql", "error": text or null, "tree": resolved tree or null}]}`. A script is taken
apart into its statements; the condition of an IF is analysed as a query.
"""

from __future__ import annotations

import ctypes
import dataclasses
import enum
import json
import sys
from collections.abc import Iterator
from typing import Any

import wasmtime
import zetasql.types as types
from zetasql.api import Analyzer, Parser, TypeFactory
from zetasql.core import wasm_client
from zetasql.core.exceptions import ZetaSQLError

# GoogleSQL that BigQuery does not have, or had only in preview when this was written: refused.
REFUSED = (
    "AGGREGATE_FILTERING",
    "ANALYSIS_CONSTANT_FUNCTION_ARGUMENT",
    "ARRAY_AGGREGATION_FUNCTIONS",
    "ARRAY_FIND_FUNCTIONS",
    "ARRAY_ZIP",
    "BARE_ARRAY_ACCESS",
    "CHAINED_FUNCTION_CALLS",
    "DML_RETURNING",
    "FILTER_FIELDS",
    "FOR_UPDATE",
    "INLINE_LAMBDA_ARGUMENT",
    "INSERT_ON_CONFLICT_CLAUSE",
    "LATERAL_COLUMN_REFERENCES",
    "LATERAL_JOIN",
    "LIMIT_ALL",
    "LITERAL_CONCATENATION",
    "MAP_TYPE",
    "MULTIWAY_UNNEST",
    "MULTILEVEL_AGGREGATION",
    "PROTO_BASE",
    "REPEAT",
    "STRUCT_POSITIONAL_ACCESSOR",
    "TIMESTAMP_NANOS",
    "TIMESTAMP_PICOS",
    "UUID_TYPE",
    "WITH_GROUP_ROWS",
)
ALLOWED = ("CREATE_VIEWS_WITH_COLUMN_OPTIONS",)  # BigQuery has it, GoogleSQL calls it new

TYPES = {
    "STRING": "STRING", "INTEGER": "INT64", "INT64": "INT64", "NUMERIC": "NUMERIC", "FLOAT64": "DOUBLE", "BOOL": "BOOL",
    "BOOLEAN": "BOOL", "DATE": "DATE", "TIMESTAMP": "TIMESTAMP", "JSON": "JSON",
}  # fmt: skip

# Of no use to a reader of the tree, and most of its size.
NOISE = {
    "signature", "parse_location_range", "is_ordered", "node_source", "function_call_info", "extended_type_name",
    "collation_list", "generic_argument_list", "hint_list", "option_list", "error_mode", "column_access_list",
    "has_explicit_type", "float_literal_id", "preserve_in_literal_remover", "table_and_column_index_list",
}  # fmt: skip


def main() -> None:
    """Answer until the input ends."""
    wasm_client.Config = _compiled_once
    # Its own copy byte by byte, which takes ten times as long as the analysis.
    wasm_client.WasmClient.write_bytes = lambda self, start, data: ctypes.memmove(
        _address(self, start), data, len(data)
    )
    wasm_client.WasmClient.read_bytes = lambda self, start, size: ctypes.string_at(_address(self, start), size)
    request = json.loads(sys.stdin.readline())
    analyzer = _analyzer(request["tables"])
    _answer({"ready": True})
    for line in sys.stdin:
        _answer({"statements": list(_analyse(analyzer, json.loads(line)["sql"]))})


def _compiled_once() -> wasmtime.Config:
    """Keep the compiled module in the user's cache: later starts take seconds instead of half a minute."""
    config = wasmtime.Config()
    config.cache = True
    return config


def _address(client: wasm_client.WasmClient, offset: int) -> int:
    return ctypes.addressof(client.memory.data_ptr().contents) + offset


def _answer(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


def _analyzer(tables: dict[str, list[dict[str, Any]]]) -> Analyzer:
    language = types.LanguageOptions.maximum_features()
    feature = types.LanguageFeature
    refused = {feature[f"FEATURE_{name}"] for name in REFUSED}
    language.enabled_language_features = [f for f in language.enabled_language_features if f not in refused]
    language.enabled_language_features += [feature[f"FEATURE_{name}"] for name in ALLOWED]
    language.product_mode = types.ProductMode.PRODUCT_EXTERNAL
    datasets: dict[str, list[types.SimpleTable]] = {}
    for key, columns in tables.items():
        dataset, name = key.split(".")
        listed = [
            types.SimpleColumn(name=column["name"], type=_type(column), is_writable_column=True) for column in columns
        ]
        datasets.setdefault(dataset, []).append(types.SimpleTable(name=name, full_name=key, column=listed))
    catalogue = types.SimpleCatalog(
        name="project",
        catalog=[types.SimpleCatalog(name=dataset, table=listed) for dataset, listed in datasets.items()],
        builtin_function_options=types.ZetaSQLBuiltinFunctionOptions(language_options=language),
    )
    return Analyzer(types.AnalyzerOptions(language_options=language, allow_undeclared_parameters=True), catalogue)


def _type(column: dict[str, Any]) -> types.Type:
    if column["type"] in ("RECORD", "STRUCT"):
        kind = TypeFactory.create_struct_type([(inner["name"], _type(inner)) for inner in column["fields"]])
    else:
        kind = TypeFactory.create_simple_type(types.TypeKind[f"TYPE_{TYPES[column['type']]}"])
    return TypeFactory.create_array_type(kind) if str(column.get("mode", "")).upper() == "REPEATED" else kind


def _analyse(analyzer: Analyzer, sql: str) -> Iterator[dict[str, Any]]:
    try:
        script = Parser(analyzer.options.language_options).parse_script(sql)
        for text in _statements(script.statement_list_node, sql.encode()):
            try:
                tree = _plain(analyzer.analyze_statement(text))
                yield {"sql": text, "error": _refused(tree), "tree": tree}
            except ZetaSQLError as error:
                yield {"sql": text, "error": str(error), "tree": None}
    except (ZetaSQLError, NotImplementedError) as error:
        yield {"sql": sql, "error": str(error), "tree": None}


def _statements(block: Any, script: bytes) -> Iterator[str]:
    """Each statement of a script's block; the transaction's own have nothing to analyse."""
    for node in block.statement_list:
        if isinstance(node, types.ASTIfStatement):
            if node.elseif_clauses or node.else_list:
                raise NotImplementedError("an ELSE: teach the tests' analyser to look into it")
            yield f"SELECT ({_text(node.condition, script)})"
            yield from _statements(node.then_list, script)
        elif not isinstance(node, (types.ASTBeginStatement, types.ASTCommitStatement)):
            yield _text(node, script)


def _text(node: Any, script: bytes) -> str:
    return script[node.parse_location_range.start : node.parse_location_range.end].decode()


def _refused(tree: Any) -> str | None:
    """What GoogleSQL takes and BigQuery does not, where no feature stands for it."""
    text = json.dumps(tree)
    for operation in ("EXCEPT", "INTERSECT"):
        if f'"op_type": "{operation}_ALL"' in text:
            return f"{operation} ALL: BigQuery has {operation} DISTINCT only"
    return None


def _plain(node: Any) -> Any:
    """A tree as JSON: a node is an object with its class as `_`, a type its name."""
    if isinstance(node, types.Type):
        kind = node.type_kind
        return kind.name if isinstance(kind, enum.Enum) else str(kind)
    if dataclasses.is_dataclass(node):
        plain: dict[str, Any] = {"_": type(node).__name__}
        for field in dataclasses.fields(node):
            value = getattr(node, field.name)
            if field.name not in NOISE and value is not None and value != []:
                plain[field.name] = _plain(value)
        return plain
    if isinstance(node, (list, tuple)):
        return [_plain(value) for value in node]
    if isinstance(node, enum.Enum):
        return node.name
    return node if isinstance(node, (str, int, float, bool)) else str(node)


if __name__ == "__main__":
    main()

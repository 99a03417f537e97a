"""Writes REFERENCE.md from the schema that the component host serves: `python -m fastyle_components.reference FILE`."""

import json
import sys
from pathlib import Path
from typing import Any

from fastyle_components import COMPONENTS
from fastyle_components.schema import Provider

HEAD = """# Reference

Generated from the package's schema by `python -m fastyle_components.reference`; names as Python writes them, other
languages use camelCase. Bounds are checked before anything is planned. `Input` takes outputs of other
resources, plain values must be known when the program runs.
"""


def schema() -> dict[str, Any]:
    """The Pulumi package schema of all components."""
    loaded: dict[str, Any] = json.loads(Provider(COMPONENTS).schema or "{}")
    return loaded


def reference() -> str:
    """The whole reference as markdown: components first, then the types their arguments use."""
    package = schema()
    parts = [HEAD]
    for type_token, component in package["resources"].items():
        parts.append(f"## {_name(type_token)}\n\n{_prose(component['description'])}\n")
        parts.append(_table("argument", component["inputProperties"], component.get("requiredInputs", [])))
        parts.append(_table("output", component["properties"], None))
    parts.append("# Types of arguments\n")
    for type_token, definition in package["types"].items():
        parts.append(f"## {_name(type_token)}\n\n{_prose(definition.get('description') or '')}\n")
        if "enum" in definition:
            values = [f"- `{value['value']}` {value.get('description') or ''}".rstrip() for value in definition["enum"]]
            parts.append("\n".join(values) + "\n")
        else:
            parts.append(_table("argument", definition["properties"], definition.get("required", [])))
    return "\n".join(part for part in parts if part).rstrip() + "\n"


def _table(title: str, properties: dict[str, Any], required: list[str] | None) -> str:
    if not properties:
        return ""
    rows = [f"| {title} | type | |", "|---|---|---|"]
    for name, definition in properties.items():
        mark = " **required**" if required is not None and name in required else ""
        text = " ".join(definition.get("description", "").split()).replace("|", "\\|")
        rows.append(f"| `{_snake(name)}` | {_type(definition, required is not None)}{mark} | {text} |")
    return "\n".join(rows) + "\n"


def _type(definition: dict[str, Any], argument: bool = False) -> str:
    if "$ref" in definition:
        name = _name(definition["$ref"])
        text = f"[{name}](#{name.lower()})"
    elif definition.get("type") == "array":
        text = f"list of {_type(definition['items'])}"
    elif definition.get("type") == "object":
        text = f"map of {_type(definition['additionalProperties'])}"
    else:
        text = str(definition.get("type"))
    return f"{text} (Input)" if argument and not definition.get("plain") else text


def _name(reference_: str) -> str:
    return reference_.rpartition(":")[2]


def _snake(name: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in name)


def _prose(text: str) -> str:
    """A docstring without its indentation, a first line as a paragraph of its own."""
    return "\n".join(line.strip() for line in text.strip().splitlines())


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")

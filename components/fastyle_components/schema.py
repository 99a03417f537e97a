"""The package's schema as other languages see it: Pulumi's own analysis, with each argument's default and bounds."""

import dataclasses
import inspect
import json
from collections.abc import Iterable
from enum import Enum
from importlib.metadata import version
from typing import Any

import pulumi
from pulumi.provider.experimental.component import ComponentProvider

from fastyle_components.base import DEFAULT, PACKAGE, Args, Default


class Provider(ComponentProvider):
    """The component host, whose descriptions of arguments tell what stands in the fields' metadata."""

    def __init__(self, components: Iterable[type[pulumi.ComponentResource]]) -> None:
        components = list(components)
        super().__init__(components, PACKAGE, None, version("fastyle-components"))
        schema: dict[str, Any] = json.loads(self.schema or "{}")
        for component in components:
            arguments = inspect.signature(component.__init__).parameters["args"].annotation
            _describe(schema["resources"][f"{PACKAGE}:index:{component.__name__}"]["inputProperties"], arguments)
        for arguments in Args.__subclasses__():
            if definition := schema["types"].get(f"{PACKAGE}:index:{arguments.__name__}"):
                _describe(definition["properties"], arguments)
        self.schema = json.dumps(schema)


def _describe(properties: dict[str, Any], arguments: type) -> None:
    """Add default and bounds to the descriptions of a class's properties."""
    for field in dataclasses.fields(arguments):
        default: Default | None = field.metadata.get(DEFAULT)
        if default is not None:
            definition = properties[_camel(field.name)]
            sentences = [definition.get("description", "").strip(), _sentence(default)]
            definition["description"] = " ".join(sentence for sentence in sentences if sentence)


def _sentence(default: Default) -> str:
    bounds = ""
    if default.least is not None and default.most is not None:
        bounds = f"; {default.least} to {default.most} ({default.why})"
    return f"Default: {_text(default.value)}{bounds}."


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_text(member) for member in value)
    if isinstance(value, Enum):
        return _text(value.value)
    if isinstance(value, str):
        return f"`{value}`" if value else "empty"
    return str(value)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)

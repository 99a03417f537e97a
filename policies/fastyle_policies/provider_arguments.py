"""Which types take which arguments from their provider, read from the signatures of the `pulumi_gcp` SDK.

`python -m fastyle_policies.provider_arguments` writes `provider_arguments.json` anew. Importing all of the SDK takes a minute,
which no preview can spend: hence a file.
"""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastyle_policies.provided import PLACES, TYPES


def arguments_of(resource: Any) -> list[str]:
    """What of `labels`, `project`, `region` and `zone` a resource class takes from its provider.

    Labels where the provider adds them up (`effective_labels`): elsewhere an argument of that name is something else,
    such as a notification channel's address. A place where the argument is optional and the output always there.
    """
    parameters = inspect.signature(resource.__init__).parameters, inspect.signature(resource._internal_init).parameters
    given = {name for names in parameters for name in names}
    arguments = ["labels"] if "labels" in given and hasattr(resource, "effective_labels") else []
    for place in PLACES:
        output = getattr(resource, place, None)
        declared = str(output.fget.__annotations__.get("return", "")) if isinstance(output, property) else "Optional"
        if place in given and "Optional" not in declared:
            arguments.append(place)
    return arguments


def resource_classes() -> Iterator[tuple[str, Any]]:
    """Every resource class of the SDK with its type token, as the SDK registers them."""
    import pulumi_gcp  # the file is written by whoever develops the package: its users need no SDK of Google Cloud

    text = Path(str(pulumi_gcp.__file__)).read_text(encoding="utf-8")
    modules = json.loads(text.split('resource_modules="""', 1)[1].split('"""', 1)[0])
    for entry in modules:
        module = importlib.import_module(entry["fqn"])
        for token, name in entry["classes"].items():
            yield token, getattr(module, name)


def main() -> None:
    """Write the file."""
    takers: dict[str, list[str]] = {argument: [] for argument in ("labels", *PLACES)}
    for token, resource in resource_classes():
        for argument in arguments_of(resource):
            takers[argument].append(token)
    text = json.dumps({argument: sorted(types) for argument, types in takers.items()}, indent=1)
    TYPES.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

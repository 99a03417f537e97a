"""Settle: the outputs of a resource, from its inputs, its rules and what it was before."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from fastyle_localcloud.provider.check import DEFAULTS
from fastyle_localcloud.provider.constraints import Problem
from fastyle_localcloud.provider.schema import Block, ListOf, MapOf, ResourceSchema, Type
from fastyle_localcloud.provider.vocabulary import Output, Rules, blanks, fill
from fastyle_localcloud.provider.wire import UNKNOWN, Properties, has_unknown
from fastyle_localcloud.settings import Settings


@dataclass(frozen=True)
class ProviderConfig:
    """What the provider resource itself was configured with; None where the program says nothing."""

    project: str | None = None
    region: str | None = None
    project_number: str = Settings.project_number
    default_labels: tuple[tuple[str, str], ...] = ()


def unplaced(schema: ResourceSchema, rules: Rules, inputs: Properties, config: ProviderConfig) -> list[Problem]:
    """What neither the resource nor the provider says, and the identity needs: a project, a region."""
    problems = []
    for key, fallback in _places(schema, config).items():
        if inputs.get(key) is None and fallback is None and key in blanks(rules.id):
            name = "project" if key == "project" else "region"
            problems.append(
                Problem(key, f"is not given, and the provider has none: set gcp:{name} in the stack's config")
            )
    return problems


def settle(
    schema: ResourceSchema,
    rules: Rules,
    inputs: Properties,
    config: ProviderConfig,
    *,
    old: Properties | None = None,
    preview: bool,
) -> Properties:
    """All outputs that are known without asking the resource itself, `id` among them.

    `old`: the outputs before an update, None for a creation. In a preview, what only the cloud can tell is UNKNOWN,
    and so is a whole map that holds something unknown: as the real provider plans it.
    Write-only arguments are left out.
    """
    values = {key: value for key, value in inputs.items() if key != DEFAULTS and not key.endswith("Wo")}
    for key, fallback in _places(schema, config).items():
        if values.get(key) is None and fallback is not None:
            values[key] = fallback
    if "deletionPolicy" in schema.settled:
        values.setdefault("deletionPolicy", "DELETE")
    if "effectiveLabels" in schema.computed:
        given = values.get("labels") or {}
        merged = given if given is UNKNOWN else {**dict(config.default_labels), **given}
        values["pulumiLabels"] = values["effectiveLabels"] = merged
    if old is not None:
        kept = (schema.computed | schema.settled | {"id"}) - set(values)
        values.update({key: old[key] for key in kept if key in old and key not in rules.volatile})
    if values.get("id") is None:
        values["id"] = fill(rules.id, values)
    for key, output in rules.outputs.items():
        if key not in values and (not preview or key in rules.known_at_preview):
            value = _compute(output, values, config)
            if value is not None:
                values[key] = value
    if preview:
        for key in schema.computed | schema.settled:
            values.setdefault(key, UNKNOWN)
        values = planned(schema, values)
    return values


def planned(schema: ResourceSchema, values: Properties) -> Properties:
    """Values as a plan of the real provider shows them: a map that holds something unknown is unknown as a whole."""
    fields = schema.inputs
    return {key: _planned(fields[key].type, value) if key in fields else value for key, value in values.items()}


def _planned(kind: Type, value: Any) -> Any:
    """A value as a plan shows it: blocks and lists element by element, a map only when all of it is known."""
    match kind:
        case MapOf() if has_unknown(value):
            return UNKNOWN
        case ListOf() if isinstance(value, list):
            return [_planned(kind.item, item) for item in value]
        case Block() if isinstance(value, dict):
            fields = kind.fields
            return {k: _planned(fields[k].type, item) if k in fields else item for k, item in value.items()}
    return value


def _places(schema: ResourceSchema, config: ProviderConfig) -> dict[str, str | None]:
    """Which arguments fall back to the provider's own project and region."""
    places = {"project": config.project, "region": config.region, "location": config.region}
    return {key: value for key, value in places.items() if key in schema.settled}


def _compute(output: Output, values: Properties, config: ProviderConfig) -> Any:
    if not isinstance(output, str) and not callable(output):
        return output
    unique = int(hashlib.sha256(str(values.get("id") or "").encode()).hexdigest(), 16) % 10**20
    context = {**values, "_number": config.project_number, "_unique": f"1{unique:020d}"}
    return fill(output, context) if isinstance(output, str) else output(context)

"""Tables of the documentation: rules with their parameters, and keys of usage files, made of rules and pricers themselves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import import_module

from fastyle_policies.model import Parameters, Rule, grouped
from fastyle_policies.pricing.blocks import put
from fastyle_policies.pricing.services import PRICERS
from fastyle_policies.rules import RULES


def current(text: str) -> str:
    """The page with its table of rules as it should be now."""
    return put(text, "rules", block(RULES))


def block(rules: Sequence[Rule]) -> str:
    """A section a module of rules, under the module's own first line."""
    sections = grouped((rule.check.__module__, rule) for rule in rules)
    return "\n".join(line for module, members in sections.items() for line in _section(module, members))


def _section(module: str, rules: Sequence[Rule]) -> list[str]:
    title = import_module(module).__doc__ or module
    lines = ["", f"### {title.splitlines()[0].rstrip('.')}", ""]
    lines += ["| rule | severity | why | mend | unknown at preview | parameters |", "|---|---|---|---|---|---|"]
    for rule in rules:
        severity = rule.severity + ("" if rule.mandatory else ", advisory")
        cells = (f"`{rule.id}`", severity, f"{rule.why}.", rule.mend, rule.unknown, _parameters(rule))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def _parameters(rule: Rule) -> str:
    own = {name: field for name, field in rule.parameters.model_fields.items() if name not in Parameters.model_fields}
    return "<br>".join(
        f"`{name}` = `{json.dumps(field.get_default(call_default_factory=True))}`: {field.description}"
        for name, field in own.items()
    )


def usage_keys() -> str:
    """The table of keys that a usage file may have, by resource type."""
    rows = ["| type | key | what it counts | when absent |", "|---|---|---|---|"]
    for token, pricer in sorted(PRICERS.items()):
        for key, described in pricer.usage.model_fields.items():
            absent = "see there" if described.default is None else str(described.default)
            rows.append(f"| `{token}` | `{key}` | {described.description} | {absent} |")
    return "\n".join(rows)


def current_usage(text: str) -> str:
    """The page of usage files with its table of keys as it should be now."""
    return put(text, "keys", usage_keys())

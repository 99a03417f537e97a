"""The table of keys that a usage file may have, by resource type, made of the pricers themselves."""

from __future__ import annotations

from fastyle_policies.pricing.blocks import put
from fastyle_policies.pricing.services import PRICERS


def table() -> str:
    rows = ["| type | key | what it counts | when absent |", "|---|---|---|---|"]
    for token, pricer in sorted(PRICERS.items()):
        for key, described in pricer.usage.model_fields.items():
            absent = "see there" if described.default is None else str(described.default)
            rows.append(f"| `{token}` | `{key}` | {described.description} | {absent} |")
    return "\n".join(rows)


def current(document: str) -> str:
    """The document as it should be."""
    return put(document, "keys", table())

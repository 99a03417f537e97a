"""`python -m fastyle_policies.pricing.usage_reference` writes the table of keys into docs/usage-file.md."""

from __future__ import annotations

from pathlib import Path

from fastyle_policies.pricing.blocks import put
from fastyle_policies.pricing.services import PRICERS

DOCUMENT = Path(__file__).parents[3] / "docs" / "usage-file.md"


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


if __name__ == "__main__":
    DOCUMENT.write_text(current(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")

"""An estimate for people and machines: JSON, a text table, Markdown for a pull request, and one line explained."""

from fastyle_policies.pricing.report.document import as_json
from fastyle_policies.pricing.report.explanations import CONFIDENCE, counts, doubts, explain, unconfirmed
from fastyle_policies.pricing.report.figures import FREE_TIERS, component_name, money, plain, quantity, share, short
from fastyle_policies.pricing.report.markdown import as_markdown, components_table
from fastyle_policies.pricing.report.table import as_table

__all__ = [
    "CONFIDENCE",
    "FREE_TIERS",
    "as_json",
    "as_markdown",
    "as_table",
    "component_name",
    "components_table",
    "counts",
    "doubts",
    "explain",
    "money",
    "plain",
    "quantity",
    "share",
    "short",
    "unconfirmed",
]

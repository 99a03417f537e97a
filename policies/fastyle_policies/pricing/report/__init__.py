"""An estimate for people and machines: JSON, a text table, Markdown for a pull request, and one line explained."""

from fastyle_policies.pricing.report.document import as_json
from fastyle_policies.pricing.report.explanations import doubts, explain, unconfirmed
from fastyle_policies.pricing.report.figures import FREE_TIERS, component_name, money, plain
from fastyle_policies.pricing.report.text import as_markdown, as_table, component_costs

__all__ = [
    "FREE_TIERS",
    "as_json",
    "as_markdown",
    "as_table",
    "component_costs",
    "component_name",
    "doubts",
    "explain",
    "money",
    "plain",
    "unconfirmed",
]

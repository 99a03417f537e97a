"""What a plan costs a month: a price book with sources, and an estimator for Pulumi programs on Google Cloud.

`estimate(resources, usage, book)` is the one entry; `documents.read` makes resources of `pulumi preview --json` or
`pulumi stack export`, `usage.read` reads a usage file, `book.load` the rates. Amounts are `Decimal` throughout.
Nothing here knows this project's program: only Google Cloud's resource types.
"""

from fastyle_policies.pricing.account import Pooled, pooled
from fastyle_policies.pricing.book import Book, Rate, load
from fastyle_policies.pricing.estimator import Estimate, estimate
from fastyle_policies.pricing.lines import PricingError
from fastyle_policies.pricing.usage import UsageFile
from fastyle_policies.pricing.usage import read as read_usage

__all__ = [
    "Book",
    "Estimate",
    "Pooled",
    "PricingError",
    "Rate",
    "UsageFile",
    "estimate",
    "load",
    "pooled",
    "read_usage",
]

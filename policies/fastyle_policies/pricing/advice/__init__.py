"""What a plan could cost less, and what is lost by it: options by type of resource, each priced as the changed plan.

`advise` gives every option alone and all permitted ones together; `cheapest` the cheapest plan that keeps what must be
kept. Nothing here knows a program's configuration: a change is one of properties.
"""

from fastyle_policies.pricing.advice.model import Option
from fastyle_policies.pricing.advice.options import REQUIREMENTS, options
from fastyle_policies.pricing.advice.region import relocations
from fastyle_policies.pricing.advice.search import Advice, Cheapest, Weigher, advise, cheapest, fewest

__all__ = [
    "REQUIREMENTS",
    "Advice",
    "Cheapest",
    "Option",
    "Weigher",
    "advise",
    "cheapest",
    "fewest",
    "options",
    "relocations",
]

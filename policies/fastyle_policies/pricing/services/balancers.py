"""Load balancers: forwarding rules by the hour, the first five for one price together, and what they carry."""

from __future__ import annotations

from decimal import Decimal

from fastyle_policies.model import UNKNOWN
from fastyle_policies.pricing.book import REFERENCE
from fastyle_policies.pricing.lines import HOURS
from fastyle_policies.pricing.services.base import Bill, Usage, prices, usage_key

RULE = "gcp:compute/forwardingRule:ForwardingRule"
GLOBAL_RULE = "gcp:compute/globalForwardingRule:GlobalForwardingRule"
FIRST = 5
"""Rules of a project and region that cost the first price together (cloud.google.com/vpc/network-pricing#lb)."""


class RuleUsage(Usage):
    monthly_processed_gib: Decimal = usage_key("GiB that it carries, in and out")
    monthly_egress_gib: Decimal = usage_key("GiB of it sent to the internet")


@prices(RULE, GLOBAL_RULE)
def rule(bill: Bill, usage: RuleUsage) -> None:
    """The first rule of five has the price of all; beyond them each has its own.

    A rule for Private Service Connect is of no load balancer: its endpoint is billed by the hour.
    """
    target = bill.resource.get("target")
    if bill.resource.get("loadBalancingScheme") == "" and isinstance(target, str) and "serviceAttachments" in target:
        bill.note("is an endpoint of Private Service Connect, reckoned as a forwarding rule")
    if bill.resource.type == GLOBAL_RULE:
        bill.region = REFERENCE  # the price of global rules is that of the reference region
    own = bill.resource  # the how many-th of its project and place it is, from 0
    place = 0 if own.get("region") is UNKNOWN else bill.plan.ranks(own.type, "region")[own.urn]
    if place == 0:
        bill.add("balancer.first-rules", HOURS, "730 h for up to five rules", name="Forwarding rules, first five")
    elif place >= FIRST:
        bill.add("balancer.further-rule", HOURS, f"730 h as rule {place + 1}", name="Forwarding rule, further")
    if usage.monthly_processed_gib or place == 0:
        bill.used("balancer.data", usage.monthly_processed_gib, "GiB", name="Data processed")
    bill.egress(usage.monthly_egress_gib)

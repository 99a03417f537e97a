"""Cloud DNS: public and private zones by the month, queries by their number."""

from __future__ import annotations

from decimal import Decimal

from fastyle_policies.pricing.services.base import Bill, Usage, prices, usage_key

ZONE = "gcp:dns/managedZone:ManagedZone"


class ZoneUsage(Usage):
    monthly_queries: Decimal = usage_key("queries that the zone answers")


@prices(ZONE)
def zone(bill: Bill, usage: ZoneUsage) -> None:
    bill.add("dns.zone", Decimal(1), "1 zone", name="Zone")
    bill.used("dns.queries", usage.monthly_queries, "queries", name="Queries")

"""Cloud DNS: public and private zones by the month, queries by their number."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from fastyle_policies.pricing.services.base import Bill, Pricer, Usage, text

ZONE = "gcp:dns/managedZone:ManagedZone"


class ZoneUsage(Usage):
    monthly_queries: Decimal = Field(default=Decimal(0), ge=0, description="queries that the zone answers")


def zone(bill: Bill, usage: ZoneUsage) -> None:
    bill.add("dns.zone", Decimal(1), "1 zone", name="Zone")
    bill.add("dns.queries", usage.monthly_queries, f"{text(usage.monthly_queries)} queries", name="Queries", usage=True)


PRICERS = (Pricer(token=ZONE, usage=ZoneUsage, price=zone),)

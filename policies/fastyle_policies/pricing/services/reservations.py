"""BigQuery editions: slots of reservations by the hour, baseline always and autoscaled ones by usage; BI Engine."""

from __future__ import annotations

from decimal import Decimal

from fastyle_policies.pricing.lines import GIB, HOURS
from fastyle_policies.pricing.services.base import Bill, NotPricedError, NoUsage, Usage, prices, text, usage_key

RESERVATION = "gcp:bigquery/reservation:Reservation"
BI_ENGINE = "gcp:bigquery/biReservation:BiReservation"
_EDITIONS = {"STANDARD": "standard", "ENTERPRISE": "enterprise", "ENTERPRISE_PLUS": "enterprise-plus"}


class ReservationUsage(Usage):
    monthly_autoscaled_slot_hours: Decimal = usage_key(
        "slot-hours that autoscaling adds to the baseline, in steps of 50 slots"
    )


@prices(RESERVATION)
def reservation(bill: Bill, usage: ReservationUsage) -> None:
    edition = str(bill.value("edition", "ENTERPRISE"))
    if edition not in _EDITIONS:
        raise NotPricedError(f"the price book has no rates for edition {edition[:40]}")
    rate = f"bigquery.slots-{_EDITIONS[edition]}"
    slots = bill.number("slotCapacity", 0)
    bill.add(rate, slots * HOURS, f"{text(slots)} slots x 730 h", name=f"Baseline slots, {_EDITIONS[edition]}")
    bill.used(rate, usage.monthly_autoscaled_slot_hours, "slot-hours", name="Autoscaled slots")


@prices(BI_ENGINE)
def bi_engine(bill: Bill, usage: NoUsage) -> None:
    gib = bill.number("size", 0) / GIB
    bill.add("bigquery.bi-engine", gib * HOURS, f"{text(gib)} GiB x 730 h", name="BI Engine")

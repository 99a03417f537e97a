"""Cloud Tasks: operations, which are calls of its API and attempts to deliver, in pieces of 32 KB."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from fastyle_policies.pricing.services.base import Bill, Pricer, Usage, text

QUEUE = "gcp:cloudtasks/queue:Queue"


class QueueUsage(Usage):
    monthly_operations: Decimal = Field(
        default=Decimal(0), ge=0, description="calls of the API and attempts to deliver: two a task at least"
    )


def queue(bill: Bill, usage: QueueUsage) -> None:
    count = usage.monthly_operations
    bill.add("tasks.operations", count, f"{text(count)} operations", name="Operations", usage=True)


PRICERS = (Pricer(token=QUEUE, usage=QueueUsage, price=queue),)

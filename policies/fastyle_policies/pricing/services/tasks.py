"""Cloud Tasks: operations, which are calls of its API and attempts to deliver, in pieces of 32 KB."""

from __future__ import annotations

from decimal import Decimal

from fastyle_policies.pricing.services.base import Bill, Usage, prices, usage_key

QUEUE = "gcp:cloudtasks/queue:Queue"


class QueueUsage(Usage):
    monthly_operations: Decimal = usage_key("calls of the API and attempts to deliver: two a task at least")


@prices(QUEUE)
def queue(bill: Bill, usage: QueueUsage) -> None:
    bill.used("tasks.operations", usage.monthly_operations, "operations", name="Operations")

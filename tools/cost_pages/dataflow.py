"""The price of what this platform does without: a streaming Dataflow job in the place of the export subscriptions."""

from __future__ import annotations

from decimal import Decimal

from fastyle_policies.pricing.lines import HOURS

SOURCE = "https://cloud.google.com/dataflow/pricing"
# Third-party transcriptions of that page, us-central1, read 2026-08-31: confidence T.
VCPU_HOUR = Decimal("0.069")
GIB_HOUR = Decimal("0.003557")
STREAMING_UNIT_HOUR = Decimal("0.089")
WORKER = (Decimal(2), Decimal("7.5"))  # n1-standard-2, the smallest that streaming jobs use by default


def smallest_job() -> Decimal:
    """USD a month of one worker with one streaming unit around the clock: the least that a job can cost."""
    vcpu, gib = WORKER
    return HOURS * (vcpu * VCPU_HOUR + gib * GIB_HOUR + STREAMING_UNIT_HOUR)

"""Functions of the first generation: GHz-seconds, GiB-seconds, invocations."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from pydantic import Field

from fastyle_policies.pricing.lines import SECONDS
from fastyle_policies.pricing.services.base import Bill, NotPricedError, Pricer, Usage, text
from fastyle_policies.pricing.services.run import logs

FUNCTION = "gcp:cloudfunctions/function:Function"
# GHz that go with MB of memory (cloud.google.com/functions/pricing-1stgen).
_GHZ = (
    (128, "0.2"),
    (256, "0.4"),
    (512, "0.8"),
    (1024, "1.4"),
    (2048, "2.4"),
    (4096, "4.8"),
    (8192, "4.8"),
)


class FunctionUsage(Usage):
    monthly_invocations: Decimal = Field(default=Decimal(0), ge=0, description="invocations")
    invocation_ms: Decimal = Field(
        default=Decimal(100), ge=0, description="milliseconds of one; billed in steps of 100"
    )
    monthly_log_gib: Decimal = Field(default=Decimal(0), ge=0, description="GiB of logs written")
    monthly_egress_gib: Decimal = Field(default=Decimal(0), ge=0, description="GiB sent to the internet")


def function(bill: Bill, usage: FunctionUsage) -> None:
    megabytes = bill.number("availableMemoryMb", 256)
    ghz = next((Decimal(value) for most, value in _GHZ if megabytes <= most), None)
    if ghz is None:
        raise NotPricedError(f"a function of the first generation has at most 8,192 MB, not {text(megabytes)}")
    gib = megabytes / 1024
    seconds = usage.monthly_invocations * (usage.invocation_ms / 100).to_integral_value(ROUND_CEILING) / 10
    words = f"{text(usage.monthly_invocations)} invocations x {text(usage.invocation_ms)} ms, in steps of 100, x {{}}"
    if minimum := bill.number("minInstances", 0):
        idle = max(minimum * SECONDS - seconds, Decimal(0))
        told = f"({text(minimum)} minimum instances x {text(SECONDS)} s - serving) x {{}}"
        bill.add(
            "functions-1.idle-cpu", idle * ghz, told.format(f"{text(ghz)} GHz"), name="CPU, idle minimum instances"
        )
        bill.add(
            "functions-1.memory", idle * gib, told.format(f"{text(gib)} GiB"), name="Memory, idle minimum instances"
        )
    bill.add("functions-1.cpu", seconds * ghz, words.format(f"{text(ghz)} GHz"), name="CPU", usage=True)
    bill.add("functions-1.memory", seconds * gib, words.format(f"{text(gib)} GiB"), name="Memory", usage=True)
    count = usage.monthly_invocations
    bill.add("functions-1.invocations", count, f"{text(count)} invocations", name="Invocations", usage=True)
    logs(bill, usage.monthly_log_gib)
    if usage.monthly_egress_gib:
        sent = usage.monthly_egress_gib
        bill.add("network.internet-egress", sent, f"{text(sent)} GiB", name="Sent to the internet", usage=True)


PRICERS = (Pricer(token=FUNCTION, usage=FunctionUsage, price=function),)

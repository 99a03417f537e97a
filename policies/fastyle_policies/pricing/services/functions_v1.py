"""Functions of the first generation: GHz-seconds, GiB-seconds, invocations."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from fastyle_policies.pricing.lines import SECONDS
from fastyle_policies.pricing.services.base import Bill, NotPricedError, Usage, prices, text, usage_key
from fastyle_policies.pricing.services.machines import NUMBERS

FUNCTION = "gcp:cloudfunctions/function:Function"


class FunctionUsage(Usage):
    monthly_invocations: Decimal = usage_key("invocations")
    invocation_ms: Decimal = usage_key("milliseconds of one; billed in steps of 100", default=100)
    monthly_log_gib: Decimal = usage_key("GiB of logs written")
    monthly_egress_gib: Decimal = usage_key("GiB sent to the internet")


@prices(FUNCTION)
def function(bill: Bill, usage: FunctionUsage) -> None:
    megabytes = bill.number("availableMemoryMb", 256)
    ghz = next((Decimal(value) for most, value in NUMBERS["function_ghz"].items() if megabytes <= most), None)
    if ghz is None:
        raise NotPricedError(f"a function of the first generation has at most 8,192 MB, not {text(megabytes)}")
    gib = megabytes / 1024
    seconds = usage.monthly_invocations * (usage.invocation_ms / 100).to_integral_value(ROUND_CEILING) / 10
    words = f"{text(usage.monthly_invocations)} invocations x {text(usage.invocation_ms)} ms, in steps of 100, x {{}}"
    if minimum := bill.number("minInstances", 0):
        idle = max(minimum * SECONDS - seconds, Decimal(0))
        told = f"({text(minimum)} minimum instances x {text(SECONDS)} s - serving) x {{}}"
        kind = "idle minimum instances"
        bill.add("functions-1.idle-cpu", idle * ghz, told.format(f"{text(ghz)} GHz"), name=f"CPU, {kind}")
        bill.add("functions-1.memory", idle * gib, told.format(f"{text(gib)} GiB"), name=f"Memory, {kind}")
    bill.add("functions-1.cpu", seconds * ghz, words.format(f"{text(ghz)} GHz"), name="CPU", usage=True)
    bill.add("functions-1.memory", seconds * gib, words.format(f"{text(gib)} GiB"), name="Memory", usage=True)
    bill.used("functions-1.invocations", usage.monthly_invocations, "invocations", name="Invocations")
    bill.logs(usage.monthly_log_gib)
    bill.egress(usage.monthly_egress_gib)

"""Spanner: nodes or processing units by the hour, storage by the month. Regional instances."""

from __future__ import annotations

from decimal import Decimal

from fastyle_policies.links import short_name
from fastyle_policies.model import UNKNOWN
from fastyle_policies.pricing.lines import HOURS
from fastyle_policies.pricing.services.base import Bill, NotPricedError, Usage, prices, text, usage_key

INSTANCE = "gcp:spanner/instance:Instance"


class InstanceUsage(Usage):
    storage_gib: Decimal = usage_key("GiB stored")


@prices(INSTANCE)
def instance(bill: Bill, usage: InstanceUsage) -> None:
    config = bill.resource.get("config")
    name = "" if config is UNKNOWN else short_name(str(config or ""))
    if not name.startswith("regional-"):
        raise NotPricedError("the price book has no rates for instances over several regions or of an unknown place")
    bill.region = bill.place(name.removeprefix("regional-"), "config")
    if str(bill.value("edition", "STANDARD")) not in ("STANDARD", "EDITION_UNSPECIFIED"):
        raise NotPricedError("the price book has no rates for editions beyond Standard")
    units = bill.number("processingUnits", 0) or bill.number(
        "autoscalingConfig.autoscalingLimits.minProcessingUnits", 0
    )
    nodes = units / 1000 or bill.number("numNodes", 0) or bill.number("autoscalingConfig.autoscalingLimits.minNodes", 0)
    nodes = nodes or Decimal(1)
    bill.add("spanner.node", nodes * HOURS, f"{text(nodes)} nodes x 730 h", name="Nodes")
    bill.used("spanner.storage", usage.storage_gib, "GiB", name="Storage")

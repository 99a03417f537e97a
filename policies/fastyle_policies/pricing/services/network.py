"""Networking that costs while nothing flows: NAT gateways, external addresses, connectors, VPN tunnels."""

from __future__ import annotations

from decimal import Decimal

from fastyle_policies.model import UNKNOWN
from fastyle_policies.pricing.lines import HOURS
from fastyle_policies.pricing.services.base import Bill, NotPricedError, NoUsage, Usage, prices, text, usage_key

NAT = "gcp:compute/routerNat:RouterNat"
ADDRESS = "gcp:compute/address:Address"
GLOBAL_ADDRESS = "gcp:compute/globalAddress:GlobalAddress"
CONNECTOR = "gcp:vpcaccess/connector:Connector"
TUNNEL = "gcp:compute/vPNTunnel:VPNTunnel"
COUNTED_VMS = Decimal(32)
"""Up to so many VMs a NAT gateway costs by their number, beyond a flat rate (cloud.google.com/nat/pricing)."""


class NatUsage(Usage):
    vms: Decimal = usage_key("VMs or instances that use the gateway, on average; above 32 at a flat rate", default=1)
    addresses: Decimal = usage_key("external addresses that it takes by itself", default=1)
    monthly_processed_gib: Decimal = usage_key("GiB through it, both ways")


@prices(NAT)
def nat(bill: Bill, usage: NatUsage) -> None:
    if usage.vms > COUNTED_VMS:
        words = f"730 h (a flat rate for {text(usage.vms)} VMs, which are more than {text(COUNTED_VMS)})"
        bill.add("network.nat-gateway", HOURS, words, name="Gateway")
    else:
        bill.add("network.nat-vm", usage.vms * HOURS, f"{text(usage.vms)} VMs x 730 h", name="Gateway")
    if bill.value("natIpAllocateOption", "AUTO_ONLY") == "AUTO_ONLY":
        words = f"{text(usage.addresses)} addresses x 730 h"
        bill.add("network.address", usage.addresses * HOURS, words, name="Addresses")
    bill.used("network.nat-data", usage.monthly_processed_gib, "GiB", name="Data processed")


@prices(ADDRESS, GLOBAL_ADDRESS)
def address(bill: Bill, usage: NoUsage) -> None:
    kind = bill.resource.get("addressType")
    if kind is UNKNOWN:
        raise NotPricedError("its addressType is secret or known only at update")
    if (kind or "EXTERNAL") != "EXTERNAL" or bill.value("ipVersion", "IPV4") != "IPV4":
        return
    users = [user.type.rsplit(":", 1)[-1] for user in bill.plan.referrers.get(bill.resource.urn, ())]
    if any("ForwardingRule" in user for user in users):
        bill.add("network.address", Decimal(0), "0 h (free while a forwarding rule has it)", name="External address")
    elif any(user in ("Instance", "InstanceTemplate", "RegionInstanceTemplate") for user in users):
        bill.add("network.address", Decimal(0), "0 h (counted with its machine)", name="External address")
    elif users:
        bill.add("network.address", HOURS, "730 h", name="External address")
    else:
        bill.note("nothing in this plan uses it: reckoned as reserved and unused, which costs twice as much as in use")
        bill.add("compute.idle-address", HOURS, "730 h", name="External address, unused")


@prices(CONNECTOR)
def connector(bill: Bill, usage: NoUsage) -> None:
    machine = bill.value("machineType", "e2-micro")
    if machine != "e2-micro":
        raise NotPricedError(f"the price book has no rate for connectors of {machine}")
    count = bill.number("minInstances", 2)
    words = f"{text(count)} instances x 730 h"
    bill.add("network.connector-instance", count * HOURS, words, name="Connector instances")


@prices(TUNNEL)
def tunnel(bill: Bill, usage: NoUsage) -> None:
    bill.add("vpn.tunnel", HOURS, "730 h", name="Tunnel")

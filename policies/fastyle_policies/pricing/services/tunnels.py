"""Cloud VPN: tunnels by the hour."""

from __future__ import annotations

from fastyle_policies.pricing.lines import HOURS
from fastyle_policies.pricing.services.base import Bill, Pricer
from fastyle_policies.pricing.services.disks import NoUsage

TUNNEL = "gcp:compute/vPNTunnel:VPNTunnel"


def tunnel(bill: Bill, usage: NoUsage) -> None:
    bill.add("vpn.tunnel", HOURS, "730 h", name="Tunnel")


PRICERS = (Pricer(token=TUNNEL, usage=NoUsage, price=tunnel),)

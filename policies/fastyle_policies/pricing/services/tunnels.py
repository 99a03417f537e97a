"""Cloud VPN: tunnels by the hour."""

from __future__ import annotations

from fastyle_policies.pricing.lines import HOURS
from fastyle_policies.pricing.services.base import Bill, NoUsage, prices

TUNNEL = "gcp:compute/vPNTunnel:VPNTunnel"


@prices(TUNNEL)
def tunnel(bill: Bill, usage: NoUsage) -> None:
    bill.add("vpn.tunnel", HOURS, "730 h", name="Tunnel")

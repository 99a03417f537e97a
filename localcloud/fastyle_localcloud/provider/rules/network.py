"""VPC networks and private service access."""

import ipaddress
from typing import Any

from fastyle_localcloud.provider.vocabulary import Rules, User, between, check, matches, one_of

_NAME = matches(
    "name",
    r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?",
    "is not a name of Compute Engine: 63 at most, a-z, 0-9, -, a letter first",
)
_LINK = "https://www.googleapis.com/compute/v1/{id}"


def _cidr(value: Any) -> bool:
    try:
        ipaddress.ip_network(value)
    except ValueError:
        return False
    return True


def _allowed(value: Any) -> bool:
    """Whether VPC takes a subnet's range: https://cloud.google.com/vpc/docs/subnets#prohibited-ipv4-ranges"""
    try:
        network = ipaddress.IPv4Network(value)
    except ValueError:
        return True  # the form is another check's matter
    return not any(network.overlaps(prohibited) for prohibited in _PROHIBITED)


_PROHIBITED = tuple(
    map(ipaddress.IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32"))
)


def _shrinks(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """A subnet grows in place, when the new range holds the old one."""
    try:
        before, after = (ipaddress.ip_network(v["ipCidrRange"]) for v in (old, new))
        grown = before.subnet_of(after)  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError):
        return []
    return [] if grown else ["ipCidrRange"]


RULES = {
    "compute.Network": Rules(
        id="projects/{project}/global/networks/{name}",
        # "The network resource is already being used by": a peering that was abandoned included.
        users=(
            User("servicenetworking.Connection", "network"),
            User("compute.GlobalAddress", "network"),
            User("compute.Subnetwork", "network"),
            User("compute.Router", "network"),
        ),
        replaces=("autoCreateSubnetworks", "description"),
        checks=(_NAME, one_of("routingMode", "REGIONAL", "GLOBAL")),
        defaults={"networkFirewallPolicyEnforcementOrder": "AFTER_CLASSIC_FIREWALL"},
        outputs={"selfLink": _LINK, "numericId": "{_unique}"},
    ),
    "compute.Subnetwork": Rules(
        id="projects/{project}/regions/{region}/subnetworks/{name}",
        replaces=("network", "description"),
        replaces_when=_shrinks,
        checks=(
            _NAME,
            check("ipCidrRange", _cidr, "is not a range of addresses (host bits set?)"),
            check("ipCidrRange", _allowed, "is no range of a subnet: this network, loopback, link-local or multicast"),
        ),
        outputs={"selfLink": _LINK},
    ),
    "compute.GlobalAddress": Rules(
        id="projects/{project}/global/addresses/{name}",
        replaces_always=True,
        checks=(
            _NAME,
            one_of("addressType", "EXTERNAL", "INTERNAL"),
            one_of("purpose", "VPC_PEERING", "PRIVATE_SERVICE_CONNECT"),
            between("prefixLength", 8, 29),
        ),
        outputs={"address": "10.20.0.0", "selfLink": _LINK},
    ),
    "compute.Router": Rules(
        id="projects/{project}/regions/{region}/routers/{name}",
        replaces=("network",),
        checks=(_NAME,),
        outputs={"selfLink": _LINK},
    ),
    "compute.RouterNat": Rules(
        id="{project}/{region}/{router}/{name}",
        checks=(
            _NAME,
            one_of("natIpAllocateOption", "AUTO_ONLY", "MANUAL_ONLY"),
            one_of(
                "sourceSubnetworkIpRangesToNat",
                "ALL_SUBNETWORKS_ALL_IP_RANGES",
                "ALL_SUBNETWORKS_ALL_PRIMARY_IP_RANGES",
                "LIST_OF_SUBNETWORKS",
            ),
        ),
    ),
    "servicenetworking.Connection": Rules(
        id="{network}:{service}",
        # Producers keep the peering busy for days after their last resource; the API then refuses to delete it.
        users=(
            User(
                "sql.DatabaseInstance",
                "settings.ipConfiguration.privateNetwork",
                "{value}:servicenetworking.googleapis.com",
                despite="REMOVE_PEERING",
            ),
        ),
        adopts="updateOnCreationFail",
        checks=(
            one_of("deletionPolicy", "ABANDON", "DELETE", "PREVENT", "REMOVE_PEERING"),
            check("reservedPeeringRanges", bool, "is empty"),
        ),
        outputs={"peering": "servicenetworking-googleapis-com"},
    ),
}

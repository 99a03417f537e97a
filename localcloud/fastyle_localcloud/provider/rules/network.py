"""VPC networks and private service access."""

import ipaddress
from typing import Any


def is_range(value: Any) -> bool:
    try:
        ipaddress.ip_network(value)
    except ValueError:
        return False
    return True


def is_allowed(value: Any) -> bool:
    """Whether VPC takes a subnet's range: https://cloud.google.com/vpc/docs/subnets#prohibited-ipv4-ranges"""
    try:
        network = ipaddress.IPv4Network(value)
    except ValueError:
        return True  # the form is another check's matter
    return not any(network.overlaps(prohibited) for prohibited in _PROHIBITED)


_PROHIBITED = tuple(
    map(ipaddress.IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32"))
)


def shrinks(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """A subnet grows in place, when the new range holds the old one."""
    try:
        before, after = (ipaddress.ip_network(v["ipCidrRange"]) for v in (old, new))
        grown = before.subnet_of(after)  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError):
        return []
    return [] if grown else ["ipCidrRange"]

"""A private network for what must not be reached from outside."""

import ipaddress
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from fastyle_components.base import Args, ArgsError, after, optional, token


@dataclass(frozen=True, kw_only=True)
class NetworkArgs(Args):
    network_name: str
    project: pulumi.Input[str]
    """The project's id."""
    location: str
    """Region of the subnet."""
    subnet_cidr: str
    """/26 or larger, such as 10.10.0.0/24: direct VPC egress takes about two addresses an instance."""
    services_prefix_length: int | None = optional(20, 16, 24, "Cloud SQL needs a /24")
    """Size of the range that Google's managed services (Cloud SQL) live in."""
    nat: bool | None = optional(False)
    """A way out to the Internet from private addresses, billed by the hour."""
    labels: dict[str, str] | None = None


class Network(pulumi.ComponentResource):
    """A VPC with one subnet, and private service access to managed services.

    Owns the network, the subnet, the range and the peering of private service access and, only when asked for, a
    NAT. No connector: Cloud Run enters the subnet directly, which costs traffic only. No firewall rule: the implied
    ones let nothing in. A subnet that Cloud Run used can be deleted an hour or two after the last use.
    """

    network: pulumi.Output[str]
    """`projects/<project>/global/networks/<name>`."""
    private_network: pulumi.Output[str]
    """The same, once managed services can be reached: what Cloud SQL needs."""
    subnetwork: pulumi.Output[str]
    """`projects/<project>/regions/<region>/subnetworks/<name>`."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token(type(self)), name, None, opts)
        args = NetworkArgs.complete(args, name)
        _check(name, args)
        child = pulumi.ResourceOptions(parent=self)
        network = gcp.compute.Network(
            f"{name}-network",
            name=args.network_name,
            project=args.project,
            auto_create_subnetworks=False,
            routing_mode="REGIONAL",
            opts=child,
        )
        network_id = pulumi.Output.concat("projects/", args.project, "/global/networks/", network.name)
        subnetwork = gcp.compute.Subnetwork(
            f"{name}-subnet",
            name=f"{args.network_name}-{args.location}",
            project=args.project,
            region=args.location,
            network=network_id,
            ip_cidr_range=args.subnet_cidr,
            private_ip_google_access=True,
            opts=child,
        )
        services = gcp.compute.GlobalAddress(
            f"{name}-services",
            name=f"{args.network_name}-services",
            project=args.project,
            network=network_id,
            purpose="VPC_PEERING",
            address_type="INTERNAL",
            prefix_length=args.services_prefix_length,
            labels=args.labels,
            opts=child,
        )
        peering = gcp.servicenetworking.Connection(
            f"{name}-peering",
            network=network_id,
            service="servicenetworking.googleapis.com",
            reserved_peering_ranges=[services.name],
            # Google keeps the connection busy for days after the last instance: deleting it alone would fail, and one
            # that is left in place blocks deleting the network.
            deletion_policy="REMOVE_PEERING",
            # Google remembers a removed peering's ranges: a network made again by the same name updates them.
            update_on_creation_fail=True,
            opts=child,
        )
        if args.nat:
            router = gcp.compute.Router(
                f"{name}-router",
                name=f"{args.network_name}-router",
                project=args.project,
                region=args.location,
                network=network_id,
                opts=child,
            )
            gcp.compute.RouterNat(
                f"{name}-nat",
                name=f"{args.network_name}-nat",
                project=args.project,
                region=args.location,
                router=router.name,
                nat_ip_allocate_option="AUTO_ONLY",
                source_subnetwork_ip_ranges_to_nat="ALL_SUBNETWORKS_ALL_IP_RANGES",
                log_config=gcp.compute.RouterNatLogConfigArgs(enable=True, filter="ERRORS_ONLY"),
                opts=child,
            )
        self.network = network_id
        self.private_network = after(network_id, peering)
        self.subnetwork = pulumi.Output.concat(
            "projects/", args.project, f"/regions/{args.location}/subnetworks/", subnetwork.name
        )
        self.register_outputs(
            {"network": self.network, "private_network": self.private_network, "subnetwork": self.subnetwork}
        )


def _check(name: str, args: NetworkArgs) -> None:
    where = f"Network {name!r}"
    check_subnet(f"{where}: subnet_cidr", args.subnet_cidr)


PRIVATE_RANGES = tuple(
    map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "240.0.0.0/4"))
)
"""RFC 1918, RFC 6598 and class E: what Cloud Run enters a network by."""
DOCKER_BRIDGE = ipaddress.IPv4Network("172.17.0.0/16")


def check_subnet(where: str, cidr: str) -> None:
    """Refuse a range that Cloud Run cannot enter a network by.

    What it can: https://cloud.google.com/run/docs/configuring/networking-best-practices. Of that not Docker's own
    bridge, from whose addresses Cloud SQL takes no connection: https://cloud.google.com/sql/docs/postgres/private-ip.

    Raises:
        ArgsError: one line that begins with `where`.
    """
    try:
        network = ipaddress.IPv4Network(cidr)
    except ValueError as e:
        raise ArgsError(f"{where} {cidr!r}: {e}; write for instance 10.10.0.0/24") from None
    if network.prefixlen > 26 or not any(network.subnet_of(private) for private in PRIVATE_RANGES):
        ranges = ", ".join(map(str, PRIVATE_RANGES))
        raise ArgsError(f"{where} {cidr}; direct VPC egress needs a private /26 or larger, within one of {ranges}")
    if network.overlaps(DOCKER_BRIDGE):
        raise ArgsError(
            f"{where} {cidr}; {DOCKER_BRIDGE} is Docker's own bridge, Cloud SQL would not answer from there; "
            "write for instance 10.10.0.0/24"
        )

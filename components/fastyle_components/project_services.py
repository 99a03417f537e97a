"""The APIs a project needs, and the agents that act for them."""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from fastyle_components.base import Args, ArgsError, either, token


@dataclass(frozen=True, kw_only=True)
class ProjectServicesArgs(Args):
    project: pulumi.Input[str]
    """The project's id."""
    services: list[str]
    """Full names, such as pubsub.googleapis.com."""
    agents: list[str] | None = None
    """Services among them whose agent must exist before it can be granted anything. Default: none."""


class ProjectServices(pulumi.ComponentResource):
    """Enabled APIs and existing service agents.

    Everything else depends on it. Destroying the stack leaves the APIs on: others may use them, and switching one
    off deletes what it holds.
    """

    services: pulumi.Output[list[str]]
    """The enabled APIs."""

    def __init__(self, name: str, args: ProjectServicesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token(type(self)), name, None, opts)
        args = ProjectServicesArgs.of(args)
        for service in [*args.services, *either(args.agents, [])]:
            if not service.endswith(".googleapis.com"):
                raise ArgsError(f"ProjectServices {name!r}: {service!r}; write it in full, {service}.googleapis.com")
        for agent in either(args.agents, []):
            if agent not in args.services:
                raise ArgsError(f"ProjectServices {name!r}: the agent of {agent} needs the service; add it to services")
        enabled = {
            service: gcp.projects.Service(
                f"{name}-{service.removesuffix('.googleapis.com')}",
                project=args.project,
                service=service,
                disable_on_destroy=False,
                disable_dependent_services=False,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for service in args.services
        }
        for agent in either(args.agents, []):
            gcp.projects.ServiceIdentity(
                f"{name}-{agent.removesuffix('.googleapis.com')}-agent",
                project=args.project,
                service=agent,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[enabled[agent]]),
            )
        self.services = pulumi.Output.all(*[service.service for service in enabled.values()])
        self.register_outputs({"services": self.services})

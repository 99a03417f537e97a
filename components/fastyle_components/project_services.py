"""The APIs a project needs, and the agents that act for them."""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from fastyle_components.base import Args, ArgsError, token


@dataclass(frozen=True, kw_only=True)
class ProjectServicesArgs(Args):
    project: pulumi.Input[str]
    """The project's id."""
    services: list[str]
    """Full names, such as pubsub.googleapis.com."""
    agents: list[str] | None = None
    """Services among them whose agent must exist before it is granted or used. Default: none."""
    project_number: str | None = None
    """Names the agents. Needed with `agents`."""


AGENTS: dict[str, tuple[str, str | None]] = {
    "pubsub.googleapis.com": ("gcp-sa-pubsub", "roles/pubsub.serviceAgent"),
    "eventarc.googleapis.com": ("gcp-sa-eventarc", "roles/eventarc.serviceAgent"),
    "iap.googleapis.com": ("gcp-sa-iap", None),
}
"""Domain and usual role of a service's agent: https://cloud.google.com/iam/docs/service-agents"""


class ProjectServices(pulumi.ComponentResource):
    """Enabled APIs and existing service agents.

    Everything else depends on it. Destroying the stack leaves the APIs on: others may use them, and switching one
    off deletes what it holds. An agent that is asked for, instead of made by a service's first use, gets its usual
    role from whoever asks: https://cloud.google.com/iam/docs/create-service-agents
    """

    services: pulumi.Output[list[str]]
    """The enabled APIs."""

    def __init__(self, name: str, args: ProjectServicesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token(type(self)), name, None, opts)
        args = ProjectServicesArgs.complete(args, name)
        for service in [*args.services, *(args.agents or [])]:
            if not service.endswith(".googleapis.com"):
                raise ArgsError(f"ProjectServices {name!r}: {service!r}; write it in full, {service}.googleapis.com")
        for agent in args.agents or []:
            if agent not in args.services:
                raise ArgsError(f"ProjectServices {name!r}: the agent of {agent} needs the service; add it to services")
            if agent not in AGENTS:
                raise ArgsError(f"ProjectServices {name!r}: the agent of {agent} is not known; use {', '.join(AGENTS)}")
            if args.project_number is None:
                raise ArgsError(f"ProjectServices {name!r}: agents are named by number; give it the project_number")
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
        for agent in args.agents or []:
            short = agent.removesuffix(".googleapis.com")
            identity = gcp.projects.ServiceIdentity(
                f"{name}-{short}-agent",
                project=args.project,
                service=agent,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[enabled[agent]]),
            )
            domain, role = AGENTS[agent]
            if role is not None:
                gcp.projects.IAMMember(
                    f"{name}-{short}-agent-role",
                    project=args.project,
                    role=role,
                    member=f"serviceAccount:service-{args.project_number}@{domain}.iam.gserviceaccount.com",
                    opts=pulumi.ResourceOptions(parent=self, depends_on=[identity]),
                )
        self.services = pulumi.Output.all(*[service.service for service in enabled.values()])
        self.register_outputs({"services": self.services})

"""A Cloud Run service, deployed from an archive without an image build, or from an image."""

import re
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp
import pulumi_gcp.cloudrunv2 as run

from fastyle_components.base import Args, ArgsError, after, given, in_range, optional, token
from fastyle_components.grants import holders, keyed
from fastyle_components.runtime import (
    RUN_INGRESS,
    Ingress,
    SecretFileArgs,
    SourceArgs,
    SubnetArgs,
    check_size,
    may_invoke,
)


@dataclass(frozen=True, kw_only=True)
class ServiceArgs(Args):
    service_name: str
    """At most 49 lower-case letters, digits and hyphens."""
    project: pulumi.Input[str]
    """The project's id."""
    location: str
    """Region."""
    service_account_email: pulumi.Input[str]
    """Whom it runs as; never the default account."""
    source: SourceArgs | None = None
    """A .tar.gz with everything the code needs, at most 250 MiB. This or `image`."""
    image: pulumi.Input[str] | None = None
    """A container image. This or `source`."""
    base_image: str | None = None
    """Runtime image under a `source`. Default: Google's Python 3.11 on Ubuntu 22.04, in the service's region."""
    commands: list[str] | None = None
    """Default for a `source`: python main.py. (In the base image, python3 is Ubuntu's own, of another version.)"""
    environment: dict[str, pulumi.Input[str]] | None = None
    """Variables. PORT and K_* are Cloud Run's own."""
    secret_files: dict[str, SecretFileArgs] | None = None
    """Secrets as files `/secrets/<key>/<file_name>`, by key."""
    invokers: dict[str, pulumi.Input[str]] | None = None
    """Members that may call it, by a stable key. Default: nobody."""
    allow_unauthenticated: bool | None = optional(False)
    """Switch the invoker check off: its code checks callers itself. Unlike a `Function` that everybody may call, this
    grants nothing to allUsers, which many organisations refuse."""
    iap_project_number: str | None = None
    """Put Identity-Aware Proxy in front, whose agent this project number names. Default: off."""
    iap_people: dict[str, pulumi.Input[str]] | None = None
    """Members that IAP lets through, by a stable key: people by their browsers, programs with a JWT that their service
    account signed. IAP is asked first, so that a member of `invokers` who is not among them is refused."""
    audiences: list[str] | None = None
    """Custom audiences that identity tokens may carry beside the URL."""
    ingress: Ingress | None = optional(Ingress.INTERNAL)
    subnet: SubnetArgs | None = None
    """Default: no private network."""
    cpu: str | None = optional("1")
    """vCPUs: 0.08 to 8."""
    memory: str | None = optional("512Mi")
    cpu_always_allocated: bool | None = optional(False)
    """CPU between requests too, billed as long as an instance lives."""
    minimum_instances: int | None = optional(0, 0, 1000, "Cloud Run's bounds")
    """With none there is nothing to pay when idle."""
    maximum_instances: int | None = optional(5, 1, 1000, "Cloud Run's bounds")
    """Bounds what a flood can cost."""
    concurrency: int | None = optional(80, 1, 1000, "1 under one CPU")
    """Requests at a time in one instance."""
    timeout_seconds: int | None = optional(300, 1, 3600, "Cloud Run's bounds")
    health_path: str | None = None
    """Asked at start and while it lives. Default: none, the port alone is probed."""
    labels: dict[str, str] | None = None
    deletion_protection: bool | None = optional(True)


class Service(pulumi.ComponentResource):
    """A private Cloud Run service under an identity of its own.

    Owns the service and its callers' grants. It deliberately owns no service account, no secret and no archive.
    Defaults: internal ingress, nobody may call, 0 to 5 instances of one CPU and 512 MiB, CPU only during requests.
    Deployment without a build follows Cloud Run's own contract: image `scratch`, a base image, and the source.
    """

    url: pulumi.Output[str]
    """`https://…`; waits for the callers' grants."""
    service: pulumi.Output[str]
    """The service's name."""

    def __init__(self, name: str, args: ServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token(type(self)), name, None, opts)
        args = ServiceArgs.complete(args, name)
        _check(name, args)
        child = pulumi.ResourceOptions(parent=self)
        service = run.Service(
            f"{name}-service",
            name=args.service_name,
            project=args.project,
            location=args.location,
            ingress=RUN_INGRESS[given(args.ingress)],
            # No launch_stage: Cloud Run answers with that of the newest feature in use, and "GA" beside a feature in
            # preview would be a difference for ever.
            custom_audiences=args.audiences,
            invoker_iam_disabled=True if args.allow_unauthenticated else None,
            iap_enabled=args.iap_project_number is not None,
            template=_template(args),
            deletion_protection=args.deletion_protection,
            labels=args.labels,
            opts=child,
        )
        invokers = dict(args.invokers or {})
        if args.iap_project_number is not None:
            # IAP asks on behalf of the person it let through.
            invokers["iap"] = f"serviceAccount:service-{args.iap_project_number}@gcp-sa-iap.iam.gserviceaccount.com"
        grants = may_invoke(self, service.name, args.project, args.location, invokers)
        people = holders(f"Service {name!r}", f"{name}-person", keyed(f"{name}-person", args.iap_people))
        grants += [
            gcp.iap.WebCloudRunServiceIamMember(
                person.name,
                cloud_run_service_name=service.name,
                project=args.project,
                location=args.location,
                role="roles/iap.httpsResourceAccessor",
                member=person.member,
                opts=person.opts(self),
            )
            for person in people
        ]
        self.url = after(service.uri, *grants)
        self.service = service.name
        self.register_outputs({"url": self.url, "service": self.service})


def _template(args: ServiceArgs) -> "run.ServiceTemplateArgs":
    secrets = args.secret_files or {}
    return run.ServiceTemplateArgs(
        service_account=args.service_account_email,
        timeout=f"{args.timeout_seconds}s",
        max_instance_request_concurrency=args.concurrency,
        scaling=run.ServiceTemplateScalingArgs(
            min_instance_count=args.minimum_instances, max_instance_count=args.maximum_instances
        ),
        vpc_access=None
        if args.subnet is None
        else run.ServiceTemplateVpcAccessArgs(
            egress="PRIVATE_RANGES_ONLY",
            network_interfaces=[
                run.ServiceTemplateVpcAccessNetworkInterfaceArgs(
                    network=args.subnet.network, subnetwork=args.subnet.subnetwork
                )
            ],
        ),
        volumes=[
            run.ServiceTemplateVolumeArgs(
                name=key,
                secret=run.ServiceTemplateVolumeSecretArgs(
                    secret=secret.secret_id,
                    items=[
                        run.ServiceTemplateVolumeSecretItemArgs(path=secret.file_name, version=given(secret.version))
                    ],
                ),
            )
            for key, secret in secrets.items()
        ],
        containers=[_container(args)],
    )


def _container(args: ServiceArgs) -> "run.ServiceTemplateContainerArgs":
    source, probe = args.source, run.ServiceTemplateContainerStartupProbeArgs
    health = args.health_path
    default_image = f"{args.location}-docker.pkg.dev/serverless-runtimes/google-22-full/runtimes/python311"
    return run.ServiceTemplateContainerArgs(
        image="scratch" if args.image is None else args.image,
        base_image_uri=(args.base_image or default_image) if source else None,
        commands=["python"] if source and args.commands is None else args.commands,
        args=["main.py"] if source and args.commands is None else None,
        source_code=None
        if source is None
        else run.ServiceTemplateContainerSourceCodeArgs(
            cloud_storage_source=run.ServiceTemplateContainerSourceCodeCloudStorageSourceArgs(
                bucket=source.bucket,
                object=source.object,
                generation=pulumi.Output.from_input(source.generation).apply(lambda generation: str(int(generation))),
            )
        ),
        ports=run.ServiceTemplateContainerPortsArgs(container_port=8080),
        envs=[
            run.ServiceTemplateContainerEnvArgs(name=key, value=value)
            for key, value in sorted((args.environment or {}).items())
        ],
        volume_mounts=[
            run.ServiceTemplateContainerVolumeMountArgs(name=key, mount_path=f"/secrets/{key}")
            for key in (args.secret_files or {})
        ],
        resources=run.ServiceTemplateContainerResourcesArgs(
            limits={"cpu": given(args.cpu), "memory": given(args.memory)},
            cpu_idle=not args.cpu_always_allocated,
            startup_cpu_boost=True,
        ),
        startup_probe=probe(
            period_seconds=5,
            timeout_seconds=5,
            failure_threshold=24,
            http_get=run.ServiceTemplateContainerStartupProbeHttpGetArgs(path=health, port=8080) if health else None,
            tcp_socket=None if health else run.ServiceTemplateContainerStartupProbeTcpSocketArgs(port=8080),
        ),
        liveness_probe=None
        if health is None
        else run.ServiceTemplateContainerLivenessProbeArgs(
            period_seconds=30,
            timeout_seconds=5,
            failure_threshold=3,
            http_get=run.ServiceTemplateContainerLivenessProbeHttpGetArgs(path=health, port=8080),
        ),
    )


def _check(name: str, args: ServiceArgs) -> None:
    where = f"Service {name!r}"
    if (args.source is None) == (args.image is None):
        raise ArgsError(f"{where}: give it source or image, one of the two")
    if not re.fullmatch(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?", args.service_name):
        raise ArgsError(
            f"{where}: service_name {args.service_name!r}; Cloud Run takes at most 49 of a-z, 0-9 and hyphen, "
            "a letter first, no hyphen last"
        )
    if args.iap_people and args.iap_project_number is None:
        raise ArgsError(f"{where}: iap_people without iap_project_number would let nobody in; give the number")
    if args.allow_unauthenticated and (args.invokers or args.iap_project_number is not None):
        raise ArgsError(
            f"{where}: allow_unauthenticated lets everybody in, before invokers or IAP are asked; give one of them"
        )
    least, most = given(args.minimum_instances), given(args.maximum_instances)
    in_range(f"{where}: maximum_instances", most, max(1, least), 1000, "at least minimum_instances")
    in_range(f"{where}: minimum_instances", least, 0, most, "at most maximum_instances")
    cpu = given(args.cpu)
    check_size(f"{where}: ", cpu, given(args.memory), given(args.concurrency))
    if float(cpu) < 1 and args.cpu_always_allocated:
        raise ArgsError(f"{where}: cpu_always_allocated needs a whole CPU; raise cpu to 1")
    for key in args.environment or {}:
        if key == "PORT" or key.startswith("K_"):
            raise ArgsError(f"{where}: environment {key} is set by Cloud Run; name it otherwise")

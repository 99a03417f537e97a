"""A function (2nd generation) on HTTP or on a topic."""

import re
from dataclasses import dataclass

import pulumi
import pulumi_gcp.cloudfunctionsv2 as functions

from fastyle_components.base import Args, ArgsError, after, given, in_range, optional, token
from fastyle_components.runtime import (
    FUNCTION_INGRESS,
    Ingress,
    SecretFileArgs,
    SourceArgs,
    check_size,
    may_invoke,
)

RESERVED = frozenset(["PORT", "FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE", "FUNCTION_NAME", "FUNCTION_REGION"])
"""Set by Cloud Functions: https://cloud.google.com/functions/docs/configuring/env-var"""
THREADS = "THREADS"
"""How many requests the functions framework for Python serves at a time; without it four a CPU, whatever `concurrency`
lets in: https://github.com/GoogleCloudPlatform/functions-framework-python (`_http/gunicorn.py`)"""


@dataclass(frozen=True, kw_only=True)
class FunctionArgs(Args):
    function_name: str
    """4 to 63 lower-case letters, digits and hyphens."""
    project: pulumi.Input[str]
    """The project's id."""
    location: str
    """Region."""
    service_account_email: pulumi.Input[str]
    """Whom it runs as; never the default account."""
    build_service_account: pulumi.Input[str]
    """Of a `FunctionBuild`."""
    repository: pulumi.Input[str]
    """Of a `FunctionBuild`."""
    source: SourceArgs
    """A .zip with main.py at its top."""
    entry_point: str | None = optional("handle")
    """The callable in main.py."""
    runtime: str | None = optional("python311")
    environment: dict[str, pulumi.Input[str]] | None = None
    secret_files: dict[str, SecretFileArgs] | None = None
    """Secrets as files `/secrets/<key>/<file_name>`, by key."""
    topic: pulumi.Input[str] | None = None
    """Run for each message of this topic (full name). Default: on HTTP requests."""
    trigger_service_account_email: pulumi.Input[str] | None = None
    """Whose token a topic's deliveries carry; it is granted what it needs. Needed with `topic`."""
    invokers: dict[str, pulumi.Input[str]] | None = None
    """Members that may call it, by a stable key. Default: nobody."""
    allow_unauthenticated: bool | None = optional(False)
    """Let everybody call it: its code checks credentials itself."""
    ingress: Ingress | None = optional(Ingress.INTERNAL)
    cpu: str | None = optional("1")
    memory: str | None = optional("512M")
    minimum_instances: int | None = optional(0, 0, 1000, "Cloud Run's bounds")
    maximum_instances: int | None = optional(5, 1, 1000, "Cloud Run's bounds")
    concurrency: int | None = optional(1, 1, 1000, "1 under one CPU")
    """Requests at a time in one instance, and threads to serve them. Raise it for code that is known to be safe."""
    timeout_seconds: int | None = optional(60, 1, 3600, "Cloud Run's bounds")
    """At most 540 on a topic."""
    labels: dict[str, str] | None = None
    deletion_protection: bool | None = optional(True)


class Function(pulumi.ComponentResource):
    """A function under an identity of its own, built by an account of its own.

    Owns the function and its callers' grants. It owns neither accounts, repository, archive nor topic.
    Defaults: internal ingress, nobody may call, 0 to 5 instances, one request at a time, 60 seconds; the cloud's own
    defaults (default compute account, no retry of events, 100 instances) are never relied on.
    """

    url: pulumi.Output[str]
    """`https://…`; waits for the callers' grants."""
    function: pulumi.Output[str]
    """The function's name, and that of the Cloud Run service under it."""

    def __init__(self, name: str, args: FunctionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token(type(self)), name, None, opts)
        args = FunctionArgs.complete(args, name)
        _check(name, args)
        invokers = dict(args.invokers or {})
        if args.trigger_service_account_email is not None:
            invokers["trigger"] = pulumi.Output.concat("serviceAccount:", args.trigger_service_account_email)
        if args.allow_unauthenticated:
            invokers["everybody"] = "allUsers"
        function = functions.Function(
            f"{name}-function",
            name=args.function_name,
            project=args.project,
            location=args.location,
            build_config=_build(args),
            service_config=_service(args),
            event_trigger=None
            if args.topic is None
            else functions.FunctionEventTriggerArgs(
                event_type="google.cloud.pubsub.topic.v1.messagePublished",
                trigger_region=args.location,
                pubsub_topic=args.topic,
                retry_policy="RETRY_POLICY_RETRY",
                service_account_email=args.trigger_service_account_email,
            ),
            deletion_policy="PREVENT" if args.deletion_protection else "DELETE",
            labels=args.labels,
            opts=pulumi.ResourceOptions(parent=self),
        )
        # The invoker check happens at the Cloud Run service under the function, which has the function's name.
        grants = may_invoke(self, function.name, args.project, args.location, invokers)
        self.url = after(function.url, *grants)
        self.function = function.name
        self.register_outputs({"url": self.url, "function": self.function})


def _build(args: FunctionArgs) -> "functions.FunctionBuildConfigArgs":
    return functions.FunctionBuildConfigArgs(
        runtime=args.runtime,
        entry_point=args.entry_point,
        service_account=args.build_service_account,
        docker_repository=args.repository,
        automatic_update_policy=functions.FunctionBuildConfigAutomaticUpdatePolicyArgs(),  # type: ignore[no-untyped-call]
        source=functions.FunctionBuildConfigSourceArgs(
            storage_source=functions.FunctionBuildConfigSourceStorageSourceArgs(
                bucket=args.source.bucket,
                object=args.source.object,
                generation=pulumi.Output.from_input(args.source.generation).apply(int),
            )
        ),
    )


def _service(args: FunctionArgs) -> "functions.FunctionServiceConfigArgs":
    return functions.FunctionServiceConfigArgs(
        service_account_email=args.service_account_email,
        available_cpu=args.cpu,
        available_memory=args.memory,
        min_instance_count=args.minimum_instances,
        max_instance_count=args.maximum_instances,
        max_instance_request_concurrency=args.concurrency,
        timeout_seconds=args.timeout_seconds,
        ingress_settings=FUNCTION_INGRESS[given(args.ingress)],
        all_traffic_on_latest_revision=True,
        environment_variables={**(args.environment or {}), THREADS: str(args.concurrency)},
        secret_volumes=[
            functions.FunctionServiceConfigSecretVolumeArgs(
                mount_path=f"/secrets/{key}",
                project_id=args.project,
                secret=secret.secret_id,
                versions=[
                    functions.FunctionServiceConfigSecretVolumeVersionArgs(
                        path=secret.file_name, version=given(secret.version)
                    )
                ],
            )
            for key, secret in (args.secret_files or {}).items()
        ],
    )


def _check(name: str, args: FunctionArgs) -> None:
    where = f"Function {name!r}"
    if not re.fullmatch(r"[a-z][a-z0-9-]{2,61}[a-z0-9]", args.function_name):
        raise ArgsError(
            f"{where}: function_name {args.function_name!r}; it takes 4 to 63 of a-z, 0-9 and hyphen, a letter first"
        )
    if (args.topic is None) != (args.trigger_service_account_email is None):
        raise ArgsError(f"{where}: topic and trigger_service_account_email belong together; give both or none")
    if args.topic is not None and args.allow_unauthenticated:
        raise ArgsError(f"{where}: a function on a topic needs no public entrance; leave allow_unauthenticated out")
    least, most = given(args.minimum_instances), given(args.maximum_instances)
    in_range(f"{where}: maximum_instances", most, max(1, least), 1000, "at least minimum_instances")
    check_size(f"{where}: ", given(args.cpu), given(args.memory), given(args.concurrency))
    for key in args.environment or {}:
        if key in RESERVED or key.startswith(("X_GOOGLE_", "K_")):
            raise ArgsError(f"{where}: environment {key} is Cloud Functions' own; name it otherwise")
    if THREADS in (args.environment or {}):
        raise ArgsError(f"{where}: environment {THREADS} follows from concurrency; set that")
    limit = 3600 if args.topic is None else 540
    in_range(f"{where}: timeout_seconds", given(args.timeout_seconds), 1, limit, "the trigger's bounds")

"""The grants that a plan's links need, each with the sentence that says what stops without it.

Sources: Google Cloud's documentation of each link (Pub/Sub export subscriptions, dead lettering and push; Cloud
Scheduler; Secret Manager; Cloud SQL IAM authentication; custom build accounts of functions; Eventarc's roles for
functions; access control of Composer 2 and 3; log sinks; IAP).
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from fastyle_policies import gcp
from fastyle_policies.least_privilege.given import (
    AGENTS,
    PROJECT,
    REPOSITORY,
    ROLES,
    SERVICE_IDENTITY,
    SOURCES,
    principal,
)
from fastyle_policies.least_privilege.uses import ON, Use, use_of
from fastyle_policies.links import Index, Target, exported_table, short_name
from fastyle_policies.model import UNKNOWN, Resource, dig, flag

PUBSUB_AGENT = "agent:gcp-sa-pubsub"
STORAGE_AGENT = "agent:gs-project-accounts"
OBJECT_VIEWER = "roles/storage.objectViewer"
SWITCHING = frozenset(["cloudsql.instances.get", "cloudsql.instances.update"])
"""What stopping and starting a database takes: a custom role with these will do."""

AGENT_ROLES: Mapping[str, str] = ROLES["agent_roles"]
WIDER = {role: frozenset([role, *more]) for role, more in ROLES["wider"].items()}
"""A role and those that contain all of it."""


@dataclass(frozen=True)
class Need:
    """`member` needs `role` on `on` or on the project; `link` says what for. Not `required`: it only explains."""

    link: str
    role: str
    on: frozenset[str]
    on_shown: str
    member: str
    member_shown: str
    resource: Resource
    required: bool = True
    permissions: frozenset[str] = frozenset()
    """What of the role is used, where a role of the plan's own may stand for it."""

    @property
    def sentence(self) -> str:
        return f"{self.link}: {self.member_shown} needs {self.role} on {self.on_shown}"


@dataclass(frozen=True)
class Unresolved:
    """A link whose end is known only at update and that no dependency tells, or that the pack cannot follow."""

    link: str
    resource: Resource
    unless: Need | None = None  # a grant that would do: where the plan makes it, nothing is left to tell


class PlatformNeeds:
    """Walks a plan's links of a data platform's own kind."""

    def __init__(self, index: Index, uses: Mapping[str, Use] = MappingProxyType({})) -> None:
        self.index = index
        self.uses = uses
        self.unresolved: list[Unresolved] = []
        self.opaque: set[str] = set()
        """Members of whose needs not all can be told: no grant to one of them is left over for certain."""

    def all(self) -> Iterator[Need]:
        for resource in self.index.plan.resources:
            yield from self.of(resource)

    def of(self, resource: Resource) -> Iterator[Need]:
        """What the links of one resource need."""
        if resource.type == gcp.SUBSCRIPTION:
            yield from self._subscription(resource)
        elif resource.type == gcp.JOB:
            yield from self._schedule(resource)
        elif resource.type in gcp.WORKLOADS:
            yield from self._workload(resource)
        elif resource.type == gcp.BUDGET:
            yield from self._publisher(
                resource, "allUpdatesRule.pubsubTopic", "billing-budget-alert@system.gserviceaccount.com"
            )
        elif resource.type == "gcp:monitoring/notificationChannel:NotificationChannel":
            if resource.get("type") == "pubsub":
                yield from self._publisher(resource, "labels.topic", "agent:gcp-sa-monitoring-notification", True)
        elif resource.type in gcp.SINKS:
            yield from self._sink(resource)
        elif resource.type == SERVICE_IDENTITY:
            yield from self._agent(resource)

    # -- how a need is put together ------------------------------------------------------------------------------

    def need(self, resource: Resource, link: str, role: str, on: Target, member: str, **more: Any) -> Iterator[Need]:
        """A need, with `more` of its fields; a link without an end is noted instead."""
        if not on or not member:
            self.cannot_follow(resource, f"{link} ({role})", member)
            return
        yield Need(link, role, on.keys, on.shown, member, self._shown(member), resource, **more)

    def cannot_follow(self, resource: Resource, link: str, member: str = "", unless: Need | None = None) -> None:
        """Note a link whose grants the pack does not derive; what is granted to its member may be for it."""
        self.unresolved.append(Unresolved(link, resource, unless))
        if member:
            self.opaque.add(member)

    def on_project(self, resource: Resource, link: str, role: str, member: str, **more: Any) -> Iterator[Need]:
        yield from self.need(resource, link, role, Target(outside=PROJECT), member, **more)

    def _shown(self, member: str) -> str:
        if account := self.index.by_urn.get(member):
            return f"account '{account.get('accountId') or account.name}'"
        if member.startswith("agent:"):
            return f"the service agent of {member.removeprefix('agent:').removeprefix('gcp-sa-')}"
        return "the sink's writer" if member.startswith("writer:") else member

    def account(self, resource: Resource, path: str) -> str:
        return principal(self.index, resource, path.partition(".")[0], resource.get(path))

    # -- Pub/Sub -------------------------------------------------------------------------------------------------

    def _subscription(self, s: Resource) -> Iterator[Need]:
        if s.get("bigqueryConfig") is not None:
            writer = yield from self._writer(s, "bigqueryConfig.serviceAccountEmail")
            yield from self.need(
                s, "BigQuery export", "roles/bigquery.dataEditor", exported_table(self.index, s), writer
            )
        if s.get("cloudStorageConfig") is not None:
            writer = yield from self._writer(s, "cloudStorageConfig.serviceAccountEmail")
            bucket = self.index.resolve(s, "cloudStorageConfig.bucket", gcp.BUCKET)
            for role in ("roles/storage.objectCreator", "roles/storage.legacyBucketReader"):
                yield from self.need(s, "Cloud Storage export", role, bucket, writer)
        if s.get("deadLetterPolicy") is not None:
            topic = self.index.resolve(s, "deadLetterPolicy.deadLetterTopic", gcp.TOPIC)
            yield from self.need(s, "dead lettering", "roles/pubsub.publisher", topic, PUBSUB_AGENT)
            yield from self.need(s, "dead lettering", "roles/pubsub.subscriber", Target((s,)), PUBSUB_AGENT)
        if s.get("pushConfig.oidcToken") is not None:
            caller = self.account(s, "pushConfig.oidcToken.serviceAccountEmail")
            yield from self.need(s, "push", "roles/run.invoker", self._called(s, "pushConfig.pushEndpoint"), caller)

    def _writer(self, s: Resource, path: str) -> Generator[Need, None, str]:
        """Whom an export writes as. An account of one's own is borrowed by Pub/Sub's agent."""
        if s.get(path) is None:
            return PUBSUB_AGENT
        account = self.index.resolve(s, path, gcp.SERVICE_ACCOUNT)
        yield from self.need(s, "export account", "roles/iam.serviceAccountTokenCreator", account, PUBSUB_AGENT)
        return self.account(s, path)

    def _called(self, resource: Resource, path: str) -> Target:
        """The Cloud Run service behind a URL: `https://<service>-<hash or number>.…run.app/…`, or what it came from."""
        url = resource.get(path)
        if isinstance(url, str):
            host = re.sub(r"^https?://", "", url).partition("/")[0]
            services = list(self.index.plan.of(gcp.RUN_SERVICE, gcp.FUNCTION))
            for service in services:
                if any(
                    isinstance(uri, str) and uri and url.startswith(uri) for uri in map(service.get, ("uri", "url"))
                ):
                    return Target((service,))
            names = {short_name(name): s for s in services if isinstance(name := s.get("name"), str)}
            # Of two that begin alike the longer one first: `shop-api-abc123-uc.a.run.app` is one of `shop-api`.
            for name in sorted(names, reverse=True):
                if re.match(rf"{re.escape(name)}-[a-z0-9]+[.-]", host):
                    return Target((names[name],))
            return Target(outside=host)
        return self.index.resolve(resource, path, gcp.RUN_SERVICE, gcp.FUNCTION)

    def _publisher(self, resource: Resource, path: str, member: str, required: bool = False) -> Iterator[Need]:
        topic = self.index.resolve(resource, path, gcp.TOPIC)
        if topic:
            yield from self.need(resource, "notices", "roles/pubsub.publisher", topic, member, required=required)

    def _agent(self, identity: Resource) -> Iterator[Need]:
        """An agent that is asked for gets no role by itself (cloud.google.com/iam/docs/create-service-agents)."""
        service = str(identity.get("service"))
        if service in AGENT_ROLES:
            yield from self.on_project(identity, "service agent", AGENT_ROLES[service], f"agent:{AGENTS[service]}")

    # -- schedules and sinks -------------------------------------------------------------------------------------

    def _schedule(self, job: Resource) -> Iterator[Need]:
        if job.get("httpTarget.oidcToken") is not None:
            caller = self.account(job, "httpTarget.oidcToken.serviceAccountEmail")
            yield from self.need(job, "schedule", "roles/run.invoker", self._called(job, "httpTarget.uri"), caller)
        elif job.get("httpTarget.oauthToken") is not None:
            caller = self.account(job, "httpTarget.oauthToken.serviceAccountEmail")
            uri = job.get("httpTarget.uri")
            if not isinstance(uri, str):
                self.cannot_follow(job, "schedule (the API that it calls)")
            elif "://sqladmin.googleapis.com/" in uri:
                role = "roles/cloudsql.editor"
                yield from self.on_project(job, "database schedule", role, caller, permissions=SWITCHING)
            elif run := re.search(r"run\.googleapis\.com/.*/jobs/([^/:]+):run$", uri):
                target = Target(self.index.named(gcp.RUN_JOB, run[1])) or Target(outside=run[1])
                yield from self.need(job, "schedule", "roles/run.invoker", target, caller)
            else:
                host = re.sub(r"^https?://", "", uri).partition("/")[0]
                self.cannot_follow(job, f"schedule (what {host} asks for)", caller)

    def _sink(self, sink: Resource) -> Iterator[Need]:
        destination = sink.get("destination")
        kinds = {
            "storage.googleapis.com": ("roles/storage.objectCreator", gcp.BUCKET),
            "bigquery.googleapis.com": ("roles/bigquery.dataEditor", gcp.DATASET),
            "pubsub.googleapis.com": ("roles/pubsub.publisher", gcp.TOPIC),
        }
        writer, followed = f"writer:{sink.urn}", False
        for host, (role, type_) in kinds.items():
            if (isinstance(destination, str) and destination.startswith(host)) or destination is UNKNOWN:
                target = self.index.resolve(sink, "destination", type_)
                if target:
                    followed = True
                    yield from self.need(sink, "log sink", role, target, writer)
        if isinstance(destination, str) and destination.startswith("logging.googleapis.com"):
            # To a bucket of the same project no grant is needed, to another's one is.
            yield from self.on_project(sink, "log sink", "roles/logging.bucketWriter", writer, required=False)
        elif not followed:
            self.cannot_follow(sink, "log sink (its destination)", writer)

    # -- workloads -----------------------------------------------------------------------------------------------

    def _workload(self, w: Resource) -> Iterator[Need]:
        account = self.account(w, gcp.account_path(w))
        secrets = [v for v in (*gcp.variables(w), *gcp.mounted_secrets(w)) if v.secret is not None]
        seen: set[frozenset[str]] = set()
        for variable in secrets:
            secret = self.index.resolve_value(w, variable.source, variable.secret, gcp.SECRET)
            if secret.keys not in seen:
                seen.add(secret.keys)
                yield from self.need(w, "secret", "roles/secretmanager.secretAccessor", secret, account)
        yield from self._from_environment(w, account)
        if w.type == gcp.COMPOSER:
            yield from self.on_project(w, "Composer workers", "roles/composer.worker", account)
            if str(w.get("config.softwareConfig.imageVersion")).startswith("composer-2"):
                role, agent = "roles/composer.ServiceAgentV2Ext", "agent:cloudcomposer-accounts"
                yield from self.on_project(w, "Composer 2", role, agent)
        if w.type == gcp.FUNCTION:
            yield from self._build(w)
        if w.type == gcp.RUN_SERVICE and flag(w.get("iapEnabled")) is True:
            yield from self.need(w, "IAP", "roles/run.invoker", Target((w,)), "agent:gcp-sa-iap")
        if w.type == gcp.FUNCTION and w.get("eventTrigger") is not None:
            caller = self.account(w, "eventTrigger.serviceAccountEmail") or account
            yield from self.need(w, "event trigger", "roles/run.invoker", Target((w,)), caller)
            yield from self.events(w, str(w.get("eventTrigger.eventType")), caller)
        volumes = [*w.blocks("template.volumes"), *w.blocks("template.template.volumes")]
        if any(dig(volume, "cloudSqlInstance") is not None for volume in volumes):
            yield from self.on_project(w, "Cloud SQL connection", "roles/cloudsql.client", account)

    def events(self, resource: Resource, kind: str, caller: str) -> Iterator[Need]:
        """What receiving events of a kind takes; those of Pub/Sub come as a push."""
        if not kind.startswith("google.cloud.pubsub."):
            yield from self.on_project(resource, "event trigger", "roles/eventarc.eventReceiver", caller)
        if kind.startswith("google.cloud.storage."):
            yield from self.on_project(resource, "events of a bucket", "roles/pubsub.publisher", STORAGE_AGENT)

    def _from_environment(self, w: Resource, account: str) -> Iterator[Need]:
        """What a workload is given the name of, it uses: topics, datasets, buckets, whatever its program says."""
        variables = list(gcp.variables(w))
        names = frozenset(variable.name for variable in variables)
        queries = False
        for variable in variables:
            use = use_of(variable, names, self.uses)
            if use is None:
                continue
            queries |= use.on == "dataset"
            target = Target(outside=PROJECT)
            if use.on != "project":
                target = self.index.resolve_value(w, variable.source, variable.value, ON[use.on])
            yield from self.need(w, variable.name, use.role, target, account, permissions=frozenset(use.permissions))
        if queries:
            yield from self.on_project(w, "BigQuery jobs", "roles/bigquery.jobUser", account)

    def _build(self, function: Resource) -> Iterator[Need]:
        account = self.account(function, "buildConfig.serviceAccount")
        yield from self.on_project(function, "build", "roles/logging.logWriter", account)
        source = self.index.resolve(function, "buildConfig.source.storageSource.bucket", gcp.BUCKET)
        yield from self.need(function, "build", OBJECT_VIEWER, source, account)
        copies = Target(outside=f"{PROJECT} where {SOURCES}")
        yield from self.need(function, "build", OBJECT_VIEWER, copies, account)
        repository = Target(outside=PROJECT)
        if function.get("buildConfig.dockerRepository") is not None:
            repository = self.index.resolve(function, "buildConfig.dockerRepository", REPOSITORY) or repository
        yield from self.need(function, "build", "roles/artifactregistry.writer", repository, account)

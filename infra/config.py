"""The one reader of a stack's configuration: `Pulumi.<stack>.yaml` becomes a frozen, checked `StackConfig`."""

from __future__ import annotations

import difflib
import ipaddress
import json
import os
from collections.abc import Mapping
from typing import Any, Self
from zoneinfo import ZoneInfo

import pulumi
from fastyle_components import Availability, Ingress
from pydantic import ValidationError, field_validator, model_validator

from infra.codes import CURRENCIES, FIRST_WORDS, REGIONS
from infra.config_errors import NAMESPACE, PROVIDERS_OWN, explain
from infra.crons import clash
from infra.fields import Api, Key, Label, label_of, setting
from infra.settings import (
    Access,
    Budget,
    Ci,
    Composer,
    Database,
    Inventory,
    Lake,
    Monitoring,
    Network,
    Orchestrator,
    Pipeline,
    Section,
    Simulator,
    Streams,
    WarehouseSettings,
    Workloads,
)
from workloads.api.interface import ApiAuth
from workloads.budget_guard.interface import Mode
from workloads.events import STREAMS

ALWAYS = (
    *("artifactregistry", "bigquery", "billingbudgets", "cloudbuild", "cloudfunctions", "cloudresourcemanager"),
    *("compute", "iam", "logging", "monitoring", "pubsub", "run", "secretmanager", "servicenetworking", "sqladmin"),
    "storage",
)
"""APIs that no stack of this program does without."""


class ConfigError(pulumi.RunError):
    """The stack's configuration is wrong: one line for each mistake, with key, consequence and mend."""


class StackConfig(Section):
    """Everything that differs between stacks. No component asks which stack it is in."""

    project: str = setting(
        means="the Google Cloud project to deploy to", example="my-project", pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$"
    )
    region: str = setting(means="where everything runs", example="us-central1", pattern=r"^[a-z]+-[a-z]+\d+$")
    project_number: str = setting(
        means="without it service agents cannot be granted anything", example="123456789012", pattern=r"^\d{5,20}$"
    )
    billing_account: str = setting(
        means="without it no budget watches the costs",
        example="012345-6789AB-CDEF01",
        pattern=r"^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$",
    )
    environment: str = setting(
        means="a label of your own: bills are split by it",
        example="dev",
        pattern=r"^[a-z][a-z0-9-]{0,30}$",
    )
    protected: bool = setting(
        False,
        means="whether the stack must survive a zone, a mistake and a flood: other keys that would not are refused",
    )
    brand: str = setting(
        "Fastyle",
        means="the business's name: in the dashboard, the APIs' titles, alerts and the label `application`",
        pattern=r"^\w([\w .&'+-]{0,38}[\w.+])?$",
    )
    locale: str = setting(
        "en-US",
        means="how the dashboard writes numbers and dates; its words are English",
        example="de-DE",
        pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$",
    )
    continuous_deployment: bool = setting(
        False, means="whether a merge deploys the stack, and each night looks for drift in it", example=True
    )
    timezone: str = setting(means="the clock that business dates are cut by", example="America/New_York")
    currency: str = setting(means="sales in another one are refused", example="USD", pattern=r"^[A-Z]{3}$")
    name_prefix: str | None = setting(
        None,
        means="what every name begins with, so that several stacks share a project; a change replaces everything",
        example="anna",
        pattern=r"^[a-z][a-z0-9]{0,11}$",
    )
    owns_project: bool | None = setting(
        None,
        means="whether this stack keeps what a project has once: APIs and agents, the retention of logs, the whole "
        "project's budget, federation, analysts' right to query; without it only a stack without name_prefix does",
        example=True,
    )
    labels: dict[Key, Label] = setting({}, means="labels on everything", example={"team": "data"})
    deletion_protection: bool = setting(True, means="whether a mistaken destroy is refused")
    decommission: str | None = setting(
        None,
        means="the project's id, once more: without it deletion_protection stays on where protected is true",
        example="my-project",
    )
    force_destroy: bool = setting(False, means="whether destroying also deletes data that Pulumi did not make")
    services: list[Api] = setting([], means="the APIs that must be on", example=["pubsub.googleapis.com"])
    orchestrator: Orchestrator = setting(Orchestrator.SCHEDULER, means="what runs the pipeline", example="scheduler")
    inventory: Inventory = setting(Inventory(), means="when stock is low or too much", example={"reorder_point": 20})
    simulator: Simulator = setting(Simulator(), means="invented trade", example={"enabled": True})
    streams: Streams = setting(Streams(), means="how long events wait", example={"retention_days": 7})
    lake: Lake = setting(means="without it the lake grows for ever", example={"delete_after_days": 400})
    warehouse: WarehouseSettings = setting(
        means="without it the warehouse grows for ever", example={"raw_retention_days": 60}
    )
    database: Database = setting(means="live inventory needs one", example={"tier": "db-f1-micro"})
    network: Network = setting(Network(), means="how the database is reached", example={"nat": False})
    workloads: Workloads = setting(Workloads(), means="how large services are", example={"api": {"cpu": "1"}})
    pipeline: Pipeline = setting(Pipeline(), means="when the marts are built", example={"cron": "0 7 * * *"})
    access: Access = setting(Access(), means="who gets in", example={"people": {}})
    budget: Budget = setting(means="without it nobody hears of an overspend", example={"monthly_amount": 50})
    monitoring: Monitoring | None = setting(None, means="who is woken, and when", example={"emails": ["a@example.com"]})
    composer: Composer | None = setting(None, means="the shape of Composer", example={"environment_size": "SMALL"})
    log_retention_days: int = setting(30, means="how long logs can be read; 30 are in the price", ge=1, le=3650)
    ci: Ci | None = setting(None, means="who deploys without a key", example={"repository": "owner/name"})

    @field_validator("brand")
    @classmethod
    def _labelled(cls, value: str) -> str:
        if not label_of(value):
            raise ValueError(
                f"{value!r} has no Latin letter or digit; the label `application` would say nothing; "
                "write the name in Latin letters"
            )
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, KeyError):
            raise ValueError(
                f"{value!r} is no IANA time zone; business dates could not be cut; write for instance America/New_York"
            ) from None
        return value

    @field_validator("name_prefix")
    @classmethod
    def _distinct_prefix(cls, value: str | None) -> str | None:
        if value in FIRST_WORDS | {stream.topic.partition("-")[0] for stream in STREAMS.values()}:
            raise ValueError(
                f"{value!r} begins names of a stack without a prefix; two stacks could want one name; "
                f"write another word, for instance my{value[:10]}"
            )
        if value is not None and (value.startswith("goog") or "google" in value):
            raise ValueError(
                f"{value!r} begins with goog or contains google; Google Cloud keeps such names of topics and buckets to "
                "itself, the deployment would stop half-way; write another word, for instance anna"
            )
        return value

    @field_validator("region")
    @classmethod
    def _known_region(cls, value: str) -> str:
        if value not in REGIONS:
            near = difflib.get_close_matches(value, sorted(REGIONS), n=1)
            raise ValueError(
                f"{value!r} is no region known here, the deployment would stop half-way; "
                f"{f'did you mean {near[0]}?' if near else 'write for instance us-central1'} "
                "(a newer one: add it to infra/codes.py)"
            )
        return value

    @field_validator("currency")
    @classmethod
    def _known_currency(cls, value: str) -> str:
        if value not in CURRENCIES:
            raise ValueError(f"{value!r} is no ISO 4217 code; every sale would be refused; write for instance USD")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = [*self._storage_problems(), *self._schedule_problems(), *self._service_problems()]
        problems += self._ownership_problems()
        problems += self._removal_problems()
        problems += self._protection_problems()
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _storage_problems(self) -> list[str]:
        problems = []
        if self.warehouse.raw_retention_days <= self.streams.retention_days:
            problems.append(
                f"warehouse.raw_retention_days ({self.warehouse.raw_retention_days}) is not over "
                f"streams.retention_days ({self.streams.retention_days}); an event delivered late would be counted "
                f"again; write warehouse.raw_retention_days: {self.streams.retention_days * 2} or more"
            )
        if self.deletion_protection and self.force_destroy:
            problems.append(
                "force_destroy is true although deletion_protection is; one of them would be ignored; "
                "write force_destroy: false"
            )
        return problems

    def _schedule_problems(self) -> list[str]:
        problems = []
        if self.orchestrator is Orchestrator.COMPOSER and self.composer is None:
            problems.append(
                "composer is missing although orchestrator is composer; nothing would run the pipeline; "
                "write its image_version under composer, or orchestrator: scheduler"
            )
        night = self.database.night_stop
        if night is not None and (run := clash(self.pipeline.cron, night.stop_cron, night.start_cron)) is not None:
            problems.append(
                f"pipeline.cron {self.pipeline.cron!r} runs on {run:%A} at {run:%H:%M}, when database.night_stop has "
                "stopped the database; the run would fail; move one of them"
            )
        enters_by_platform = self.protected or bool(self.access.people or self.access.programs)
        if self.access.api_auth is ApiAuth.TOKEN and enters_by_platform:
            problems.append(
                "access.api_auth is token; people's browsers and Cloud Run's own check both use that header, nobody "
                "would get in; write access.api_auth: platform"
            )
        return problems

    def _service_problems(self) -> list[str]:
        """An empty list says that somebody else switches the APIs on. What another check refuses is not told twice."""
        twice = sorted({api for api in self.services if self.services.count(api) > 1})
        if twice:
            return [
                f"services names {twice[0]} twice; both would be one resource, and the deployment stop; name it once"
            ]
        composer = self.airflow is not None
        sleeps = self.database.night_stop is not None and not self.protected
        needed = {
            **dict.fromkeys(ALWAYS, ("every stack", True)),
            "composer": ("orchestrator", composer),
            "cloudscheduler": ("a schedule", self.orchestrator is Orchestrator.SCHEDULER or sleeps),
            "eventarc": ("budget.guard", self.budget.guard is not None),
            "iap": ("access.people", bool(self.access.people)),
            "iamcredentials": ("ci", self.ci is not None),
            "sts": ("ci", self.ci is not None),
        }
        lacking = [
            f"services lacks {api}.googleapis.com, which {what} needs; the deployment would stop half-way; add it"
            for api, (what, used) in needed.items()
            if used and self.services and f"{api}.googleapis.com" not in self.services
        ]
        if problem := self._addresses_problem():
            lacking.append(problem)
        if self.access.people and self.workloads.api.ingress is Ingress.INTERNAL:
            lacking.append(
                "access.people is given while workloads.api.ingress is internal; no browser would get as far as the "
                "sign-in; write workloads.api.ingress: all"
            )
        return lacking

    def _addresses_problem(self) -> str | None:
        """Direct VPC egress takes two addresses an instance: https://cloud.google.com/run/docs/configuring/vpc-direct-vpc"""
        entering = (self.workloads.inventory_sync, self.workloads.api, self.workloads.pipeline)
        needed = 2 * sum(workload.maximum_instances for workload in entering)
        subnet = ipaddress.ip_network(self.network.subnet_cidr)
        if (usable := subnet.num_addresses - 4) >= needed:
            return None
        return (
            f"network.subnet_cidr {subnet} has {usable} addresses and the services' maximum_instances take {needed}; "
            f"a flood would be refused; write a /{32 - (needed + 3).bit_length()} or larger"
        )

    @property
    def keeps_project(self) -> bool:
        """Whether this stack keeps what its project has once."""
        return self.name_prefix is None if self.owns_project is None else self.owns_project

    def _ownership_problems(self) -> list[str]:
        """What only the stack that keeps the project may ask for."""
        if self.keeps_project:
            return []
        if self.name_prefix is None:
            return [
                "owns_project is false without name_prefix; its names would be those of the stack that keeps the "
                "project; write name_prefix: a word of its own, or leave it out"
            ]
        asked = {
            "services": (bool(self.services), "the APIs of that stack are on for this one too"),
            "log_retention_days": (
                "log_retention_days" in self.model_fields_set,
                "the project's one log bucket would change with each deployment of either",
            ),
            "ci": (self.ci is not None, "the project's federation would be made twice"),
        }
        return [
            f"{key} is given in a stack with name_prefix, which another one of the project keeps; {why}; leave it out, "
            "or write owns_project: true where no other stack does"
            for key, (given, why) in asked.items()
            if given
        ]

    @property
    def airflow(self) -> Composer | None:
        """The shape of the Composer environment, where there is one: it runs the pipeline, or stands by."""
        runs = self.orchestrator is Orchestrator.COMPOSER
        return self.composer if self.composer is not None and (runs or self.composer.standby) else None

    def _removal_problems(self) -> list[str]:
        problems = []
        if self.decommission is not None and self.decommission != self.project:
            problems.append(
                f"decommission is {self.decommission!r} and the project {self.project}; another stack may be meant; "
                f"write decommission: {self.project}, or leave it out"
            )
        runs = self.orchestrator is Orchestrator.COMPOSER and self.deletion_protection
        if self.composer is not None and self.composer.deletion_protection is False and runs:
            problems.append(
                "composer.deletion_protection is false although orchestrator is composer; what runs the pipeline could "
                "be deleted; write orchestrator: scheduler first, or leave it out"
            )
        return problems

    def _protection_problems(self) -> list[str]:
        if not self.protected:
            return []
        wrong = {
            "database.availability is ZONAL; a zone's outage stops live inventory; "
            "write database.availability: REGIONAL": self.database.availability is not Availability.REGIONAL,
            "database.backups.point_in_time_recovery is off; a mistake costs up to a day of trade; "
            "write point_in_time_recovery: true": not self.database.backups.point_in_time_recovery,
            "database.night_stop is set; shops open while it sleeps; leave it out": self.database.night_stop
            is not None,
            "database.client_sslmode is prefer; a client would talk to a server without TLS; "
            "write database.client_sslmode: require": self.database.client_sslmode != "require",
            "deletion_protection is off; one mistaken destroy loses the trade; "
            "write deletion_protection: true, or, to remove the stack, follow docs/operations/removal.md": (
                not self.deletion_protection and self.decommission is None
            ),
            "simulator.enabled is true; invented sales would mix with real ones; "
            "write simulator.enabled: false": self.simulator.enabled,
            "budget.emails is empty; an overspend would wait for the billing administrators; "
            "write budget.emails: [finance@example.com]": not self.budget.emails,
            "budget.guard is act; a late notice would stop what shops sell with; "
            "write budget.guard: tell": self.budget.guard is Mode.ACT,
            "monitoring is missing; nobody hears of an outage; write monitoring.emails: [oncall@example.com]": (
                self.monitoring is None
            ),
        }
        return [f"{problem} (protected is true)" for problem, is_wrong in wrong.items() if is_wrong]


def load_config(values: Mapping[str, str] | None = None) -> StackConfig:
    """Read and check the configuration of the running stack, or `values` (`<namespace>:<key>` to text).

    Raises:
        ConfigError: a line for each mistake: key, consequence, mend.
    """
    values = _running() if values is None else values
    data: dict[str, Any] = {}
    for key, value in values.items():
        namespace, _, name = key.partition(":")
        if namespace == NAMESPACE:
            data[name] = _parse(key, value)
    for reserved in PROVIDERS_OWN:
        if reserved in data:
            raise ConfigError(f"fastyle:{reserved}: the provider would not see it; write gcp:{reserved} instead")
        if (given := values.get(f"gcp:{reserved}")) is not None:
            data[reserved] = given
    try:
        return StackConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(explain(error, StackConfig))) from None


def _running() -> Mapping[str, str]:
    """What the engine gave this program; `pulumi.Config` cannot list keys, and an unlisted key is a mistake unseen."""
    given = pulumi.runtime.config.CONFIG.get()
    return given or json.loads(os.environ.get("PULUMI_CONFIG", "{}"))


def _parse(key: str, value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError as e:
            raise ConfigError(f"{key}: not valid JSON ({e}); nothing of it would be used; write it as YAML") from None
    return value

"""Event streams and the workloads between them."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any
from urllib.parse import quote

import pulumi
from fastyle_components import (
    BigQueryExportArgs,
    EventStream,
    EventStreamArgs,
    Function,
    FunctionArgs,
    FunctionBuild,
    FunctionBuildArgs,
    PushArgs,
    SecretFileArgs,
    Service,
    ServiceArgs,
    SourceArgs,
    StorageExportArgs,
    SubnetArgs,
    WorkloadArchive,
    WorkloadArchiveArgs,
)
from fastyle_components.function import THREADS

from infra.foundation import Foundation
from infra.settings import Entrance, Orchestrator, Workload
from workloads.api import interface as api
from workloads.api.interface import ApiAuth
from workloads.events import STREAMS, Stream, consumed_by, pubsub_definition
from workloads.events.stream import INVENTORY
from workloads.inventory_sync import interface as inventory_sync
from workloads.pipeline import interface as pipeline
from workloads.pos_api import interface as pos_api
from workloads.runtime import interface as common


class Streaming:
    """Streams, services and the POS API on a `Foundation`."""

    def __init__(self, foundation: Foundation) -> None:
        self._base, self._config = foundation, foundation.config
        self._names = foundation.names
        self.inventory_sync = self._inventory_sync()
        self.streams = {key: self._stream(key, stream) for key, stream in STREAMS.items()}
        self.pos_api: Function | Service = (
            self._pos_service() if self._config.access.entrance is Entrance.SERVICE else self._pos_api()
        )
        self.api = self._api()
        self.pipeline = self._pipeline()

    @cached_property
    def build(self) -> FunctionBuild:
        """What functions are built by; a stack without functions has none."""
        return FunctionBuild(
            "function-build",
            FunctionBuildArgs(
                project=self._config.project,
                project_number=self._config.project_number,
                location=self._config.region,
                bucket=self._base.archives.bucket,
                account_id=self._names.account("function-build"),
                repository_id=self._names.repository("functions"),
                wait_for=[self._base.database.instance],
                labels=self._base.labels("function-build"),
            ),
            self._base.opts,
        )

    def source(self, workload: str) -> SourceArgs:
        """Build and upload a workload's archive."""
        archive = WorkloadArchive(
            workload.replace("_", "-"),
            WorkloadArchiveArgs(bucket=self._base.archives.bucket, path=str(self._base.package(workload))),
            self._base.opts,
        )
        return SourceArgs(bucket=archive.bucket, object=archive.object, generation=archive.generation)

    def environment(self, values: dict[str, pulumi.Input[str]]) -> dict[str, pulumi.Input[str]]:
        """What every workload reads, and its own."""
        config = self._config
        shared: dict[str, pulumi.Input[str]] = {
            common.PROJECT: config.project,
            common.TIMEZONE: config.timezone,
            common.CURRENCY: config.currency,
            common.LOG_LEVEL: "INFO",
        }
        return shared | values

    def _database_environment(self, identity: str) -> dict[str, pulumi.Input[str]]:
        user = quote(self._base.user(identity), safe="")
        url = self._base.database.url_template.apply(lambda template: template.replace("{user}", user))
        return {common.DATABASE_URL: url, common.DATABASE_AUTH: common.DatabaseAuth.IAM.value}

    def _stock_environment(self) -> dict[str, pulumi.Input[str]]:
        inventory = self._config.inventory
        return {
            common.REORDER_POINT: str(inventory.reorder_point),
            common.MAX_DAYS_OF_COVER: str(inventory.max_days_of_cover),
        }

    def _topics(self) -> dict[str, pulumi.Input[str]]:
        """Topics' full names, after the publishers' grants."""
        return {common.topic(key): stream.topic for key, stream in self.streams.items()}

    @property
    def entrance(self) -> str:
        """The Cloud Run service that tills call; a function's has the function's name."""
        if self._config.access.entrance is Entrance.SERVICE:
            return self._names.service("pos_entrance")
        return self._names.function("pos_api")

    def _service(
        self,
        workload: str,
        environment: dict[str, pulumi.Input[str]],
        *,
        invokers: dict[str, pulumi.Input[str]] | None = None,
        people: dict[str, pulumi.Input[str]] | None = None,
        secret_files: dict[str, SecretFileArgs] | None = None,
    ) -> Service:
        base, config = self._base, self._config
        shape: Workload = getattr(config.workloads, workload)
        key = workload.replace("_", "-")
        return Service(
            key,
            ServiceArgs(
                service_name=self._names.service(workload),
                project=config.project,
                location=config.region,
                service_account_email=base.identities[key].email,
                source=self.source(workload),
                environment=self.environment(environment),
                secret_files=secret_files,
                invokers=invokers,
                iap_project_number=config.project_number if people else None,
                iap_people=people,
                audiences=[self._names.audience(workload)],
                ingress=shape.ingress,
                subnet=SubnetArgs(network=base.network.network, subnetwork=base.network.subnetwork),
                cpu=shape.cpu,
                memory=shape.memory,
                minimum_instances=shape.minimum_instances,
                maximum_instances=shape.maximum_instances,
                concurrency=shape.concurrency,
                timeout_seconds=shape.timeout_seconds,
                health_path="/health",
                labels=base.labels(key),
                deletion_protection=config.deletion_protection,
            ),
            base.opts,
        )

    def _inventory_sync(self) -> Service:
        roles = {self._base.user("api"): common.Role.READER} | {
            self._base.user(key): common.Role.WRITER for key in self._base.builders
        }
        return self._service(
            "inventory_sync",
            {
                **self._database_environment("inventory-sync"),
                inventory_sync.DATABASE_ROLES: json.dumps(roles, sort_keys=True),
                common.INVOKER_CHECK: common.InvokerCheck.PLATFORM.value,
                inventory_sync.PUSH_AUDIENCE: self._names.audience("inventory_sync"),
                inventory_sync.PUSH_SERVICE_ACCOUNT: self._base.identities["push-invoker"].email,
                **{
                    common.dead_letter_topic(key): self._names.dead_letter_topic(stream.topic)
                    for key, stream in consumed_by(INVENTORY).items()
                },
            },
            invokers={"push": self._base.member("push-invoker")},
        )

    def _stream(self, key: str, stream: Stream) -> EventStream:
        base, config, settings = self._base, self._config, self._config.streams
        to_inventory = INVENTORY in stream.consumers
        return EventStream(
            key,
            EventStreamArgs(
                topic=self._names.topic_id(stream.topic),
                project_number=config.project_number,
                schema_definition=pubsub_definition(stream),
                publishers={"pos-api": base.member("pos-api")},
                dead_letter_publishers={"inventory-sync": base.member("inventory-sync")} if to_inventory else {},
                redrivers=dict(config.access.operators),
                bigquery=BigQueryExportArgs(table=base.warehouse.table_ids[f"raw.{stream.table}"]),
                # The bucket is the stack's own: in it a stream's folder has one name, whatever the stack's prefix.
                storage=StorageExportArgs(
                    bucket=base.lake.bucket, folder=stream.topic, batch_seconds=settings.lake_batch_seconds
                ),
                push={
                    INVENTORY: PushArgs(
                        endpoint=pulumi.Output.concat(self.inventory_sync.url, f"/push/{key}"),
                        service_account_email=base.identities["push-invoker"].email,
                        audience=self._names.audience("inventory_sync"),
                    )
                }
                if to_inventory
                else None,
                retention_days=settings.retention_days,
                dead_letter_retention_days=settings.dead_letter_retention_days,
                max_delivery_attempts=settings.max_delivery_attempts,
                labels=base.labels(f"stream-{key}"),
                deletion_protection=config.deletion_protection,
            ),
            base.opts,
        )

    def _credentials(self, key: str) -> dict[str, SecretFileArgs]:
        secret = key.replace("_", "-")
        secret_id = self._base.secrets.secret_ids.apply(lambda ids: ids[secret])
        return {secret: SecretFileArgs(secret_id=secret_id, file_name="credentials.json")}

    def _pos_environment(self) -> dict[str, pulumi.Input[str]]:
        base, config = self._base, self._config
        environment = self._topics() | {
            common.CREDENTIALS_FILE: "/secrets/pos-credentials/credentials.json",
            pos_api.SIMULATOR_ENABLED: str(config.simulator.enabled).lower(),
            pos_api.SIMULATOR_SEED: str(config.simulator.seed),
            pos_api.SIMULATOR_CATALOGUE: config.simulator.catalogue,
            common.BRAND: config.brand,
        }
        if config.simulator.enabled and base.guard is not None:
            environment[common.GUARD_BUCKET] = base.guard.bucket
        return self.environment(environment)

    def _pos_arguments(self) -> dict[str, Any]:
        """The arguments that both forms of the POS API share. Everybody may call it: tills are not Google identities,
        its code checks a credential per location."""
        base, config, shape = self._base, self._config, self._config.workloads.pos_api
        return {
            "project": config.project,
            "location": config.region,
            "service_account_email": base.identities["pos-api"].email,
            "secret_files": self._credentials("pos_credentials"),
            "allow_unauthenticated": True,
            "ingress": shape.ingress,
            "cpu": shape.cpu,
            "minimum_instances": shape.minimum_instances,
            "maximum_instances": shape.maximum_instances,
            "concurrency": shape.concurrency,
            "timeout_seconds": shape.timeout_seconds,
            "labels": base.labels("pos-api"),
            "deletion_protection": config.deletion_protection,
        }

    def _pos_service(self) -> Service:
        """The POS API as a service: nothing is granted to allUsers, and nothing is built."""
        shape = self._config.workloads.pos_api
        own = {
            "service_name": self.entrance,
            "source": self.source("pos_entrance"),
            "environment": self._pos_environment() | {THREADS: str(shape.concurrency)},
            "memory": shape.memory,
        }
        return Service("pos-api", ServiceArgs.of(self._pos_arguments() | own), self._base.opts)

    def _pos_api(self) -> Function:
        """The POS API as a function, the one public entrance."""
        own = {
            "function_name": self._names.function("pos_api"),
            "build_service_account": self.build.service_account,
            "repository": self.build.repository,
            "source": self.source("pos_api"),
            "environment": self._pos_environment(),
            "memory": self._config.workloads.pos_api.memory.removesuffix("i"),  # functions count in M and G
        }
        return Function("pos-api", FunctionArgs.of(self._pos_arguments() | own), self._base.opts)

    def _api(self) -> Service:
        access = self._config.access
        environment = self._database_environment("api") | self._stock_environment()
        environment[api.API_AUTH] = access.api_auth.value
        environment |= {
            common.BRAND: self._config.brand,
            api.LOCALE: self._config.locale,
            # A stream takes one of an instance's requests for as long as it is open: a quarter is left to who reads.
            api.MAX_STREAMS: str(max(1, self._config.workloads.api.concurrency * 3 // 4)),
        }
        files = None
        if access.api_auth is ApiAuth.TOKEN:
            files = self._credentials("api_credentials")
            environment[common.CREDENTIALS_FILE] = "/secrets/api-credentials/credentials.json"
        callers: dict[str, pulumi.Input[str]] = dict(access.programs)
        # Keys of the configuration have no underscore: these meet none of them.
        callers |= {f"operator_{key}": member for key, member in access.operators.items()}
        people: dict[str, pulumi.Input[str]] = dict(access.people)
        if people:
            # IAP is asked before Cloud Run is, and asks Cloud Run as itself: whoever calls must pass it.
            people |= {f"caller_{key}": member for key, member in callers.items()}
            callers = {}
        return self._service("api", environment, invokers=callers, people=people, secret_files=files)

    def _pipeline(self) -> Service:
        operators = self._config.access.operators
        invokers: dict[str, pulumi.Input[str]] = {f"operator-{key}": member for key, member in operators.items()}
        if self._config.orchestrator is Orchestrator.SCHEDULER:
            invokers["scheduler"] = self._base.member("scheduler-invoker")
        environment = self.pipeline_environment("pipeline") | {common.INVOKER_CHECK: common.InvokerCheck.PLATFORM.value}
        return self._service("pipeline", environment, invokers=invokers)

    def pipeline_environment(self, identity: str) -> dict[str, pulumi.Input[str]]:
        """What the pipeline reads beside the common variables, in whichever way and as whomever it is run."""
        base, config = self._base, self._config
        return {
            **self._database_environment(identity),
            **self._stock_environment(),
            pipeline.RAW_DATASET: self._names.dataset("raw"),
            pipeline.STAGING_DATASET: self._names.dataset("staging"),
            pipeline.MARTS_DATASET: self._names.dataset("marts"),
            pipeline.LAKE_BUCKET: base.lake.bucket,
            pipeline.BIGQUERY_LOCATION: config.region,
            pipeline.MAXIMUM_BYTES_BILLED: str(config.warehouse.maximum_bytes_billed),
            pipeline.RAW_RETENTION_DAYS: str(config.warehouse.raw_retention_days),
            pipeline.STREAM_RETENTION_DAYS: str(config.streams.retention_days),
        }

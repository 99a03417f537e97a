"""Pulumi components for a streaming data platform on Google Cloud."""

from pulumi import ComponentResource

from fastyle_components.archive_bucket import ArchiveBucket, ArchiveBucketArgs
from fastyle_components.base import Args, ArgsError
from fastyle_components.budget import Budget, BudgetArgs
from fastyle_components.budget_guard import BudgetGuard, BudgetGuardArgs
from fastyle_components.deletion_lock import DeletionLock, DeletionLockArgs
from fastyle_components.event_stream import (
    BigQueryExportArgs,
    EventStream,
    EventStreamArgs,
    PushArgs,
    StorageExportArgs,
)
from fastyle_components.function import Function, FunctionArgs
from fastyle_components.function_build import FunctionBuild, FunctionBuildArgs
from fastyle_components.identity import WorkloadIdentity, WorkloadIdentityArgs
from fastyle_components.log_retention import LogRetention, LogRetentionArgs
from fastyle_components.monitoring import Monitoring, MonitoringArgs
from fastyle_components.network import Network, NetworkArgs, check_subnet
from fastyle_components.operational_database import (
    Availability,
    DatabaseUserArgs,
    NightStopArgs,
    OperationalDatabase,
    OperationalDatabaseArgs,
    check_tier,
)
from fastyle_components.orchestration import Orchestration, OrchestrationArgs
from fastyle_components.project_services import ProjectServices, ProjectServicesArgs
from fastyle_components.raw_lake import RawLake, RawLakeArgs, early_deletion
from fastyle_components.runtime import Ingress, SecretFileArgs, SourceArgs, SubnetArgs, check_size
from fastyle_components.schedule import Schedule, ScheduleArgs
from fastyle_components.secrets import SecretArgs, Secrets, SecretsArgs
from fastyle_components.service import Service, ServiceArgs
from fastyle_components.warehouse import DatasetArgs, DatasetGrantArgs, TableArgs, Warehouse, WarehouseArgs
from fastyle_components.workload_archive import WorkloadArchive, WorkloadArchiveArgs
from fastyle_components.workload_identity_federation import WorkloadIdentityFederation, WorkloadIdentityFederationArgs

COMPONENTS: list[type[ComponentResource]] = [
    ArchiveBucket,
    Budget,
    BudgetGuard,
    DeletionLock,
    EventStream,
    Function,
    FunctionBuild,
    LogRetention,
    Monitoring,
    Network,
    OperationalDatabase,
    Orchestration,
    ProjectServices,
    RawLake,
    Schedule,
    Secrets,
    Service,
    Warehouse,
    WorkloadArchive,
    WorkloadIdentity,
    WorkloadIdentityFederation,
]
"""Every component: what the package serves to other languages and documents."""

__all__ = [
    "COMPONENTS",
    "ArchiveBucket",
    "ArchiveBucketArgs",
    "Args",
    "ArgsError",
    "Availability",
    "BigQueryExportArgs",
    "Budget",
    "BudgetArgs",
    "BudgetGuard",
    "BudgetGuardArgs",
    "DatabaseUserArgs",
    "DatasetArgs",
    "DatasetGrantArgs",
    "DeletionLock",
    "DeletionLockArgs",
    "EventStream",
    "EventStreamArgs",
    "Function",
    "FunctionArgs",
    "FunctionBuild",
    "FunctionBuildArgs",
    "Ingress",
    "LogRetention",
    "LogRetentionArgs",
    "Monitoring",
    "MonitoringArgs",
    "Network",
    "NetworkArgs",
    "NightStopArgs",
    "OperationalDatabase",
    "OperationalDatabaseArgs",
    "Orchestration",
    "OrchestrationArgs",
    "ProjectServices",
    "ProjectServicesArgs",
    "PushArgs",
    "RawLake",
    "RawLakeArgs",
    "Schedule",
    "ScheduleArgs",
    "SecretArgs",
    "SecretFileArgs",
    "Secrets",
    "SecretsArgs",
    "Service",
    "ServiceArgs",
    "SourceArgs",
    "StorageExportArgs",
    "SubnetArgs",
    "TableArgs",
    "Warehouse",
    "WarehouseArgs",
    "WorkloadArchive",
    "WorkloadArchiveArgs",
    "WorkloadIdentity",
    "WorkloadIdentityArgs",
    "WorkloadIdentityFederation",
    "WorkloadIdentityFederationArgs",
    "check_size",
    "check_subnet",
    "check_tier",
    "early_deletion",
]

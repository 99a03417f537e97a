"""The warehouse: BigQuery datasets, their tables and who may do what with them."""

import json
from dataclasses import dataclass
from functools import partial
from typing import Any

import pulumi
import pulumi_gcp as gcp

from fastyle_components.base import Args, ArgsError, after, given, held, optional, token
from fastyle_components.grants import holders, keyed

DAY_MS = 86_400_000


@dataclass(frozen=True, kw_only=True)
class DatasetGrantArgs(Args):
    """A role on a dataset for one member."""

    role: str
    """For instance roles/bigquery.dataViewer."""
    member: pulumi.Input[str]
    """`serviceAccount:…`, `group:…`, `user:…`, `domain:…`, `principal://…` or `principalSet://…`."""


@dataclass(frozen=True, kw_only=True)
class TableArgs(Args):
    """One table of a dataset."""

    schema: str
    """BigQuery's JSON schema: an array of fields."""
    description: str
    partition_field: str | None = None
    """A DATE or TIMESTAMP column; one partition a day. Default: not partitioned."""
    retention_days: int | None = None
    """A partition ends so many days after its date. Default: never."""
    require_partition_filter: bool | None = None
    """Refuse queries that would read every partition. Default: yes when partitioned."""
    clustering: list[str] | None = None
    """At most four columns."""


@dataclass(frozen=True, kw_only=True)
class DatasetArgs(Args):
    """One dataset with its tables and who reads it."""

    description: str
    dataset_id: str | None = None
    """Letters, digits, underscores. Default: its key."""
    tables: dict[str, TableArgs] | None = None
    """Tables of the dataset, by table id."""
    grants: dict[str, DatasetGrantArgs] | None = None
    """Who may do what, by a stable key."""
    authorized_datasets: list[str] | None = None
    """Keys of datasets of the same warehouse whose views may read this one on behalf of people who may not."""
    table_expiration_days: int | None = None
    """New tables end so many days after their creation. Default: never."""
    max_time_travel_hours: int | None = optional(168, 48, 168, "BigQuery's bounds")
    """How far back a table can be read as it was."""


@dataclass(frozen=True, kw_only=True)
class WarehouseArgs(Args):
    project: pulumi.Input[str]
    """The project's id."""
    location: str
    """Region or multi-region of every dataset. Changing it replaces them."""
    datasets: dict[str, DatasetArgs]
    """Datasets by a stable key: letters, digits, underscores."""
    job_users: dict[str, pulumi.Input[str]] | None = None
    """Members that may run queries at the project's cost, by a stable key: reading a dataset alone runs none."""
    labels: dict[str, str] | None = None
    deletion_protection: bool | None = optional(True)
    """Refuse to delete datasets and tables."""
    force_destroy: bool | None = optional(False)
    """Delete a dataset's tables with it, those that Pulumi does not know included."""


class Warehouse(pulumi.ComponentResource):
    """Datasets with their tables, retention and grants.

    Owns what is there before data flows: the datasets, and the tables that others write into by name (raw tables
    of export subscriptions). Tables that a transformation builds belong to the transformation, not to Pulumi.
    Grants are additive: owners of the project stay. Each is an entry of the dataset's access list, whatever else the
    dataset is told: a DatasetIamMember would rewrite the whole list, and drop the views that it authorises.
    Defaults: protected, partition filters required, a week of time travel.
    """

    dataset_ids: pulumi.Output[dict[str, str]]
    """Dataset id by key; waits for every grant."""
    table_ids: pulumi.Output[dict[str, str]]
    """`<project>.<dataset>.<table>` by `<key>.<table>`: there once the table is."""

    def __init__(self, name: str, args: WarehouseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token(type(self)), name, None, opts)
        args = WarehouseArgs.complete(args, name)
        _check(name, args)
        self._args, self._child = args, pulumi.ResourceOptions(parent=self)
        datasets = {key: self._dataset(key, spec) for key, spec in args.datasets.items()}
        tables = {
            f"{key}.{table_id}": self._table(datasets[key], key, table_id, table)
            for key, spec in args.datasets.items()
            for table_id, table in (spec.tables or {}).items()
        }
        grants = [grant for key, spec in args.datasets.items() for grant in self._grants(datasets, key, spec)]
        grants += self._job_users()
        self.dataset_ids = after(pulumi.Output.all(**{k: d.dataset_id for k, d in datasets.items()}), *grants)
        self.table_ids = pulumi.Output.all(
            **{k: pulumi.Output.concat(t.project, ".", t.dataset_id, ".", t.table_id) for k, t in tables.items()}
        )
        self.register_outputs({"dataset_ids": self.dataset_ids, "table_ids": self.table_ids})

    @property
    def _protected(self) -> bool:
        return given(self._args.deletion_protection)

    @property
    def _deletion_policy(self) -> str:
        return "PREVENT" if self._protected else "DELETE"

    def _dataset(self, key: str, spec: DatasetArgs) -> "gcp.bigquery.Dataset":
        expiration = spec.table_expiration_days
        return gcp.bigquery.Dataset(
            f"{self.pulumi_resource_name}-{key}",
            dataset_id=spec.dataset_id or key,
            project=self._args.project,
            location=self._args.location,
            description=spec.description,
            default_table_expiration_ms=None if expiration is None else expiration * DAY_MS,
            max_time_travel_hours=str(spec.max_time_travel_hours),
            delete_contents_on_destroy=self._args.force_destroy,
            deletion_policy=self._deletion_policy,
            labels=self._args.labels,
            opts=held(self, self._protected),
        )

    def _table(self, dataset: "gcp.bigquery.Dataset", key: str, table_id: str, spec: TableArgs) -> "gcp.bigquery.Table":
        partitioning = spec.partition_field and gcp.bigquery.TableTimePartitioningArgs(
            type="DAY",
            field=spec.partition_field,
            expiration_ms=None if spec.retention_days is None else spec.retention_days * DAY_MS,
        )
        return gcp.bigquery.Table(
            f"{self.pulumi_resource_name}-{key}-{table_id}",
            dataset_id=dataset.dataset_id,
            table_id=table_id,
            project=self._args.project,
            description=spec.description,
            schema=spec.schema,
            time_partitioning=partitioning or None,
            require_partition_filter=spec.require_partition_filter is not False if partitioning else None,
            clusterings=spec.clustering,
            deletion_protection=self._protected,
            labels=self._args.labels,
            opts=held(self, self._protected),
        )

    def _grants(
        self, datasets: "dict[str, gcp.bigquery.Dataset]", key: str, spec: DatasetArgs
    ) -> list[pulumi.Resource]:
        dataset_id, project = datasets[key].dataset_id, self._args.project
        name = f"{self.pulumi_resource_name}-{key}"
        roles: dict[str, dict[str, pulumi.Input[str]]] = {}
        for grant_key, grant in (spec.grants or {}).items():
            roles.setdefault(_listed(grant.role), {})[f"{name}-{grant_key}"] = grant.member
        entries: list[pulumi.Resource] = [
            gcp.bigquery.DatasetAccess(
                holder.name,
                dataset_id=dataset_id,
                project=project,
                role=role,
                **_principal(f"Warehouse {self.pulumi_resource_name!r}: {holder.keys[0]}", holder.member),
                opts=holder.opts(self, earlier_type="gcp:bigquery/datasetIamMember:DatasetIamMember"),
            )
            for role, members in roles.items()
            for holder in holders(f"Warehouse {self.pulumi_resource_name!r}", f"{name}-{_short(role)}", members)
        ]
        # Behind the roles: what is left of an earlier DatasetIamMember drops them when it goes.
        behind = pulumi.ResourceOptions(parent=self, depends_on=entries)
        return entries + [
            gcp.bigquery.DatasetAccess(
                f"{name}-views-of-{other}",
                dataset_id=dataset_id,
                project=project,
                authorized_dataset=gcp.bigquery.DatasetAccessAuthorizedDatasetArgs(
                    dataset=gcp.bigquery.DatasetAccessAuthorizedDatasetDatasetArgs(
                        project_id=project, dataset_id=datasets[other].dataset_id
                    ),
                    target_types=["VIEWS"],
                ),
                opts=behind,
            )
            for other in (spec.authorized_datasets or [])
        ]

    def _job_users(self) -> list[pulumi.Resource]:
        prefix = f"{self.pulumi_resource_name}-job-user"
        return [
            gcp.projects.IAMMember(
                holder.name,
                project=self._args.project,
                role="roles/bigquery.jobUser",
                member=holder.member,
                opts=holder.opts(self),
            )
            for holder in holders(
                f"Warehouse {self.pulumi_resource_name!r}", prefix, keyed(prefix, self._args.job_users)
            )
        ]


_BASIC_ROLES = {
    "roles/bigquery.dataViewer": "READER",
    "roles/bigquery.dataEditor": "WRITER",
    "roles/bigquery.dataOwner": "OWNER",
}
"""An access list names these roles so: the API turns the others into them, and a grant would be replaced for ever."""


def _listed(role: str) -> str:
    """A role as an access list gives it back."""
    return _BASIC_ROLES.get(role, role)


def _short(role: str) -> str:
    """WRITER of an access list is `writer`; roles/bigquery.filteredDataViewer is `filteredDataViewer`."""
    return role.lower() if role in _BASIC_ROLES.values() else role.rpartition(".")[2]


_ENTRY_KINDS = {
    "user": "user_by_email",
    "serviceAccount": "user_by_email",
    "group": "group_by_email",
    "domain": "domain",
    "allAuthenticatedUsers": "special_group",
    "projectOwners": "special_group",
    "projectReaders": "special_group",
    "projectWriters": "special_group",
    "allUsers": "iam_member",
    "principal": "iam_member",
    "principalSet": "iam_member",
}
"""The property in which an access list's entry names a member, by what the member begins with."""


def _principal(where: str, member: pulumi.Input[str]) -> dict[str, Any]:
    """A member as a dataset's access entry names it, an output once it is known: service accounts are users there."""

    def named(member: str, key: str) -> str | None:
        kind, _, address = member.partition(":")
        of = _ENTRY_KINDS.get(kind)
        whole = of in ("special_group", "iam_member")
        if of is None or not (whole or address):
            if key != "user_by_email":  # said once
                return None
            raise ArgsError(
                f"{where}: member {member!r} is none that a dataset's access list takes; write user:, group:, "
                "serviceAccount:, domain:, principal: or principalSet: and whom"
            )
        return (member if whole else address) if key == of else None

    keys, resolved = dict.fromkeys(_ENTRY_KINDS.values()), pulumi.Output.from_input(member)
    if isinstance(member, str):
        return {key: named(member, key) for key in keys}
    return {key: resolved.apply(partial(named, key=key)) for key in keys}


def _check(name: str, args: WarehouseArgs) -> None:
    for key, spec in args.datasets.items():
        where = f"Warehouse {name!r}: dataset {key!r}"
        for other in spec.authorized_datasets or []:
            if other not in args.datasets or other == key:
                raise ArgsError(f"{where}: authorized_datasets names {other!r}; use another dataset of this warehouse")
        for table_id, table in (spec.tables or {}).items():
            _check_table(f"{where}: table {table_id!r}", table)


def _check_table(where: str, table: TableArgs) -> None:
    try:
        columns = {field["name"]: field["type"] for field in json.loads(table.schema)}
    except (ValueError, TypeError, KeyError):
        raise ArgsError(f"{where}: schema is not a JSON array of fields with name and type") from None
    for column in [c for c in [table.partition_field, *(table.clustering or [])] if c is not None]:
        if column not in columns:
            raise ArgsError(f"{where}: column {column!r} is not in the schema; use one of {', '.join(columns)}")
    if table.partition_field and columns[table.partition_field] not in ("DATE", "TIMESTAMP", "DATETIME"):
        raise ArgsError(f"{where}: {table.partition_field!r} is no date or time; partition by one that is")
    if table.partition_field is None and (table.retention_days or table.require_partition_filter):
        raise ArgsError(f"{where}: retention_days and require_partition_filter need a partition_field; name one")

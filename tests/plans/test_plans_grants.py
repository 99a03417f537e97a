"""Grants on the real engine: whatever is added, renamed, named twice or taken away, what the state says is there.

A scratch stack on the stand-in provider, where a grant is one entry, and whoever deletes it takes it from everybody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastyle_localcloud.provider.records import Records

from tests.support.plans import Plan, Project, provider
from workloads.pipeline.tables import Table, query, tables

STACK = ("--stack", "scratch-grants")
ANA, BEN = "user:ana@example.com", "user:ben@example.com"
GRANT = ("IAMMember", "IamMember", "DatasetAccess")

# What the components made before a grant was named by its member: the names, and the types of datasets' grants.
EARLIER = """\
import pulumi
import pulumi_gcp as gcp

class Component(pulumi.ComponentResource):
    def __init__(self, kind, name):
        super().__init__(f"fastyle:index:{kind}", name)
        self.child = pulumi.ResourceOptions(parent=self)

account = gcp.serviceaccount.Account("job", account_id="job-account", project="shop-1")
warehouse = Component("Warehouse", "w")
for key in ("raw", "marts"):
    dataset = gcp.bigquery.Dataset(
        f"w-{key}", dataset_id=key, project="shop-1", location="us-central1", description=key,
        max_time_travel_hours="168", delete_contents_on_destroy=False, deletion_policy="DELETE", opts=warehouse.child)
    members = {"job": ("dataEditor", account.member)}
    if key == "marts":
        members["analyst-a"] = ("dataViewer", "user:ana@example.com")
    for grant, (role, member) in members.items():
        gcp.bigquery.DatasetIamMember(
            f"w-{key}-{grant}", dataset_id=dataset.dataset_id, project="shop-1", role=f"roles/bigquery.{role}",
            member=member, opts=warehouse.child)
secrets = Component("Secrets", "s")
secret = gcp.secretmanager.Secret(
    "s-key", secret_id="key", replication={"auto": {}}, deletion_policy="DELETE", opts=secrets.child)
gcp.secretmanager.SecretIamMember(
    "s-key-reader-a", secret_id=secret.secret_id, role="roles/secretmanager.secretAccessor",
    member="user:ana@example.com", opts=secrets.child)
gcp.secretmanager.SecretIamMember(
    "s-key-reader-job", secret_id=secret.secret_id, role="roles/secretmanager.secretAccessor",
    member=account.member, opts=secrets.child)
"""
NOW = """\
import pulumi
import pulumi_gcp as gcp
from fastyle_components import DatasetArgs, DatasetGrantArgs, SecretArgs, Secrets, SecretsArgs, Warehouse, WarehouseArgs

people = {people!r}
account = gcp.serviceaccount.Account("job", account_id="job-account", project="shop-1")
job = DatasetGrantArgs(role="roles/bigquery.dataEditor", member=account.member)
reads = {{
    f"analyst-{{key}}": DatasetGrantArgs(role="roles/bigquery.dataViewer", member=member) for key, member in people.items()
}}
Warehouse("w", WarehouseArgs(
    project="shop-1", location="us-central1", deletion_protection=False, job_users=people, datasets={{
        "raw": DatasetArgs(description="raw", grants={{"job": job}}, authorized_datasets=["marts"] if people else None),
        "marts": DatasetArgs(description="marts", grants={{"job": job, **reads}}),
    }}))
Secrets("s", SecretsArgs(
    secrets={{"key": SecretArgs(accessors={{"job": account.member, **people}})}}, deletion_protection=False))
"""


STEPS: list[dict[str, str]] = [
    {"a": ANA},  # as before, by the components of today
    {"ana": ANA, "again": ANA.replace("ana", "Ana"), "ben": BEN},  # renamed, named twice, and one more
    {"ana": BEN, "again": ANA},  # changed over, and under one of two keys
    {},  # the last ones gone
    {"ben": BEN},  # the first one
]
JOB = ["s-key-reader-job", "w-marts-job", "w-raw-job"]


def of(member: str) -> list[str]:
    return [f"s-key-reader-{member}", f"w-job-user-{member}", f"w-marts-reader-{member}"]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Project]:
    """A stack as the earlier components left it; what the cloud has is in `records`."""
    with provider(tmp_path / "records") as port:
        project = Project(tmp_path, port, program=EARLIER)
        assert project.pulumi("stack", "init", STACK[1]).returncode == 0
        with (tmp_path / f"Pulumi.{STACK[1]}.yaml").open("a", encoding="utf-8") as file:
            file.write("config: {gcp:project: shop-1, gcp:region: us-central1}\n")
        up(project, EARLIER)
        yield project


def up(project: Project, program: str) -> None:
    (project.folder / "__main__.py").write_text(program, encoding="utf-8")
    done = project.pulumi("up", *STACK, "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout + done.stderr


def grants(project: Project) -> dict[str, str]:
    """Logical name to id of every grant in the state."""
    (path,) = project.folder.glob(f"state/**/stacks/**/{STACK[1]}.json")
    resources = json.loads(path.read_text(encoding="utf-8"))["checkpoint"]["latest"]["resources"]
    return {r["urn"].rpartition("::")[2]: r["id"] for r in resources if r["type"].endswith(GRANT)}


def test_whoever_comes_goes_or_is_renamed_the_others_keep_their_grants(shop: Project) -> None:
    """From a stack of the earlier components on: their grants on datasets were of a type that drops authorised views."""
    cloud = Records(shop.folder / "records")
    assert len(grants(shop)) == 5
    for people in STEPS:
        up(shop, NOW.format(people=people))
        named = grants(shop)
        members = {member.lower() for member in people.values()}
        views = ["w-raw-views-of-marts"] if people else []
        assert sorted(named) == sorted([*JOB, *views, *(name for member in members for name in of(member))]), people
        assert sorted(r.id for r in cloud.all() if r.token.endswith(GRANT)) == sorted(named.values()), people
    done = shop.pulumi("preview", *STACK, "--refresh", "--expect-no-changes")
    assert done.returncode == 0, done.stdout + done.stderr


# --- what an analyst may read ---


def authorized(plan: Plan) -> set[tuple[str, str]]:
    """(dataset, the one whose views may read it)."""
    entries = plan.of("gcp:bigquery/datasetAccess:DatasetAccess").values()
    return {
        (e["datasetId"], e["authorizedDataset"]["dataset"]["datasetId"]) for e in entries if "authorizedDataset" in e
    }


def refused(table: Table, readable: str, allowed: set[tuple[str, str]], way: tuple[str, ...] = ()) -> Iterator[str]:
    """Where a query of `table` would be refused: what it reads in a dataset that its own dataset may not read."""
    way = (*way, table.key)
    if table.dataset != readable and (table.dataset, readable) not in allowed:
        yield " > ".join(way)
    elif table.kind == "view":
        for below in reads(table):
            yield from refused(below, table.dataset, allowed, way)


def reads(view: Table) -> list[Table]:
    names = {name.lower() for name in re.findall(r"\b(?:raw|staging|marts)\.\w+", query(view.key))}
    return [table for key, table in tables().items() if key in names]


def test_an_analyst_of_the_marts_alone_reads_every_view_of_theirs(plans: dict[str, Plan]) -> None:
    """Each view on the way down must be authorised on what it reads: BigQuery asks for the whole chain."""
    prod, analyst = plans["prod"], "merchandising@example.com"
    entries = prod.of("gcp:bigquery/datasetAccess:DatasetAccess").values()
    assert [(e["datasetId"], e["role"]) for e in entries if e.get("groupByEmail") == analyst] == [("marts", "READER")]
    projects = prod.of("gcp:projects/iAMMember:IAMMember").values()
    assert [grant["role"] for grant in projects if grant["member"] == f"group:{analyst}"] == ["roles/bigquery.jobUser"]
    views = [table for table in tables().values() if table.dataset == "marts" and table.kind == "view"]
    allowed = authorized(prod)
    assert [where for view in views for where in refused(view, "marts", allowed)] == []
    for link in allowed:
        assert [where for view in views for where in refused(view, "marts", allowed - {link})], f"{link} serves nobody"
    assert "marts.gmv_daily_live > staging.live_sales_lines > staging.live_new_sales > raw.sales_transactions" in [
        where for view in views for where in refused(view, "marts", allowed - {("raw", "staging")})
    ]


def test_without_analysts_no_view_is_authorised(plans: dict[str, Plan]) -> None:
    assert authorized(plans["dev"]) == set()

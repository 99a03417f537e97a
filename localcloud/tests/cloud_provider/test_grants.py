"""Grants of the local cloud are a set, and a dataset's access list takes an entry once, as in Google Cloud."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fastyle_localcloud.iam import Iam
from fastyle_localcloud.provider.check import check
from fastyle_localcloud.provider.errors import AlreadyExists
from fastyle_localcloud.provider.handlers.grants import grant_of
from fastyle_localcloud.provider.lifecycle import Lifecycle
from fastyle_localcloud.provider.records import Records
from fastyle_localcloud.provider.settle import ProviderConfig
from fastyle_localcloud.provider.table import lookup
from fastyle_localcloud.provider.wire import UNKNOWN

ANA = "user:ana@example.com"
ENTRY, MEMBER = "gcp:bigquery/datasetAccess:DatasetAccess", "gcp:bigquery/datasetIamMember:DatasetIamMember"
DATASET = {"project": "p", "datasetId": "raw"}
READS = {**DATASET, "role": "READER", "userByEmail": "ana@example.com"}
READS_TOO = {**DATASET, "role": "roles/bigquery.dataViewer", "member": "user:Ana@example.com"}
VIEWS = {
    **DATASET,
    "authorizedDataset": {"dataset": {"projectId": "p", "datasetId": "marts"}, "targetTypes": ["VIEWS"]},
}


def test_a_grant_is_one_entry_and_whoever_revokes_it_takes_it_from_all(tmp_path: Path) -> None:
    iam = Iam(tmp_path / "iam.sqlite")
    iam.grant("buckets/b", "roles/storage.objectViewer", ANA)
    iam.grant("buckets/b", "roles/storage.objectViewer", "user:Ana@Example.com")
    assert iam.grants() == [("buckets/b", "roles/storage.objectViewer", ANA)]
    iam.revoke("buckets/b", "roles/storage.objectViewer", "user:ANA@example.com")
    assert iam.grants() == []


def test_a_grant_with_a_condition_is_another_and_opens_nothing(tmp_path: Path) -> None:
    iam = Iam(tmp_path / "iam.sqlite")
    grant = {"project": "p", "role": "roles/pubsub.publisher", "member": ANA}
    row = grant_of(
        "gcp:projects/iAMMember:IAMMember", {**grant, "condition": {"title": "by-day", "expression": "true"}}
    )
    assert row == ("projects/p", "roles/pubsub.publisher where by-day", ANA)
    iam.grant(*row)
    assert not iam.allows("projects/p/topics/t", "roles/pubsub.publisher", ANA)


class Cloud:
    """A scratch stack's records: `make` and `delete` as the engine asks, `there` what is left."""

    def __init__(self) -> None:
        self._records = Records(":memory:")
        self._lifecycle = Lifecycle(None, self._records, {})
        self.make("gcp:bigquery/dataset:Dataset", "raw", DATASET)

    def make(self, token: str, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
        urn = f"urn:pulumi:scratch-grants::shop::{token}::{name}"
        return asyncio.run(self._lifecycle.create(urn, token, inputs, set(), ProviderConfig("p", "us-central1")))

    def delete(self, token: str, state: dict[str, Any]) -> None:
        urn = f"urn:pulumi:scratch-grants::shop::{token}::x"
        asyncio.run(self._lifecycle.delete(urn, token, state["id"], state))

    @property
    def there(self) -> list[str]:
        return [record.urn.rpartition("::")[2] for record in self._records.all() if record.token in (ENTRY, MEMBER)]


@pytest.mark.parametrize("first", [(ENTRY, READS), (MEMBER, READS_TOO)])
def test_an_access_entry_that_is_there_is_refused_whichever_type_made_it(first: tuple[str, dict[str, Any]]) -> None:
    cloud = Cloud()
    cloud.make(first[0], "first", first[1])
    with pytest.raises(AlreadyExists, match=r"existing object already found, urn:\S+::first made it; .* keep one"):
        cloud.make(ENTRY, "second", READS)
    assert cloud.there == ["first"]
    cloud.make(ENTRY, "other", {**READS, "role": "WRITER"})


@pytest.mark.parametrize("gone", [ENTRY, MEMBER])
def test_both_ways_of_writing_an_entry_stand_for_one(gone: str) -> None:
    cloud = Cloud()
    made = {ENTRY: cloud.make(ENTRY, "entry", READS), MEMBER: cloud.make(MEMBER, "member", READS_TOO)}
    assert sorted(cloud.there) == ["entry", "member"]
    cloud.delete(gone, made[gone])
    assert cloud.there == []


def test_a_dataset_iam_member_drops_the_authorised_views_when_it_comes_and_when_it_goes() -> None:
    cloud = Cloud()
    cloud.make(ENTRY, "views", VIEWS)
    cloud.make(ENTRY, "kept", {**READS, "role": "WRITER"})
    member = cloud.make(MEMBER, "member", READS_TOO)
    assert sorted(cloud.there) == ["kept", "member"]
    cloud.make(ENTRY, "views", VIEWS)
    cloud.delete(MEMBER, member)
    assert cloud.there == ["kept"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"userByEmail": "group:ana@example.com"}, "groupByEmail"),
        ({"userByEmail": "allAuthenticatedUsers"}, "is no e-mail address"),
        ({"groupByEmail": "g@example.com", "domain": "example.com"}, "exactly one of"),
        ({}, "exactly one of"),
        ({"specialGroup": "allUsers"}, "is not one of"),
        ({"userByEmail": UNKNOWN, "groupByEmail": UNKNOWN, "domain": UNKNOWN}, None),
        ({"userByEmail": "ana@example.com"}, None),
    ],
)
def test_an_entry_is_for_exactly_one_principal_of_its_kind(given: dict[str, Any], says: str | None) -> None:
    schema, rules = lookup(ENTRY)
    _, problems = check(schema, rules, {**DATASET, "role": "READER", **given}, {}, name="x", seed=b"")
    assert [problem.reason for problem in problems if says is None or says not in problem.reason] == []
    assert bool(problems) is (says is not None)

"""Whom a grant is for, however the plan writes the account."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fastyle_policies import gcp
from fastyle_policies.least_privilege.given import SERVICE_IDENTITY, Grant, grants, principal
from fastyle_policies.links import Index
from fastyle_policies.model import UNKNOWN, Plan, Resource

from policy_rules import resources as r

RUNNER = r.account("shop-runner")
NAMELESS = r.resource(gcp.SERVICE_ACCOUNT, "nameless", accountId="shop-nameless")  # its address comes with the update
RENAMED = r.resource(gcp.SERVICE_ACCOUNT, "renamed", accountId="shop-renamed", email="other@elsewhere.example")
WRITER = r.resource(gcp.SINKS[0], "sink", name="sink")
PUBSUB = r.resource(SERVICE_IDENTITY, "pubsub", service="pubsub.googleapis.com")
STORAGE = r.resource(SERVICE_IDENTITY, "storage", service="storage.googleapis.com")
RARE = r.resource(SERVICE_IDENTITY, "rare", service="rare.googleapis.com")
LAKE = r.bucket("lake")
KNOWN = (RUNNER, NAMELESS, RENAMED, WRITER, PUBSUB, STORAGE, RARE, LAKE)
STRANGER = "a@other.iam.gserviceaccount.com"


def index(*more: Resource) -> Index:
    return Index(Plan((*KNOWN, *more)))


@pytest.mark.parametrize(
    ("written", "form"),
    [
        (r.member("shop-runner"), RUNNER.urn),
        (r.email("shop-runner"), RUNNER.urn),
        (f"projects/{r.PROJECT}/serviceAccounts/{r.email('shop-runner')}", RUNNER.urn),
        (r.member("shop-nameless"), NAMELESS.urn),
        (r.member("shop-renamed"), r.email("shop-renamed")),  # of that id, but its address is known and another
        ("serviceAccount:other@elsewhere.example", RENAMED.urn),
        ("shop-nameless", "shop-nameless"),  # no address
        (r.PUBSUB, "agent:gcp-sa-pubsub"),
        (f"not-{r.PUBSUB.partition(':')[2]}", f"not-{r.PUBSUB.partition(':')[2]}"),
        (f"{r.PUBSUB}.example", f"{r.PUBSUB.partition(':')[2]}.example"),
        (f"serviceAccount:{STRANGER}", STRANGER),
        ("user:a@b.example", "a@b.example"),
        ("group:staff@b.example", "staff@b.example"),
        ("domain:b.example", "domain:b.example"),
        ("allUsers", "allUsers"),
        ("", ""),
        (None, ""),
    ],
)
def test_an_account_has_one_form_however_it_is_written(written: str | None, form: str) -> None:
    assert principal(index(), LAKE, "member", written) == form


@pytest.mark.parametrize(
    ("computed_from", "form"),
    [
        ((RUNNER,), RUNNER.urn),
        ((WRITER,), f"writer:{WRITER.urn}"),
        ((PUBSUB,), "agent:gcp-sa-pubsub"),
        ((STORAGE,), "agent:gs-project-accounts"),
        ((RARE,), "agent:rare.googleapis.com"),
        ((LAKE,), ""),
        ((LAKE, RUNNER), RUNNER.urn),
        ((r.account("not-in-the-plan"), PUBSUB), "agent:gcp-sa-pubsub"),
        ((), ""),
    ],
)
def test_one_that_only_the_update_knows_is_told_by_what_it_was_computed_from(
    computed_from: tuple[Resource, ...], form: str
) -> None:
    urns = tuple(resource.urn for resource in computed_from)
    given = r.resource("gcp:storage/bucketIAMMember:BucketIAMMember", "it", {"member": urns}, member=UNKNOWN)
    assert principal(index(), given, "member", UNKNOWN) == form
    assert principal(index(), given, "bucket", UNKNOWN) == "", "another property's dependencies say nothing of it"


def only(*given: Resource) -> Grant:
    [grant] = grants(index(*given))
    return grant


@pytest.mark.parametrize(
    ("entry", "people"),
    [
        ({"userByEmail": "a@b.example"}, True),
        ({"userByEmail": r.email("shop-runner")}, False),
        ({"userByEmail": UNKNOWN}, False),
        ({"groupByEmail": "staff@b.example"}, True),
        ({"domain": "b.example"}, True),
        ({"specialGroup": "projectOwners"}, True),
        ({"iamMember": "allUsers"}, True),
        ({"iamMember": r.member("shop-runner")}, False),
    ],
)
def test_an_entry_of_a_datasets_access_list_is_for_people_or_for_a_link(entry: dict[str, Any], people: bool) -> None:
    grant = only(r.resource(gcp.DATASET_ACCESS, "entry", role="READER", datasetId="marts", **entry))
    assert grant.people is people
    assert grant.role == "roles/bigquery.dataViewer"


@pytest.mark.parametrize(
    ("member", "people"),
    [
        ("user:a@b.example", True),
        ("group:staff@b.example", True),
        ("domain:b.example", True),
        ("principal://iam.googleapis.com/p/subject/s", True),
        ("principalSet://iam.googleapis.com/p/attribute.repository/o", True),
        ("allUsers", True),
        ("allAuthenticatedUsers", True),
        (r.member("shop-runner"), False),
        (UNKNOWN, False),
        (None, False),
    ],
)
def test_a_member_is_people_or_an_account(member: Any, people: bool) -> None:
    assert only(r.on_project("it", "roles/viewer", member)).people is people


def test_a_grant_under_a_condition_holds_on_no_more_than_that() -> None:
    given = r.on_project("it", "roles/storage.objectViewer", r.member("shop-runner"))
    assert only(given).on == {"project"}
    nights = {"title": "nights", "expression": "request.time.getHours() < 6"}
    assert only(replace(given, props={**given.props, "condition": nights})).on == {"project where nights"}


def test_a_role_that_only_the_update_knows_is_none() -> None:
    assert only(r.on_project("it", UNKNOWN, r.member("shop-runner"))).role == ""

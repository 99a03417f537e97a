"""One grant for each member: named by it, merged where it is named twice, refused where that is seen too late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_gcp as gcp
import pytest
from fastyle_components import (
    ArgsError,
    DatasetArgs,
    DatasetGrantArgs,
    EventStream,
    EventStreamArgs,
    Warehouse,
    WarehouseArgs,
)
from fastyle_components.grants import holders, keyed

from component_resources.recorder import Recorder, declare

WHO = "serviceAccount:who@shop-1.iam.gserviceaccount.com"


# A refused output fails every output of its resource, and nobody asks those.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def later(value: str) -> pulumi.Output[str]:
    """An output of that value; to be made while a program runs."""
    return pulumi.Output.from_input(value).apply(lambda known: known)


def test_a_member_named_as_text_is_named_by_itself_whatever_its_keys_are() -> None:
    (one,) = holders("X", "x-reader", keyed("x-reader", {"a": "user:Ana@example.com", "b": "user:ana@example.com"}))
    assert (one.name, one.keys) == ("x-reader-user:ana@example.com", ("x-reader-a", "x-reader-b"))


def test_paths_of_federated_members_keep_their_case() -> None:
    members = {"a": "principalSet://iam/pools/P", "b": "principalSet://iam/pools/p"}
    assert [one.name for one in holders("X", "x", keyed("x", members))] == [f"x-{m}" for m in members.values()]


def stream(members: Callable[[], dict[str, Any]]) -> Recorder:
    return declare(lambda: EventStream("sales", EventStreamArgs(topic="sales", project_number="1", **members())))


def topics(recorder: Recorder) -> list[str]:
    """Names of the grants on the topic itself."""
    keys = [key for key, given in recorder.resources.items() if given.get("topic") == "sales" and "IAM" in key]
    return [key.partition("::")[2] for key in keys]


def test_whoever_publishes_and_redrives_has_one_grant_on_the_topic() -> None:
    recorder = stream(lambda: {"publishers": {"app": WHO}, "redrivers": {"ops": WHO}})
    assert topics(recorder) == [f"sales-publisher-{WHO}"]

    def twice() -> dict[str, Any]:
        app = later(WHO)
        return {"publishers": {"app": app}, "redrivers": {"app": app}}

    assert topics(stream(twice)) == ["sales-publisher-app"]


@pytest.mark.parametrize("other", [WHO, WHO.upper().replace("SERVICEACCOUNT", "serviceAccount")])
def test_two_outputs_of_one_member_are_refused_once_they_are_known(other: str) -> None:
    says = r"sales-publisher-app and sales-redriver-ops are both \S+; .* name the member once"
    with pytest.raises(ArgsError, match=says):
        stream(lambda: {"publishers": {"app": later(WHO)}, "redrivers": {"ops": later(other)}})
    with pytest.raises(ArgsError, match=says):
        stream(lambda: {"publishers": {"app": WHO}, "redrivers": {"ops": later(other)}})


def test_looking_for_twins_adds_no_dependency() -> None:
    """Else a policy could not tell whose an unknown member is."""
    waits: list[set[str]] = []

    def program() -> pulumi.Output[str]:
        first, second = (gcp.serviceaccount.Account(key, account_id=f"account-{key}").member for key in ("a", "b"))
        mine = pulumi.Output.from_input(holders("X", "x", {"x-a": first, "x-b": second})[1].member)

        async def note(member: str) -> str:
            waits.append({str(resource.pulumi_resource_name) for resource in await mine.resources()})
            return member

        noted: pulumi.Output[str] = mine.apply(note)
        return noted

    declare(program)
    assert waits == [{"b"}]


ENTRIES = {
    "user:a@example.com": {"userByEmail": "a@example.com"},
    WHO: {"userByEmail": "who@shop-1.iam.gserviceaccount.com"},
    "group:g@example.com": {"groupByEmail": "g@example.com"},
    "domain:example.com": {"domain": "example.com"},
    "allAuthenticatedUsers": {"specialGroup": "allAuthenticatedUsers"},
    "projectOwners": {"specialGroup": "projectOwners"},
    "allUsers": {"iamMember": "allUsers"},
    "principalSet://goog/public:all": {"iamMember": "principalSet://goog/public:all"},
    "principal://iam.googleapis.com/p/subject/s": {"iamMember": "principal://iam.googleapis.com/p/subject/s"},
}


def granted(member: str, *, as_output: bool, **more: Any) -> list[dict[str, Any]]:
    def program() -> None:
        who = DatasetGrantArgs(role="roles/bigquery.dataViewer", member=later(member) if as_output else member)
        raw = DatasetArgs(description="raw", grants={"who": who}, **more)
        datasets = {"raw": raw, "marts": DatasetArgs(description="m")}
        Warehouse("w", WarehouseArgs(project="p", location="eu", datasets=datasets))

    return [given for key, given in declare(program).resources.items() if "DatasetIam" in key or "role" in given]


@pytest.mark.parametrize("authorized", [None, ["marts"]])
@pytest.mark.parametrize("as_output", [False, True])
def test_an_entry_says_what_the_member_is_however_it_is_given(as_output: bool, authorized: list[str] | None) -> None:
    for member, names in ENTRIES.items():
        (entry,) = granted(member, as_output=as_output, authorized_datasets=authorized)
        assert entry == {"project": "p", "datasetId": "raw", "role": "READER", **names}


@pytest.mark.parametrize("member", ["a@example.com", "user:", "team:a@example.com", "serviceaccount:a@b.c"])
@pytest.mark.parametrize("as_output", [False, True])
def test_what_no_access_list_takes_is_refused_in_one_line(member: str, as_output: bool) -> None:
    with pytest.raises(ArgsError, match=rf"Warehouse 'w': w-raw-who: member '{member}' is none that .* write user:"):
        granted(member, as_output=as_output)

"""What all components share: arguments, durations, outputs that wait; and that these tests can fail at all."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any

import pulumi
import pytest
from fastyle_components import (
    COMPONENTS,
    ArgsError,
    Availability,
    EventStream,
    EventStreamArgs,
    OperationalDatabaseArgs,
    RawLake,
    RawLakeArgs,
    WorkloadIdentity,
    WorkloadIdentityArgs,
)
from fastyle_components.base import DEFAULT, Args, Default, after, days

from component_resources.recorder import declare, resolve


def test_a_wrong_assertion_inside_apply_fails() -> None:
    """Without the decorator that `declare` applies, every test of this folder would pass whatever it asserts."""

    def program() -> pulumi.Output[None]:
        def check(value: int) -> None:
            assert value == 2

        return pulumi.Output.from_input(1).apply(check)

    with pytest.raises(AssertionError):
        declare(program)


def test_arguments_may_be_a_dict_as_a_component_host_hands_them_over() -> None:
    plain = {
        "topic": "sales",
        "project_number": "1",
        "storage": {"bucket": "lake", "batch_seconds": 120.0},
        "push": {"shop": {"endpoint": "https://x/", "service_account_email": "a@b", "audience": "c"}},
    }
    as_dict = declare(lambda: EventStream("s", plain))  # type: ignore[arg-type]
    as_args = declare(lambda: EventStream("s", EventStreamArgs.of(plain)))
    assert as_dict.resources == as_args.resources
    assert as_dict.one("s-to-lake")["cloudStorageConfig"]["maxDuration"] == "120s"


def argument_classes() -> list[type]:
    """Every class of arguments in the package."""
    classes = list(Args.__subclasses__())
    return sorted((cls for cls in classes if cls.__module__.startswith("fastyle_components")), key=lambda c: c.__name__)


def test_a_default_is_within_its_bounds_and_of_its_field_s_type() -> None:
    defaults: list[tuple[str, Default, Any]] = [
        (f"{cls.__name__}.{field.name}", field.metadata[DEFAULT], field.type)
        for cls in argument_classes()
        for field in dataclasses.fields(cls)
        if DEFAULT in field.metadata
    ]
    assert len(defaults) > 80
    for where, default, annotation in defaults:
        if default.least is not None and default.most is not None:
            assert default.least <= default.value <= default.most, where
            assert default.why, where
        if type(default.value) is not list:
            assert isinstance(default.value, annotation) or (annotation == float | None), where


def test_a_default_or_bound_is_written_in_the_field_and_nowhere_else() -> None:
    """The schema's descriptions and REFERENCE.md add it to the docstring."""
    for cls in argument_classes():
        source = inspect.getsource(cls)
        again = re.findall(r"= optional\([^\n]*\n    \"\"\"[^\"]*Default: [^\"]*\"\"\"", source)
        assert again == [], f"{cls.__name__}: the docstring repeats the default"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"retention_days": 32}, "EventStream 's': retention_days is 32; use 1 to 31"),
        (
            {"storage": {"bucket": "b", "batch_seconds": 59}},
            "EventStream 's': storage.batch_seconds is 59; use 60 to 600",
        ),
        (
            {
                "push": {
                    "shop": {
                        "endpoint": "https://x/",
                        "service_account_email": "a@b",
                        "audience": "c",
                        "ack_deadline_seconds": 5,
                    }
                }
            },
            "EventStream 's': push.shop.ack_deadline_seconds is 5; use 10 to 600",
        ),
    ],
)
def test_a_value_out_of_its_bounds_is_refused_however_deep_it_stands(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ArgsError, match=re.escape(message)):
        EventStreamArgs.complete({"topic": "sales", "project_number": "1", **wrong}, "s")


def test_plain_data_becomes_enums_and_nested_arguments() -> None:
    args = OperationalDatabaseArgs.of(
        {
            "instance_name": "db",
            "database_name": "db",
            "project": "p",
            "location": "l",
            "tier": "db-f1-micro",
            "network": "n",
            "availability": "REGIONAL",
            "disk_gb": 20.0,
            "users": {"api": {"email": "a@b"}},
        }
    )
    assert args.availability is Availability.REGIONAL
    assert (args.disk_gb, type(args.disk_gb)) == (20, int)
    assert args.users is not None
    assert args.users["api"].email == "a@b"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"bucket_name": "b", "location": "l"}, "delete_after_days is missing"),
        ({"bucket_name": "b", "location": "l", "delete_after_days": 9, "public": True}, "unknown key 'public'"),
    ],
)
def test_wrong_dicts_are_refused_in_one_line(args: dict[str, object], words: str) -> None:
    with pytest.raises(ArgsError, match=words) as caught:
        RawLakeArgs.of(args)
    assert "\n" not in str(caught.value)


def test_an_output_that_waits_depends_on_the_grant_and_keeps_its_value() -> None:
    def program() -> pulumi.Output[tuple[str, set[str]]]:
        grant = pulumi.ComponentResource("test:index:Grant", "grant")
        value = after("v", grant)
        resources: pulumi.Output[set[pulumi.Resource]] = pulumi.Output.from_input(value.resources())
        return pulumi.Output.all(value, resources).apply(lambda got: (got[0], {r.pulumi_resource_name for r in got[1]}))

    assert resolve(program) == ("v", {"grant"})


def test_an_identity_s_address_waits_for_its_roles() -> None:
    """A workload that starts before its grant exists fails its first start for no reason of its own."""

    def program() -> pulumi.Output[set[str]]:
        args = WorkloadIdentityArgs(account_id="pipeline", project="p", project_roles=["roles/bigquery.jobUser"])
        email = WorkloadIdentity("pipeline", args).email
        resources: pulumi.Output[set[pulumi.Resource]] = pulumi.Output.from_input(email.resources())
        return resources.apply(lambda made: {r.pulumi_resource_name for r in made})

    assert "pipeline-bigquery.jobUser" in resolve(program)


def test_durations_are_what_the_cloud_returns() -> None:
    assert days(7) == "604800s"


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda c: c.__name__)
def test_every_component_is_usable_by_others(component: type[pulumi.ComponentResource]) -> None:
    """Docstring, described arguments, frozen keyword-only dataclass with None for every default, one registration."""
    assert component.__doc__
    args = inspect.get_annotations(component.__init__)["args"]
    assert issubclass(args, Args)
    assert args.__dataclass_params__.frozen
    for field in dataclasses.fields(args):
        assert field.kw_only, field.name
        assert field.default in (dataclasses.MISSING, None), f"{field.name}: the schema would call it required"
    source = inspect.getsource(component)
    assert source.count("register_outputs(") == 1
    assert not re.search(r"\bget_\w+_output\(|\.get\(", source.replace("self.", "")), "no look-ups in a constructor"


def test_type_tokens_never_change() -> None:
    """A state file holds them: a change costs everybody an alias."""
    recorder = declare(
        lambda: RawLake("lake", RawLakeArgs(bucket_name="b", location="us-central1", delete_after_days=90))
    )
    assert "fastyle:index:RawLake::lake" in recorder.resources

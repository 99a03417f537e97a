"""What a rule sees beside a resource's inputs: its provider's defaults, and unknown outputs as the inputs had them."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from fastyle_policies import gcp
from fastyle_policies.bridge import policy_of
from fastyle_policies.model import UNKNOWN, Resource
from fastyle_policies.provided import Inputs, provider_settings, takes, with_inputs, with_provider
from fastyle_policies.provider_arguments import arguments_of
from fastyle_policies.rules import RULES
from pulumi_policy import (
    PolicyCustomTimeouts,
    PolicyProviderResource,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import unknown_checking_proxy

from policy_rules import resources as r

UNKNOWN_ON_THE_WIRE = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
BY_ID = {rule.id: rule for rule in RULES}
OPTIONS = PolicyResourceOptions(False, [], None, [], PolicyCustomTimeouts(0, 0, 0), [], None)
TOPIC, SQL, JOB = gcp.TOPIC, gcp.SQL_INSTANCE, gcp.JOB


@pytest.mark.parametrize(
    ("type_", "arguments"),
    [
        (gcp.BUCKET, {"labels", "project"}),
        (gcp.SQL_INSTANCE, {"project", "region"}),  # `userLabels` are no provider's
        ("gcp:compute/instance:Instance", {"labels", "project", "zone"}),
        ("gcp:compute/subnetwork:Subnetwork", {"project", "region"}),
        ("gcp:monitoring/notificationChannel:NotificationChannel", {"project"}),  # its `labels` are an address
        ("gcp:billing/budget:Budget", set()),
        ("random:index/randomId:RandomId", set()),
    ],
)
def test_what_a_type_takes_from_its_provider(type_: str, arguments: set[str]) -> None:
    assert {argument for argument in ("labels", "project", "region", "zone") if takes(type_, argument)} == arguments


@pytest.mark.parametrize("type_", sorted({*gcp.LABELS, *gcp.WORKLOADS, SQL, JOB, gcp.SECRET_VERSION}))
def test_the_file_of_types_is_that_of_this_sdk(type_: str) -> None:
    """A sample: all of the SDK takes a minute to import."""
    module, _, name = type_.removeprefix("gcp:").partition(":")
    resource = getattr(importlib.import_module(f"pulumi_gcp.{module.partition('/')[0]}"), name)
    expected = arguments_of(resource)
    assert [a for a in ("labels", "project", "region", "zone") if takes(type_, a)] == expected
    assert ("labels" in expected) is (gcp.LABELS.get(type_) == "labels")


@pytest.mark.parametrize("given", [{"environment": "dev"}, '{"environment": "dev"}'])
def test_default_labels_are_read_as_a_program_and_as_a_configuration_write_them(given: Any) -> None:
    settings = provider_settings({"defaultLabels": given, "region": "europe-west1", "project": "", "version": "10.2.0"})
    assert settings == {"labels": {"environment": "dev"}, "region": "europe-west1"}


@pytest.mark.parametrize(
    ("given", "settings"),
    [(UNKNOWN, {"labels": UNKNOWN}), (None, {}), (5, {}), ("no JSON", {}), ('["a"]', {}), ({}, {"labels": {}})],
)
def test_default_labels_that_are_unknown_stay_so_and_what_is_no_map_is_none(given: Any, settings: Any) -> None:
    assert provider_settings({"defaultLabels": given}) == settings


@pytest.mark.parametrize(
    ("type_", "props", "expected"),
    [
        (TOPIC, {}, {"labels": {"environment": "dev", "team": "data"}, "project": "theirs"}),
        (
            TOPIC,
            {"labels": {"team": "shop"}, "project": "own"},
            {"labels": {"environment": "dev", "team": "shop"}, "project": "own"},
        ),
        (TOPIC, {"labels": UNKNOWN, "project": UNKNOWN}, {"labels": UNKNOWN, "project": UNKNOWN}),
        (SQL, {"settings": {}}, {"settings": {}, "project": "theirs", "region": "europe-west1"}),
        (JOB, {"region": "", "project": "own"}, {"region": "europe-west1", "project": "own"}),
        (JOB, {"region": "us-east1"}, {"region": "us-east1", "project": "theirs"}),
        (gcp.BUDGET, {"displayName": "b"}, {"displayName": "b"}),
    ],
)
def test_a_resource_has_what_its_provider_gives_it(type_: str, props: Any, expected: Any) -> None:
    labels = {"environment": "dev", "team": "data"}
    settings = {"labels": labels, "region": "europe-west1", "project": "theirs"}
    before = json.dumps(props, default=repr)
    assert with_provider(type_, props, settings) == expected
    assert json.dumps(props, default=repr) == before


def test_unknown_default_labels_leave_those_of_the_resource() -> None:
    assert with_provider(TOPIC, {}, {"labels": UNKNOWN})["labels"] is UNKNOWN
    assert with_provider(TOPIC, {"labels": {"a": "b"}}, {"labels": UNKNOWN})["labels"] == {"a": "b"}


@pytest.mark.parametrize(
    ("output", "given", "expected"),
    [
        (UNKNOWN, {"a": "1", "b": UNKNOWN}, {"a": "1", "b": UNKNOWN}),
        (UNKNOWN, None, UNKNOWN),
        ({"env": UNKNOWN, "uri": UNKNOWN}, {"env": {"a": "1"}}, {"env": {"a": "1"}, "uri": UNKNOWN}),
        ([{"env": UNKNOWN}, "x"], [{"env": "1"}, "y"], [{"env": "1"}, "x"]),
        ([UNKNOWN], ["a", "b"], [UNKNOWN]),  # other elements: nobody can tell which is which
        ("given back", "given", "given back"),
        ("given back", {"a": "1"}, "given back"),
        ({"a": "1"}, "given", {"a": "1"}),
        ({"a": "1"}, {"b": "2"}, {"a": "1", "b": None}),
    ],
)
def test_what_is_unknown_in_an_output_is_as_the_input_had_it(output: Any, given: Any, expected: Any) -> None:
    assert with_inputs(output, given) == expected


def test_a_run_needs_the_inputs_of_a_resource_until_it_has_noted_them() -> None:
    inputs = Inputs()
    assert inputs.needs("urn:a")
    inputs.note("urn:a", {"name": "first"})
    assert not inputs.needs("urn:a")
    inputs.run_ended()
    assert inputs.needs("urn:a")
    assert inputs.beside("urn:a", {"name": UNKNOWN}) == {"name": "first"}
    inputs.note("urn:a", {"name": "second"})
    assert not inputs.needs("urn:a")
    assert inputs.beside("urn:a", {"name": UNKNOWN}) == {"name": "second"}
    assert inputs.beside("urn:b", {"name": UNKNOWN}) == {"name": UNKNOWN}


class Pack:
    """The policies of some rules, as the SDK runs them: every resource first, then the stack."""

    def __init__(self, *rules: str) -> None:
        inputs = Inputs()
        self.policies = [policy_of(BY_ID[rule], inputs=inputs) for rule in rules]

    def said(
        self, inputs: list[Resource], outputs: list[Resource], provider: Mapping[str, Any] | None = None
    ) -> list[str]:
        messages: list[str] = []

        def say(message: str, urn: str | None = None) -> None:
            messages.append(message)

        def wire(resource: Resource) -> Any:
            text = json.dumps(resource.props, default=lambda _: UNKNOWN_ON_THE_WIRE)
            return unknown_checking_proxy(json.loads(text))

        made = PolicyProviderResource("pulumi:providers:gcp", provider, "urn:p", "p") if provider else None
        for resource in inputs:
            for policy in self.policies:
                if isinstance(policy, ResourceValidationPolicy):
                    policy.validate(
                        ResourceValidationArgs(
                            resource.type, wire(resource), resource.urn, resource.name, OPTIONS, made, {}
                        ),
                        say,
                    )
        listed = [PolicyResource(o.type, wire(o), o.urn, o.name, OPTIONS, made, None, [], {}) for o in outputs]
        for policy in self.policies:
            if isinstance(policy, StackValidationPolicy):
                policy.validate(StackValidationArgs(listed, {}), say)
        return messages


def function(**env: Any) -> Resource:
    return r.function("counter", "shop-runner", env)


def test_a_missing_grant_is_missed_although_one_variable_of_the_map_is_unknown() -> None:
    """The real provider's plan of a map with one unknown value is unknown as a whole: its links would be gone."""
    given = function(TRADES_TOPIC="trades", SERVICE_URL=UNKNOWN)
    planned = function()
    planned.props["serviceConfig"]["environmentVariables"] = UNKNOWN
    others = [r.account("shop-runner"), r.topic("trades")]
    pack = Pack("no-plain-secret", "grants-missing")
    words = "TRADES_TOPIC: account 'shop-runner' needs roles/pubsub.publisher on Topic 'trades'"
    for _ in range(2):  # a preview, then the update
        assert any(words in said for said in pack.said([*others, given], [*others, planned]))


def test_an_update_is_judged_by_its_own_inputs() -> None:
    pack = Pack("no-plain-secret", "grants-missing")
    planned = function()
    planned.props["serviceConfig"]["environmentVariables"] = UNKNOWN
    others = [r.account("shop-runner"), r.topic("trades")]
    assert "TRADES_TOPIC" in str(pack.said([*others, function(TRADES_TOPIC="trades")], [*others, planned]))
    assert "TRADES_TOPIC" not in str(pack.said([*others, function(OTHER="trades")], [*others, planned]))


@pytest.mark.parametrize("labels", [{"environment": "dev", "application": "a", "component": "c"}, None])
def test_a_stack_whose_labels_are_its_provider_s_is_labelled(labels: Any) -> None:
    topic = r.topic("trades", labels=None)
    provider = {"defaultLabels": json.dumps(labels)} if labels else {"project": "shop-1"}
    said = str(Pack("labels").said([topic], [topic], provider))
    assert ("Topic 'trades'" in said) is (labels is None)

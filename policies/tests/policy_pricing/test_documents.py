"""Plans as Pulumi prints them: a preview, its event stream and a stack export, each read into the same resources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fastyle_policies.model import UNKNOWN, Resource
from fastyle_policies.pricing import PricingError, documents, questions
from fastyle_policies.pricing.documents import COMPUTED, FAILED, MAKE, Document
from fastyle_policies.pricing.usage import parse as usage_of_text

TYPE = "gcp:compute/address:Address"
PROVIDER = "urn:pulumi:s::p::pulumi:providers:gcp::own"


def urn(name: str, type_: str = TYPE) -> str:
    return f"urn:pulumi:s::p::{type_}::{name}"


STATES: list[dict[str, Any]] = [
    {"urn": PROVIDER, "type": "pulumi:providers:gcp", "inputs": {"zone": "europe-west3-b", "project": "theirs"}},
    {"urn": urn("bare"), "type": TYPE},
    {
        "urn": urn("full"),
        "type": TYPE,
        "custom": True,
        "id": "projects/p/addresses/full",
        "parent": urn("holder", "shop:index:Net"),
        "provider": f"{PROVIDER}::some-id",
        "inputs": {"address": COMPUTED, "labels": {"a": "b"}},
        "propertyDependencies": {"address": [urn("bare"), 5], "labels": None},
    },
    {"urn": urn("typeless"), "inputs": {"project": "own", "region": "us-east1"}},
    {"urn": urn("elsewhere"), "type": TYPE, "external": True},
    {"type": TYPE},
    {"urn": urn("bare"), "type": TYPE, "inputs": {"name": "replaced"}},
]
CONFIG = {"gcp:region": "us-west1", "gcp:project": "ours"}


def expected(region: str = "us-west1", project: str = "ours") -> tuple[Resource, ...]:
    """The resources of STATES; by what the configuration says, where there is one."""
    return (
        Resource("pulumi:providers:gcp", "own", STATES[0]["inputs"], PROVIDER, {}, region=region, project="theirs"),
        Resource(TYPE, "bare", {"name": "replaced"}, urn("bare"), {}, region=region, project=project),
        Resource(
            TYPE,
            "full",
            {"address": UNKNOWN, "labels": {"a": "b"}, "id": "projects/p/addresses/full"},
            urn("full"),
            {"address": (urn("bare"),)},
            parent=urn("holder", "shop:index:Net"),
            custom=True,
            region=region or "europe-west3",
            project="theirs",
        ),
        Resource(
            TYPE,
            "typeless",
            {"project": "own", "region": "us-east1"},
            urn("typeless"),
            {},
            region=region,
            project="own",
        ),
    )


def test_a_preview_is_read_whole() -> None:
    steps = [{"op": "create", "newState": state} for state in STATES]
    gone = {"urn": urn("gone"), "type": TYPE}
    steps += [{"op": op, "newState": gone} for op in ("delete", "delete-replaced", "discard-replaced", "read-discard")]
    read = documents.read({"config": CONFIG, "steps": [*steps, "no step", {"op": "same"}]})
    assert read == Document(expected(), CONFIG)
    assert read.region == "us-west1"


def test_what_an_export_holds_is_the_same_but_for_its_configuration() -> None:
    states = [*STATES, {"urn": urn("gone"), "type": TYPE, "delete": True}]
    for content in ({"version": 3, "deployment": {"resources": states}}, {"resources": states}):
        assert documents.read(content) == Document(expected(region="", project=""), {})
    assert documents.read({"deployment": {"manifest": {}}}) == Document((), {})


def event(metadata: dict[str, Any], **more: Any) -> str:
    return json.dumps({"sequence": 1, "resourcePreEvent": {"metadata": metadata}, **more})


def test_the_engines_events_are_the_same_as_its_preview() -> None:
    lines = [
        json.dumps({"sequence": 0, "preludeEvent": {"config": CONFIG}}),
        *(event({"op": "create", "new": state}) for state in STATES),
        "",
        *(event({"op": op, "new": {"urn": urn("gone"), "type": TYPE}}) for op in documents.GONE),
        json.dumps({"sequence": 9, "diagnosticEvent": {"severity": "warning"}}),
    ]
    assert documents.parse("Previewing update\n" + "\n".join(lines)) == Document(expected(), CONFIG)
    failed = json.dumps({"sequence": 9, "diagnosticEvent": {"severity": "error"}})
    assert documents.parse("\n".join([*lines, failed, lines[-1]])).notes == (FAILED,)
    with pytest.raises(PricingError, match=r"^x: is cut off; make it again$"):
        documents.parse("\n".join([*lines, '{"sequence": 10, ']), "x")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", f"x: is no JSON, or cut off; {MAKE}"),
        ("{", f"x: is no JSON, or cut off; {MAKE}"),
        ("{}", f"x: has neither `steps` nor `deployment.resources`; {MAKE}"),
        ('{"deployment": []}', f"x: has neither `steps` nor `deployment.resources`; {MAKE}"),
        ('{"steps": []} and some words after the end', f"x: has more after its JSON ('and some words after'); {MAKE}"),
        (
            f'{{"resources": [{{"urn": "u", "inputs": {"[" * 5000}{"]" * 5000}}}]}}',
            f"x: is no JSON, or cut off; {MAKE}",
        ),
    ],
)
def test_what_is_no_plan_says_so(text: str, words: str) -> None:
    with pytest.raises(PricingError) as refusal:
        documents.parse(text, "x")
    assert str(refusal.value) in (words, f"x: is nested too deeply to be a plan; {MAKE}")


def test_a_file_is_priced_in_the_region_of_its_configuration(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    bucket = {"urn": urn("lake", "gcp:storage/bucket:Bucket"), "type": "gcp:storage/bucket:Bucket", "inputs": {}}
    usage = usage_of_text("version: 1\nresource_usage: {lake: {storage_gib: 100}}\n")
    costs = {}
    for region in ("us-central1", "europe-west6"):
        plan.write_text(json.dumps({"config": {"gcp:region": region}, "steps": [{"newState": bucket}]}))
        [(_, line)] = [(of, each) for of, each in questions.estimate_of_file(plan, usage).lines() if each.quantity]
        costs[region] = line.rate.region
    assert costs == {region: region for region in costs}

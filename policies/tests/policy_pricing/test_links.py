"""Plans as they are before anything exists: links, unknown blocks, regions of providers; and plans of any size."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from fastyle_policies.model import UNKNOWN, Resource
from fastyle_policies.pricing import Estimate, PricingError, documents, estimate
from fastyle_policies.pricing.documents import COMPUTED
from fastyle_policies.pricing.report import plain
from fastyle_policies.pricing.services import PRICERS

from policy_pricing.bills import REGION, SAMPLES, estimated, resource, usage_of

TOPIC, SUBSCRIPTION = "gcp:pubsub/topic:Topic", "gcp:pubsub/subscription:Subscription"
SECRET, VERSION = "gcp:secretmanager/secret:Secret", "gcp:secretmanager/secretVersion:SecretVersion"
SERVICE = "gcp:cloudrunv2/service:Service"
DATABASE, SCHEDULE = "gcp:sql/databaseInstance:DatabaseInstance", "gcp:cloudscheduler/job:Job"


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:prod::shop::{type_}::{name}"


def state(type_: str, name: str, inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"urn": urn(type_, name), "custom": True, "type": type_, "inputs": inputs, **more}


def preview(*states: dict[str, Any], config: dict[str, str] | None = None) -> documents.Document:
    steps = [{"op": "create", "urn": each["urn"], "newState": each} for each in states]
    return documents.read({"config": config or {}, "steps": steps, "changeSummary": {"create": len(steps)}})


def of(document: documents.Document, **used: dict[str, Any]) -> Estimate:
    return estimate(document.resources, usage_of(**used), region=document.region, notes=document.notes)


def test_a_subscription_of_a_first_preview_finds_the_topic_its_property_depends_on() -> None:
    """2^20 messages of 1,024 bytes are 1 GiB: published 0.0390625, exported 0.048828125."""
    document = preview(
        state(TOPIC, "other", {"name": "other-1"}),
        state(TOPIC, "sales", {"name": "sales-1"}),
        state(
            SUBSCRIPTION,
            "export",
            {"topic": COMPUTED, "bigqueryConfig": {"table": COMPUTED}},
            propertyDependencies={"topic": [urn("gcp:x/y:Y", "z"), urn(TOPIC, "sales")], "bigqueryConfig": []},
        ),
    )
    estimate = of(document, sales={"monthly_messages": 2**20, "message_bytes": 1024})
    assert {r.name: plain(r.monthly) for r in estimate.resources} == {
        "other": "0",
        "sales": "0.0390625",
        "export": "0.048828125",
    }
    assert estimate.notes == ()


def test_a_version_of_a_first_preview_is_kept_where_its_secret_is() -> None:
    """Three replicas x 0.06 = 0.18."""
    replicas = [{"location": place} for place in ("us-east1", "us-west1", "us-central1")]
    document = preview(
        state(SECRET, "token", {"secretId": "token", "replication": {"userManaged": {"replicas": replicas}}}),
        state(VERSION, "token-1", {"secret": COMPUTED}, propertyDependencies={"secret": [urn(SECRET, "token")]}),
    )
    estimate = of(document)
    assert {r.name: plain(r.monthly) for r in estimate.resources} == {"token": "0", "token-1": "0.18"}
    unlinked = of(preview(state(VERSION, "token-1", {"secret": COMPUTED})))
    assert "which secret it is of is known only at update; reckoned with one location" in unlinked.notes[0]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from paths(inner, (*path, key))


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.type in PRICERS], ids=lambda sample: sample.name)
def test_what_is_unknown_and_decides_a_figure_is_said(sample: Resource) -> None:
    """Whatever is hidden: the same lines, or a note, or the resource is named as not estimated. Never a silent guess."""
    used = {"monthly_messages": 10**6, "monthly_written_gib": 10, "monthly_requests": 10**6, "monthly_kept_gib": 5}
    keys = {key: value for key, value in used.items() if key in model_keys(sample)}
    whole = lines(estimated(sample, **{sample.name: keys}))
    for path in paths(dict(sample.props)):
        props = copy.deepcopy(dict(sample.props))
        at: Any = props
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = UNKNOWN
        hidden = estimated(resource(sample.type, sample.name, **props), **{sample.name: keys})
        assert lines(hidden) == whole or hidden.notes or hidden.unpriced, path


def model_keys(sample: Resource) -> set[str]:
    return set(PRICERS[sample.type].usage.model_fields)


def lines(estimate: Estimate) -> list[tuple[str, str]]:
    return [(line.name, plain(line.monthly)) for _, line in estimate.lines()]


def test_a_resource_without_a_place_is_where_its_provider_is() -> None:
    """Of an export, too, which has no configuration: the provider's own inputs tell."""
    provider = {
        "urn": urn("pulumi:providers:gcp", "asia"),
        "custom": True,
        "type": "pulumi:providers:gcp",
        "id": "1",
        "inputs": {"region": "asia-east1", "project": "shop-asia"},
    }
    placed = state(SERVICE, "web", {"template": {}}, provider=f"{provider['urn']}::1")
    for document in (
        preview(provider, placed, config={"gcp:region": "europe-west1", "gcp:project": "shop"}),
        documents.read({"version": 3, "deployment": {"manifest": {}, "resources": [provider, placed]}}),
    ):
        [web] = [r for r in document.resources if r.name == "web"]
        assert (web.region, web.project) == ("asia-east1", "shop-asia")
    zoned = {**provider, "inputs": {"zone": "europe-west4-b"}}
    [_, web] = preview(zoned, placed).resources
    assert web.region == "europe-west4"
    [web] = preview(placed, config={"gcp:region": "us-east4", "gcp:project": "shop"}).resources
    assert (web.region, web.project) == ("us-east4", "shop")
    [own] = preview(state(TOPIC, "t", {"project": "theirs"}), config={"gcp:project": "shop"}).resources
    assert own.project == "theirs"


@pytest.mark.parametrize(
    ("props", "words"),
    [
        ({"location": "europe-wst1"}, "'europe-wst1'; did you mean 'europe-west1'?"),
        ({"location": "us-centrall"}, "'us-centrall'; did you mean 'us-central1'?"),
        ({"region": "mars"}, "'mars'"),
        ({"location": "uss"}, "'uss'; did you mean 'us'?"),
        ({"zone": "us-central9-a"}, "'us-central9-a'; did you mean 'us-central1'?"),
        ({"location": "x" * 5000}, f"'{'x' * 40}'"),
    ],
)
def test_a_place_that_google_has_not_is_an_error_with_the_nearest_name(props: dict[str, str], words: str) -> None:
    with pytest.raises(PricingError) as caught:
        estimated(resource("gcp:storage/bucket:Bucket", **props))
    assert str(caught.value) == f"Bucket 'it': Google Cloud has no location {words}"
    with pytest.raises(PricingError, match="has no location 'europ-west1'; did you mean 'europe-west1'"):
        estimate([resource(SERVICE, template={})], region="europ-west1")


@pytest.mark.parametrize(
    "place",
    [
        "EU",
        "us",
        "ASIA",
        "NAM4",
        "eur4",
        "asia1",
        "us-central1-a",
        "US-EAST4",
        "me-west1",
        "https://www.googleapis.com/compute/v1/projects/p/regions/us-west2",
    ],
)
def test_every_kind_of_place_is_known(place: str) -> None:
    assert estimated(resource("gcp:storage/bucket:Bucket", location=place)).unpriced == ()


def test_resources_of_other_clouds_are_named_and_those_of_none_are_free() -> None:
    document = preview(
        state("aws:s3/bucketV2:BucketV2", "mirror", {}),
        state("random:index/randomId:RandomId", "id", {}),
        {"urn": urn("acme:web:Site", "site"), "custom": False, "type": "acme:web:Site", "inputs": {}},
        {"urn": urn("pulumi:providers:aws", "p"), "custom": True, "type": "pulumi:providers:aws", "inputs": {}},
    )
    estimate = of(document)
    assert [(each.type, each.name, each.reason) for each in estimate.unpriced] == [
        ("aws:s3/bucketV2:BucketV2", "mirror", "a resource of aws, for which there is no price book")
    ]
    assert estimate.free == {"random:index/randomId:RandomId": "lives in the program's state, in no cloud"}


class Counted(dict[str, Any]):
    """Properties that count how often they are read."""

    reads = 0

    def get(self, key: str, default: Any = None) -> Any:
        Counted.reads += 1
        return super().get(key, default)


@pytest.mark.parametrize("kind", ["subscription", "version", "database"])
def test_the_work_grows_with_the_plan_and_not_with_its_square(kind: str) -> None:
    """Ten times the resources are read ten times as often."""

    pairs: dict[str, Callable[[int], tuple[tuple[str, dict[str, Any]], ...]]] = {
        "subscription": lambda n: (
            (TOPIC, {"name": f"t{n}"}),
            (SUBSCRIPTION, {"topic": f"projects/p/topics/t{n}"}),
        ),
        "version": lambda n: (
            (SECRET, {"secretId": f"s{n}"}),
            (VERSION, {"secret": f"projects/p/secrets/s{n}"}),
        ),
        "database": lambda n: (
            (DATABASE, {"name": f"d{n}", "settings": {"tier": "db-f1-micro"}}),
            (SCHEDULE, {"httpTarget": {"uri": f"https://x/instances/d{n}"}}),
        ),
    }

    def reads(count: int) -> int:
        made = [each for n in range(count) for each in pairs[kind](n)]
        plan = [Resource(type_, f"r{n}", Counted(**props), f"urn:{n}") for n, (type_, props) in enumerate(made)]
        Counted.reads = 0
        estimate(plan, usage_of(**{f"r{n}": {} for n in range(count)}), region=REGION)
        return Counted.reads

    few, many = reads(30), reads(300)
    assert few > 0
    assert many <= 11 * few


def test_a_line_of_nothing_rests_on_no_old_rate() -> None:
    estimate = estimated(resource("gcp:pubsub/topic:Topic"))
    assert estimate.lines()
    assert estimate.stale(date(2040, 1, 1)) == {}
    assert set(estimated(resource("gcp:pubsub/topic:Topic"), it={"monthly_messages": 1}).stale(date(2040, 1, 1))) == {
        "pubsub.throughput"
    }

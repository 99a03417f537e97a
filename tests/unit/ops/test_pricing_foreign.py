"""Programs that are not ours: estimated without an exception, what the book does not know listed, secrets never shown.

policies/tests/policy_pricing/foreign/ holds a preview and an export made by hand in the shape that Pulumi prints.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fastyle_policies.model import UNKNOWN, Resource
from fastyle_policies.pricing import Estimate, PricingError, documents, estimate
from fastyle_policies.pricing.documents import COMPUTED, SIGNATURE
from fastyle_policies.pricing.report import plain
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops.cli import cli
from policy_pricing.bills import REGION, SAMPLES, estimated, resource

FOREIGN = Path(__file__).parents[3] / "policies" / "tests" / "policy_pricing" / "foreign"
PREVIEW, EXPORT = FOREIGN / "preview.json", FOREIGN / "export.json"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
HUSHED = ("hunter2", "hush", "v1:aaaa", "v1:cccc", "v1:eeee", "[secret]")


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["cost", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def of(path: Path) -> Estimate:
    document = documents.load(path)
    return estimate(document.resources, region=document.region, notes=document.notes)


def test_a_web_shop_is_estimated_as_far_as_the_book_goes() -> None:
    """Belgium. Cloud Run's minimum instance: 2,628,000 s x 2 vCPU x 0.0000025 = 13.14, 1 GiB 6.57; an address 730 x 0.005 = 3.65;
    500 GiB of SSD x 0.17 = 85; a global rule 18.25; the bastion 730 x 0.018428865 = 13.45307145, its disk 20 x 0.04 = 0.8 and
    address 3.65; the cluster 73, free; three n2-standard-4 in three zones each: 9 x 4 x 584.146 x 0.034773 = 731.24823888...;
    a zone 0.2; a key rotated every 90 days 5.0556 x 0.06; Redis 5 x 730 x 0.054 = 197.1."""
    estimate = of(PREVIEW)
    assert {r.name: plain(r.monthly) for r in estimate.resources} == {
        "web": "19.71",
        "ip": "3.65",
        "data": "85",
        "https": "18.25",
        "bastion": "17.90307145",
        "cluster": "73",
        "pool": "1213.319767752",
        "zone": "0.2",
        "orders": "0",
        "key": "0.30333333336",
        "cache": "197.1",
        "assets": "0",
    }
    assert plain(estimate.total) == "1555.43617253536"
    assert estimate.not_estimated == {
        "aws:s3/bucketV2:BucketV2": ["mirror: a resource of aws, for which there is no price book"],
        "gcp:sql/databaseInstance:DatabaseInstance": ["mssql: the price book has no rates for SQLSERVER_2022_STANDARD"],
        "google-native:storage/v1:Bucket": ["native: the price book does not know this type"],
    }
    assert sorted(estimate.free) == [
        "gcp:cloudrunv2/serviceIamMember:ServiceIamMember",
        "gcp:dns/recordSet:RecordSet",
        "gcp:projects/service:Service",
        "kubernetes:apps/v1:Deployment",
        "random:index/randomPassword:RandomPassword",
    ]


def test_rates_of_another_region_are_the_reference_regions_and_that_is_said() -> None:
    estimate = of(PREVIEW)
    assert [note for note in estimate.notes if "no sourced rates" in note] == [
        "the book has no sourced rates for europe-west1 of redis.standard-m2: us-central1's are used, on which 12.1 % of "
        "the list price rests"
    ]
    air = resource("gcp:composer/environment:Environment", "air", region="europe-west1", config={})
    [note] = [n for n in estimated(air).notes if "no sourced rates" in n]
    assert note == (
        "the book has no sourced rates for europe-west1 of composer-3.dcu, composer-3.database: us-central1's are used, "
        "on which 100.0 % of the list price rests"
    )


def test_the_free_tiers_of_three_american_regions_are_not_given_elsewhere() -> None:
    bucket = "gcp:storage/bucket:Bucket"
    for location, credits in (("US-CENTRAL1", "0.02"), ("us-east1", "0.02"), ("EU", "0"), ("europe-west1", "0")):
        estimate = estimated(resource(bucket, location=location), it={"storage_gib": 1})
        assert plain(sum((c.monthly for c in estimate.credits), Decimal(0))) == credits, location


def test_components_of_others_group_their_resources() -> None:
    assert [component for component in of(PREVIEW).components() if component] == [("acme:web:Site", "site")]


def test_an_export_is_estimated_without_what_is_on_its_way_out() -> None:
    """db, twice over: 1 vCPU x 1,460 x 0.0413 = 60.298, 3.75 GiB x 1,460 x 0.007 = 38.325, 200 GB x 0.17 = 34; a version
    of a secret 0.06, which is free; 1 GB of Redis x 730 x 0.049 = 35.77."""
    estimate = of(EXPORT)
    assert plain(estimate.total) == "168.393"
    assert plain(estimate.list_price) == "168.453"
    assert estimate.not_estimated == {
        "gcp:sql/databaseInstance:DatabaseInstance": ["hidden: its tier is secret or known only at update"],
    }


@pytest.mark.parametrize("path", [PREVIEW, EXPORT], ids=["preview", "export"])
@pytest.mark.parametrize("style", ["table", "markdown", "json"])
def test_secrets_are_never_shown(path: Path, style: str) -> None:
    code, output = run("--plan", str(path), "--format", style, *(["--all"] if style == "table" else []))
    assert code == 0
    assert [word for word in HUSHED if word in output] == []


def test_explaining_everything_shows_no_secret_either() -> None:
    code, output = run("--plan", str(EXPORT), "--explain", ":")
    assert code == 0
    assert [word for word in HUSHED if word in output] == []
    assert "db: vCPU: 60.298 USD a month" in output


def test_a_plan_is_given_without_a_usage_file_in_the_contracts_shape() -> None:
    code, output = run("--plan", str(EXPORT), "--format", "json")
    assert code == 0
    document = json.loads(output)
    assert list(document) == ["currency", "monthly", "resources", "free", "not_estimated", "unpriced", "notes"]
    assert list(document["monthly"]) == ["fixed", "usage", "total"]
    for entry in document["resources"]:
        assert list(entry) == ["urn", "type", "name", "monthly", "components"]
        for component in entry["components"]:
            assert list(component) == [
                *("name", "unit", "quantity", "price", "monthly", "usage_based", "source", "confidence"),
            ]
            assert isinstance(component["usage_based"], bool)
            for key in ("quantity", "price", "monthly"):
                assert component[key] == plain(Decimal(component[key]))
    assert document["not_estimated"] == ["gcp:sql/databaseInstance:DatabaseInstance"]
    assert document["free"] == ["gcp:sql/user:User"]
    assert document["unpriced"] == [
        {
            "type": "gcp:sql/databaseInstance:DatabaseInstance",
            "name": "hidden",
            "reason": "its tier is secret or known only at update",
        },
    ]
    assert all(list(note) == ["name", "text"] for note in document["notes"])


def test_usage_of_an_export_is_read_by_name_and_by_type(tmp_path: Path) -> None:
    """2^20 messages of 1,024 bytes: 1 GiB published (free), exported 0.048828125, kept a day 12 / 365 x 0.27."""
    usage = tmp_path / "usage.yaml"
    usage.write_text(
        "version: 1\nresource_type_default_usage:\n  gcp:pubsub/topic:Topic: {message_bytes: 1024}\n"
        'resource_usage:\n  "orders*": {monthly_messages: 1048576}\n'
    )
    code, output = run("--plan", str(EXPORT), "--usage", str(usage), "--format", "json")
    assert code == 0
    lines = {c["name"]: c["monthly"] for r in json.loads(output)["resources"] for c in r["components"]}
    assert lines["Exported to BigQuery"] == "0.048828125"
    assert lines["Published"] == "0.0390625"
    assert lines["Retained for replay"] == plain(Decimal("0.032876712") * Decimal("0.27"))


EMPTY = {
    "a preview of nothing": {"steps": [], "changeSummary": {}},
    "a preview that leaves its steps out": {"duration": 5, "changeSummary": {"same": 0}},
    "an export of nothing": {"version": 3, "deployment": {"manifest": {}, "resources": []}},
    "an export that leaves its resources out": {"version": 3, "deployment": {"manifest": {}}},
    "an export with null": {"version": 3, "deployment": {"manifest": {}, "resources": None}},
}


@pytest.mark.parametrize("case", EMPTY)
@pytest.mark.parametrize("style", ["table", "markdown", "json"])
def test_an_empty_plan_costs_nothing(case: str, style: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(EMPTY[case]))
    code, output = run("--plan", str(path), "--format", style)
    assert code == 0, output
    if style == "json":
        assert json.loads(output)["monthly"] == {"fixed": "0", "usage": "0", "total": "0"}
    else:
        assert "0.00 USD a month" in output


DEEP = 900 if sys.version_info < (3, 12) else 5000  # what json reads and Python code cannot follow
NO_PLANS = {
    "nothing": ("", "is no JSON"),
    "words": ("error: no stack selected", "is no JSON"),
    "a list": ("[1, 2]", "is no JSON"),
    "another document": ('{"name": "webshop"}', "has neither `steps` nor `deployment.resources`"),
    "cut off": (PREVIEW.read_text()[:900], "is no JSON, or cut off"),
    "an integer of 5,000 digits": ('{"steps": [%s]}' % ("9" * 5000), "is no JSON"),
    "too deep": ('{"steps":' + "[" * 100_000, "is no JSON"),
    "deep enough to be read": (
        '{"steps": [{"op": "create", "newState": {"urn": "urn:pulumi:a::b::gcp:x/y:Y::c", "inputs": {"a": %s}}}]}'
        % ("[" * DEEP + "]" * DEEP),
        "is nested too deeply to be a plan",
    ),
    "two documents": ('{"steps": []}{"steps": []}', "has more after its JSON"),
    "a preview of a deployed stack": (
        '{"steps": [{"op": "same"}], "changeSummary": {"same": 41}}',
        "leaves 40 unchanged resources out; make it with `pulumi preview --json --show-sames`",
    ),
    "a broken event stream": ('{"sequence": 0}\n{"sequence": 1', "is cut off"),
}  # fmt: skip


@pytest.mark.parametrize("case", NO_PLANS)
def test_a_file_that_is_no_plan_is_one_line(case: str, tmp_path: Path) -> None:
    text, words = NO_PLANS[case]
    path = tmp_path / "plan.json"
    path.write_text(text)
    code, output = run("--plan", str(path))
    assert code == 1
    assert output.startswith(f"Error: {path}: ")
    assert words in output
    assert output.count("\n") == 1
    assert "pulumi preview --json" in output or "make it again" in output


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    assert run("--plan", str(tmp_path / "none.json")) == (
        1,
        f"Error: {tmp_path / 'none.json'}: cannot be read (No such file or directory)\n",
    )
    (tmp_path / "binary").write_bytes(b"\xff\xfe{}")
    assert run("--plan", str(tmp_path / "binary"))[1] == f"Error: {tmp_path / 'binary'}: cannot be read (no UTF-8)\n"
    assert run("--plan", str(tmp_path))[1] == f"Error: {tmp_path}: cannot be read (Is a directory)\n"


def test_a_preview_that_failed_says_that_it_may_lack_resources() -> None:
    content = json.loads(PREVIEW.read_text())
    content["diagnostics"] = [{"severity": "error", "message": "the token hunter2 is wrong"}]
    document = documents.read(content)
    cost = estimate(document.resources, region=document.region, notes=document.notes)
    assert cost.notes[0] == "the preview reports errors: the plan may lack resources"


def test_words_before_the_json_are_skipped() -> None:
    text = "Previewing update (prod)\n" + PREVIEW.read_text()
    assert documents.parse(text).resources == documents.load(PREVIEW).resources


def test_the_engines_event_stream_says_the_same_as_the_preview() -> None:
    content = json.loads(PREVIEW.read_text())
    events: list[dict[str, Any]] = [{"sequence": 0, "timestamp": 1, "preludeEvent": {"config": content["config"]}}]
    for n, step in enumerate(content["steps"]):
        metadata = {"op": step["op"], "urn": step["urn"], "type": "", "new": step.get("newState"), "old": None}
        events.append({"sequence": n + 1, "timestamp": 1, "resourcePreEvent": {"metadata": metadata, "planning": True}})
    events.append({"sequence": 99, "timestamp": 1, "summaryEvent": {"resourceChanges": {"create": 23}}})
    document = documents.parse("\n".join(map(json.dumps, events)))
    assert document.resources == documents.load(PREVIEW).resources
    assert document.region == "europe-west1"
    failed = {"sequence": 100, "diagnosticEvent": {"severity": "error", "message": "x"}}
    assert documents.parse("\n".join(map(json.dumps, [*events, failed]))).notes


def test_a_resource_that_is_replaced_is_counted_once() -> None:
    content = json.loads(PREVIEW.read_text())
    step = next(s for s in content["steps"] if s["urn"].endswith("::ip"))
    content["steps"] += [{**step, "op": "create-replacement"}, {**step, "op": "replace"}]
    assert documents.read(content).resources == documents.load(PREVIEW).resources


def test_marks_of_pulumi_are_read() -> None:
    output = {SIGNATURE: "d0e6a833031e9bbcd3f4e8bde6ca49a4", "value": {"cpu": "2"}, "dependencies": []}
    asset = {SIGNATURE: "c44067f5952c0a294b673a41bacd8c17", "text": "print()"}
    plain = documents.plain(
        {
            "a": COMPUTED,
            "b": [{SIGNATURE: SECRET, "plaintext": '"x"'}],
            "c": output,
            "d": {**output, "secret": True},
            "e": {SIGNATURE: "d0e6a833031e9bbcd3f4e8bde6ca49a4"},
            "f": asset,
            "g": "[secret]",
            "h": 1.5,
        }
    )
    assert plain == {
        "a": UNKNOWN, "b": [UNKNOWN], "c": {"cpu": "2"}, "d": UNKNOWN, "e": UNKNOWN, "f": asset, "g": UNKNOWN, "h": 1.5,
    }  # fmt: skip


HUGE = [10**400, 1e308, -1, -(10**30), "1e999", "NaN", "Infinity", 10**15 + 1, 0, "", None, True, [], {}, UNKNOWN]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a structure, the structure itself left out."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from paths(inner, (*path, key))


def changed(sample: Resource, path: tuple[Any, ...], value: Any) -> Resource:
    props = copy.deepcopy(dict(sample.props))
    at: Any = props
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return resource(sample.type, sample.name, **props)


CHANGES = [(sample, path) for sample in SAMPLES for path in paths(dict(sample.props))]


@pytest.mark.parametrize(
    ("sample", "path"), CHANGES, ids=lambda v: v.name if isinstance(v, Resource) else ".".join(map(str, v))
)
def test_no_value_of_a_plan_makes_the_estimator_fall_over(sample: Resource, path: tuple[Any, ...]) -> None:
    """Absurd numbers, other types, nothing, unknown: an estimate, or the resource listed with the reason."""
    for value in HUGE:
        if len(path) == 1 and path[0] in ("location", "region", "zone") and isinstance(value, str) and value:
            with pytest.raises(PricingError, match=r"\A.* has no location .*\Z"):
                estimate([changed(sample, path, value)], region=REGION)
            continue
        cost = estimate([changed(sample, path, value)], region=REGION)
        assert cost.total >= 0, value
        reasons = [why for whys in cost.not_estimated.values() for why in whys]
        assert all("\n" not in why for why in reasons)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(UNKNOWN),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(CHANGES), json_values)
def test_any_json_in_any_place_is_estimated_or_listed(change: tuple[Resource, tuple[Any, ...]], value: Any) -> None:
    try:
        cost = estimate([changed(*change, value)], region=REGION)
    except PricingError:
        assert change[1][-1] in ("location", "region", "zone")
        assert isinstance(value, str)
        return
    assert cost.total >= 0


@settings(max_examples=100, deadline=None)
@given(json_values)
def test_any_json_is_a_plan_or_one_line(value: Any) -> None:
    for content in (value, {"steps": [{"op": "create", "newState": value}]}, {"deployment": {"resources": [value]}}):
        try:
            document = documents.read(content)
        except PricingError:
            continue
        try:
            estimate(document.resources, region=document.region)
        except PricingError:
            continue


def test_usage_that_is_too_large_is_one_line() -> None:
    with pytest.raises(PricingError) as caught:
        estimated(resource("gcp:cloudrunv2/service:Service"), it={"monthly_requests": 10**16})
    assert str(caught.value) == (
        "the test: monthly_requests is 10,000,000,000,000,000; nothing beyond 1,000,000,000,000,000 is reckoned with"
    )


def test_a_product_that_is_too_large_is_listed_not_counted() -> None:
    service = "gcp:cloudrunv2/service:Service"
    estimate = estimated(resource(service), it={"monthly_requests": 10**15, "request_ms": 10**15})
    assert estimate.total == 0
    assert estimate.not_estimated == {service: ["it: its figures are too large to reckon with"]}

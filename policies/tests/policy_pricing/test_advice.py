"""Options of a plan: each with its arithmetic, what makes it right or wrong, and the cheapest set against all sets."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from fastyle_policies.model import Resource
from fastyle_policies.pricing import Estimate, estimate
from fastyle_policies.pricing.advice import (
    REQUIREMENTS,
    Advice,
    Option,
    Weigher,
    advise,
    cheapest,
    fewest,
    options,
    relocations,
)
from fastyle_policies.pricing.advice.model import change
from fastyle_policies.pricing.report import plain

from policy_pricing.bills import REGION, SAMPLES, resource, usage_of

NO_ADDRESS = {"ipConfiguration": {"ipv4Enabled": False}}
BIG = {"tier": "db-custom-8-30720", "availabilityType": "REGIONAL", "diskSize": 10, **NO_ADDRESS}
DATABASE = resource("gcp:sql/databaseInstance:DatabaseInstance", "db", settings=BIG)
WARM = resource(
    "gcp:cloudrunv2/service:Service",
    "web",
    template={"scaling": {"minInstanceCount": 1}, "containers": [{"resources": {"cpuIdle": True}}]},
)
LAKE = resource("gcp:storage/bucket:Bucket", "lake", location="US-CENTRAL1")


def weigher(*resources: Resource, **used: Mapping[str, Any]) -> tuple[Weigher, list[Any]]:
    usage = usage_of(**used)

    def price(plan: Sequence[Resource]) -> Estimate:
        return estimate(plan, usage, region=REGION, strict=False)

    return Weigher(resources, price), options(resources, usage)


def advice(*resources: Resource, **used: Mapping[str, Any]) -> dict[str, Advice]:
    """Advice by its change, but commitments."""
    advised = advise(*weigher(*resources, **used))
    return {each.option.change: each for each in advised if not each.option.group.startswith("commitment")}


def test_one_zone_saves_half_of_vcpus_memory_and_disk() -> None:
    """8 x 30.149 + 30 x 5.11 = 394.492 of compute, 1.70 of disk."""
    saving = advice(DATABASE)["settings.availabilityType: REGIONAL -> ZONAL"]
    assert plain(saving.monthly_saving) == "396.192"
    assert saving.option.gives_up == {"ha"}
    assert saving.confidence in ("high", "medium")


def test_a_tier_by_measured_use() -> None:
    """Two vCPUs: 87.6 hours a month are 0.12 vCPU on average, ten times as many in the busiest minute: 1.2, of 60 %: 2.
    The six that are left over cost 2 zones x 3/4 x 394.492 = 591.738."""
    advised = advice(DATABASE, db={"monthly_cpu_hours": Decimal("87.6")})
    smaller = advised["settings.tier: db-custom-8-30720 -> db-custom-2-7680"]
    assert plain(smaller.monthly_saving) == "591.738"
    assert smaller.confidence == "medium", "it rests on the usage file"


def test_a_busy_database_keeps_its_tier_and_an_unmeasured_one_is_told_to_be_measured() -> None:
    assert not [change for change in advice(DATABASE, db={"monthly_cpu_hours": 500}) if "tier" in change]
    unmeasured = advice(DATABASE)["settings.tier: db-custom-8-30720 -> db-custom-4-15360"]
    assert "not measured" in unmeasured.option.loses


def test_nights_off_save_what_the_database_would_cost_asleep() -> None:
    """Awake on the 262 weekdays of the leap year that is counted, 12 h each. What runs costs 2 zones x
    394.492 / 2 x 2 = 788.984; two jobs are of the three that are free; the disk stays."""
    advised = advice(DATABASE)[
        "two Cloud Scheduler jobs that set settings.activationPolicy: NEVER at '0 20 * * *', ALWAYS at '0 8 * * 1-5'"
    ]
    awake = Decimal(262 * 12) / (366 * 24)
    assert abs(advised.monthly_saving - Decimal("788.984") * (1 - awake)) < Decimal("0.001")
    assert advised.option.gives_up == {"nights"}
    assert "at night and at weekends" in advised.option.loses


def test_a_database_that_sleeps_or_cannot_sleep_is_not_told_to() -> None:
    def nights(*plan: Resource, **used: Mapping[str, Any]) -> list[str]:
        return [change for change in advice(*plan, **used) if "activationPolicy" in change]

    assert nights(DATABASE)
    assert not nights(DATABASE, db={"monthly_running_hours": 400})
    [option] = [o for o in options([DATABASE], usage_of()) if o.adds]
    assert not nights(*option.applied([DATABASE]))
    off = replace(DATABASE, props={"settings": {**BIG, "activationPolicy": "NEVER"}})
    assert not nights(off)
    replica = resource(DATABASE.type, "copy", masterInstanceName="db", settings=BIG)
    primary = replace(DATABASE, props={"name": "db", **DATABASE.props})
    by_id = replace(DATABASE, props={"id": "projects/p/instances/main", **DATABASE.props})
    of_id = resource(DATABASE.type, "copy", masterInstanceName="projects/p/instances/main", settings=BIG)
    assert not nights(by_id, of_id)
    assert not nights(primary, replica), "neither an instance with replicas nor a replica can be stopped"


def test_one_vcpu_is_the_least() -> None:
    least = resource(
        "gcp:sql/databaseInstance:DatabaseInstance", "db", settings={"tier": "db-custom-1-3840", **NO_ADDRESS}
    )
    assert not [change for change in advice(least, db={"monthly_cpu_hours": 1}) if "tier" in change]


def test_no_minimum_saves_an_idle_instance() -> None:
    """2,628,000 s x (1 vCPU + 0.5 GiB) x 0.0000025 = 9.855, less nothing: idle time has no free tier."""
    saving = advice(WARM)["template.scaling.minInstanceCount: 1 -> 0"]
    assert plain(saving.monthly_saving) == "9.855"
    assert saving.confidence == "high"
    assert saving.option.gives_up == {"no-cold-start"}


def test_an_instance_that_is_nearly_always_busy_is_billed_by_instance() -> None:
    """Busy for 2,600,000 of 2,628,000 s: by request 2,600,000 x 0.000024 and more, by instance 2,628,000 x 0.000018."""
    busy = advice(WARM, web={"monthly_instance_seconds": 2_600_000})
    assert "template.containers.0.resources.cpuIdle: true -> false" in busy
    assert "template.containers.0.resources.cpuIdle: true -> false" not in advice(WARM)


def test_by_instance_is_not_advised_where_nothing_keeps_an_instance_running() -> None:
    """How long it would idle before it is stopped is billed, and in no estimate."""
    cold = resource(
        "gcp:cloudrunv2/service:Service", "web", template={"containers": [{"resources": {"cpuIdle": True}}]}
    )
    assert advice(cold, web={"monthly_requests": 1_000_000, "request_ms": 1000}) == {}


def test_an_always_on_instance_that_hardly_serves_is_billed_by_request() -> None:
    on = {"scaling": {"minInstanceCount": 1}, "containers": [{"resources": {"cpuIdle": False}}]}
    advised = advice(resource("gcp:cloudrunv2/service:Service", "web", template=on))
    assert advised["template.containers.0.resources.cpuIdle: false -> true"].option.gives_up == {"cpu-always"}


def test_the_class_is_by_age_and_reads() -> None:
    """In large files: coldest while nobody reads, standard while everything is read."""
    written = {"monthly_written_gib": 1000, "object_mib": 1024}
    [unread] = [each for change, each in advice(LAKE, lake=written).items() if "archive" in change]
    assert unread.option.gives_up == {"cheap-reads"}
    read = advice(LAKE, lake={**written, "monthly_read_gib": 1_000_000})
    assert not [change for change in read if "archive" in change or "coldline" in change]


def test_small_objects_are_not_moved() -> None:
    """A move costs by the object: of 1 KiB each, a thousand GiB are a billion of them."""
    changes = advice(LAKE, lake={"monthly_written_gib": 1000, "object_mib": Decimal("0.001")})
    assert not [change for change in changes if "line after" in change or "archive after" in change]


def test_what_nothing_expires_is_told_of() -> None:
    """36 months of 100 GiB against 12: 2,400 GiB x 0.02."""
    advised = advice(LAKE, lake={"monthly_written_gib": 100})
    expiry = advised["lifecycleRules: deleted never -> after 365 days"]
    assert round(expiry.monthly_saving, 2) >= 40
    assert expiry.option.gives_up == {"history"}
    table = resource("gcp:bigquery/table:Table", "t", timePartitioning={"type": "DAY"})
    assert "timePartitioning.expirationMs: unset -> 31536000000" in advice(table, t={"monthly_written_gib": 100})
    assert advice(table) == {}, "nothing is written into it"


@pytest.mark.parametrize("written", [0, Decimal("0.5"), 100])
def test_a_table_that_anything_is_written_to_is_told_of(written: Decimal) -> None:
    table = resource("gcp:bigquery/table:Table", "trades", timePartitioning={"type": "DAY"})
    found = options([table], usage_of(trades={"monthly_written_gib": written}))
    assert [option.change for option in found] == ["timePartitioning.expirationMs: unset -> 31536000000"] * (
        written > 0
    )


def test_classes_and_expiry_act_on_one_list_and_keep_each_other() -> None:
    """The combination deletes and moves: neither option puts back what the other took out."""
    rules = [
        {"action": {"type": "Delete"}, "condition": {"age": 1000}},
        {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 1}},
    ]
    lake = resource("gcp:storage/bucket:Bucket", "lake", location="US-CENTRAL1", lifecycleRules=rules)
    _, options = weigher(lake, lake={"monthly_written_gib": 1000, "object_mib": 1024})
    cold, ends_early = "lifecycleRules: coldline after 90 days", "lifecycleRules: deleted after 1,000 -> after 365 days"
    chosen = [option for option in options if option.change in (cold, ends_early)]
    assert len(chosen) == 2
    for order in (chosen, chosen[::-1]):
        changed: list[Resource] = [lake]
        for option in order:
            changed = option.applied(changed)
        actions = [rule["action"]["type"] for rule in changed[0].get("lifecycleRules")]
        assert sorted(actions) == ["AbortIncompleteMultipartUpload", "Delete", "SetStorageClass"]
        [ends] = [r["condition"]["age"] for r in changed[0].get("lifecycleRules") if r["action"]["type"] == "Delete"]
        assert ends == 365


def test_an_address_that_nothing_uses() -> None:
    """730 h x 0.01 of an idle address = 7.30; one that a forwarding rule was computed from stays."""
    idle = resource("gcp:compute/address:Address", "ip")
    assert plain(advice(idle)["removed: nothing in the plan uses it"].monthly_saving) == "7.3"
    user = Resource("gcp:compute/instance:Instance", "vm", {}, "urn:vm", references={"networkInterfaces": (idle.urn,)})
    assert not [change for change in advice(idle, user) if change.startswith("removed")]
    named = resource("gcp:compute/address:Address", "ip", name="front")
    by_name = resource("gcp:other:Thing", "x", ip="projects/p/addresses/front")
    assert not [change for change in advice(named, by_name) if change.startswith("removed")]


def test_a_region_of_the_same_continent_moves_everything() -> None:
    far = resource("gcp:sql/databaseInstance:DatabaseInstance", "db", region="europe-west3", settings=BIG)
    weighed, _ = weigher(far)
    moves = list(relocations([far], weighed.price, None))
    assert {option.change.split("-> ")[1].partition("-")[0] for option in moves} == {"europe"}
    assert {option.group for option in moves} == {"region"}
    [best, *_] = advise(weighed, moves)
    assert best.monthly_saving > 0
    [there] = best.option.applied([far])
    assert there.get("region") == best.option.change.split("-> ")[1]
    zone = resource("gcp:compute/instance:Instance", "vm", zone="europe-west3-b", region="europe-west3")
    [moved] = moves[0].applied([zone])
    assert moved.get("zone") == f"{moved.get('region')}-b"


@pytest.mark.parametrize(("own", "others"), [("northamerica-northeast1", "us"), ("us-central1", "northamerica")])
def test_canada_and_the_united_states_are_one_continent(own: str, others: str) -> None:
    here = resource("gcp:storage/bucket:Bucket", "lake", location=own)
    weighed, _ = weigher(here)
    names = {option.moves[1].partition("-")[0] for option in relocations([here], weighed.price, None) if option.moves}
    assert others in names
    assert names <= {"northamerica", "us"}


class Listed(Weigher):
    """Costs of each set of the options `a` and `b`, as they are listed."""

    def __init__(self, **costs: int) -> None:
        super().__init__((), weigher()[0].price)
        self.costs = costs

    def of(self, options: Collection[Option] = ()) -> Any:
        chosen = "".join(sorted(option.change for option in options)) or "none"
        return SimpleNamespace(total=Decimal(self.costs[chosen]))


A, B = (Option(resource="it", change=name, group=name, loses="", adds=(LAKE,)) for name in "ab")


@pytest.mark.parametrize(
    ("costs", "chosen", "monthly"),
    [
        ({"none": 10, "a": 10, "b": 8, "ab": 5}, "ab", 5),  # the first saves something beside the second alone
        ({"none": 10, "a": 8, "b": 4, "ab": 5}, "b", 4),  # beside the second it costs something
    ],
)
def test_a_choice_is_made_again_when_another_has_changed_what_it_is_worth(
    costs: dict[str, int], chosen: str, monthly: int
) -> None:
    best = cheapest(Listed(**costs), [A, B])
    assert (int(best.monthly), {option.change for option in best.options}) == (monthly, set(chosen))


@pytest.mark.parametrize(("under", "enough"), [(11, ""), (10, "a"), (8, "ab"), (5, "ab")])
def test_enough_is_less_than_the_amount(under: int, enough: str) -> None:
    weighed = Listed(none=10, a=8, b=9, ab=5)
    taken = fewest(weighed, cheapest(weighed, [A, B]), Decimal(under))
    assert {option.change for option in taken.options} == set(enough)


def test_a_saving_that_rests_on_what_nobody_confirms_is_unsure() -> None:
    """How much an environment of Composer computes is nobody's published figure."""
    plan, _ = weigher(resource("gcp:composer/environment:Environment", "air", config={}))
    gone = Option(resource="air", change="none", group="all", loses="all", instead=())
    assert [each.confidence for each in advise(plan, [gone]) if each.option is gone] == ["low"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("a", "a: 1 -> 2"),
        ("list.1.b", "list.1.b: true -> 2"),
        ("list.2.b", "list.2.b: unset -> 2"),
        ("list.b", "list.b: unset -> 2"),
        ("text.0", "text.0: unset -> 2"),
        ("text", "text: words -> 2"),
    ],
)
def test_a_change_says_what_is_there_now(path: str, words: str) -> None:
    here = resource("gcp:other:Thing", "it", a=1, list=[{}, {"b": True}], text="words")
    assert change(here, path, 2) == words


def test_commitments_are_told_as_what_they_are() -> None:
    commitments = [each for each in advise(*weigher(DATABASE)) if each.option.group == "commitment sql"]
    assert [each.option.gives_up for each in commitments] == [{"no-commitment"}]


def test_every_requirement_is_given_up_by_something_that_the_samples_or_these_hold() -> None:
    composer = resource("gcp:composer/environment:Environment", "air", config={"resilienceMode": "HIGH_RESILIENCE"})
    _, options = weigher(
        *SAMPLES, DATABASE, WARM, LAKE, composer, lake={"monthly_written_gib": 1}, kept={"storage_gib": 1}
    )
    given = {name for option in options for name in option.gives_up}
    assert given <= set(REQUIREMENTS)
    assert given >= set(REQUIREMENTS) - {"region", "no-commitment", "log-history"}


PLAN = (DATABASE, WARM, LAKE, resource("gcp:compute/address:Address", "ip"))
USED: dict[str, dict[str, Any]] = {
    "db": {"monthly_cpu_hours": 1},
    "web": {"monthly_instance_seconds": 2_600_000},
    "lake": {"monthly_written_gib": 500, "object_mib": 64, "monthly_read_gib": 20_000},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "keep", [("nights",), ("ha", "history"), ("no-cold-start", "history"), ("cheap-reads", "capacity")]
)
def test_the_cheapest_set_is_the_cheapest_of_all_sets(keep: tuple[str, ...]) -> None:
    """Every choice of at most one option a group, priced."""
    weighed, options = weigher(*PLAN, **USED)
    permitted = [option for option in options if not option.gives_up & set(keep)]
    groups: dict[str, list[Any]] = {}
    for option in permitted:
        groups.setdefault(option.group, []).append(option)
    every = itertools.product(*([None, *each] for each in groups.values()))
    least = min(weighed.of([o for o in choice if o]).total for choice in every)
    best = cheapest(weighed, options, keep)
    assert abs(best.monthly - least) < Decimal("0.01")
    assert not any(option.gives_up & set(keep) for option in best.options)


def test_enough_is_under_the_amount_and_nothing_of_it_can_be_left_out() -> None:
    weighed, options = weigher(*PLAN, **USED)
    best = cheapest(weighed, options)
    under = (weighed.of().total + best.monthly) / 2
    enough = fewest(weighed, best, under)
    assert enough.monthly < under
    for left_out in enough.options:
        rest = [option for option in enough.options if option is not left_out]
        assert weighed.of(rest).total >= under


def test_together_is_not_the_sum_of_each_alone() -> None:
    """Half of the copies of a quarter of the machine: 793 and 592 alone, but less than their sum together."""
    weighed, options = weigher(DATABASE, db={"monthly_cpu_hours": Decimal("87.6")})
    alone = sum(each.monthly_saving for each in advise(weighed, options) if not each.option.group.startswith("commit"))
    assert weighed.of().total - cheapest(weighed, options).monthly < alone


def test_what_is_refused_is_in_no_set() -> None:
    weighed, options = weigher(DATABASE)
    refused = [replace(option, refused="not here") for option in options]
    assert cheapest(weighed, refused).options == ()
    assert cheapest(weighed, options, allowed=lambda chosen: len(chosen) < 2).options != ()


@pytest.mark.parametrize(("requests", "confidence"), [(1_500_000, "high"), (6_000_000, "medium")])
def test_a_saving_is_as_sure_as_most_of_what_changes(requests: int, confidence: str) -> None:
    """One vCPU of two less, of a service that keeps one instance: what idles saves 6.57 less what serves, what serves
    0.1 s x 0.000024 a request. Of 1.5 million requests that is 3.6 beside 6.195, of 6 million 14.4 beside 5.07."""

    def service(cpu: str) -> Resource:
        container = {"resources": {"limits": {"cpu": cpu, "memory": "1Gi"}, "cpuIdle": True}}
        template = {"scaling": {"minInstanceCount": 1}, "containers": [container]}
        return resource("gcp:cloudrunv2/service:Service", "web", template=template)

    plan, _ = weigher(service("2"), web={"monthly_requests": requests, "request_ms": 100})
    smaller = Option(resource="web", change="one vCPU", group="cpu", loses="speed", instead=(service("1"),))
    [saving] = advise(plan, [smaller])
    assert saving.confidence == confidence


def test_a_commitment_is_as_sure_as_the_rates_that_it_rests_on() -> None:
    """How much Composer computes nobody confirms; discounts of the others are a third party's. For a year 0.37 x 48.9183366 of
    the machine, 0.25 x (16 x 30.149 + 60 x 5.11) of the database, 0.006 x 8,760 DCU-hours of Composer."""
    machine = resource("gcp:compute/instance:Instance", "vm", machineType="e2-standard-2", bootDisk={"source": "x"})
    plan, _ = weigher(DATABASE, machine, resource("gcp:composer/environment:Environment", "air", config={}))
    savings = {each.option.resource: (plain(each.monthly_saving), each.confidence) for each in advise(plan, [])}
    assert savings == {
        "composer": ("52.56", "low"),
        "compute": ("18.099784542", "medium"),
        "sql": ("197.246", "medium"),
    }

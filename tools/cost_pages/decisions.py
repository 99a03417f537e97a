"""docs/cost.md: where the money goes, each decision beside the price of its alternative, and where it would turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from fastyle_policies.model import Resource
from fastyle_policies.pricing import Estimate
from fastyle_policies.pricing.blocks import pipe_table
from fastyle_policies.pricing.book import REFERENCE
from fastyle_policies.pricing.book import load as load_book
from fastyle_policies.pricing.lines import SECONDS
from fastyle_policies.pricing.report import money

from tools.cost_pages import dataflow
from tools.cost_pages.changes import Change, Costed, adding, setting, without
from tools.cost_pages.plot import Line, Mark, svg

LARGEST = 8
ZERO = Decimal(0)
_ENVIRONMENT = "gcp:composer/environment:Environment"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What was chosen, what else could have been, and what the choice is for; told of each plan that chose so."""

    chosen: str
    otherwise: str
    why: str
    holds: Callable[[Sequence[Resource]], bool] = lambda plan: True
    changes: Sequence[Change]


def _one(name: str, path: str, chosen: Any, otherwise: Any, words: tuple[str, str, str]) -> Decision:
    """A decision on one property of the resources of that name: `words` are what was chosen, otherwise, and why."""

    def holds(plan: Sequence[Resource]) -> bool:
        return any(r.name == name and r.get(path) == chosen for r in plan)

    return Decision(
        chosen=words[0], otherwise=words[1], why=words[2], holds=holds, changes=[setting(name, path, otherwise)]
    )


def _has(name: str) -> Callable[[Sequence[Resource]], bool]:
    return lambda plan: any(r.name == name or r.type == name for r in plan)


_MINIMUM = "minInstanceCount"
_WARM = ("api-service", f"template.scaling.{_MINIMUM}")


def _warm(plan: Sequence[Resource]) -> bool:
    return any(r.name == _WARM[0] and r.get(_WARM[1]) for r in plan)


def _instances(count: int) -> tuple[Change, ...]:
    return (
        setting("pos-api-function", f"serviceConfig.{_MINIMUM}", count),
        setting("inventory-sync-service", f"template.scaling.{_MINIMUM}", count),
        setting(*_WARM, count),
    )


def _ages(plan: Sequence[Resource]) -> bool:
    """Whether the lake's objects are in the coldest of the two classes after 90 days."""
    rules = [rule for r in plan if r.name == "lake-bucket" for rule in r.get("lifecycleRules") or []]
    return any(rule["action"].get("storageClass") == "COLDLINE" and rule["condition"]["age"] == 90 for rule in rules)


_DATABASE, _TIER = "database-instance", "settings.tier"
_SMALL, _USUAL, _LARGE = "1 vCPU, 3.75 GiB", "2 vCPUs, 7.5 GiB", "4 vCPUs, 15 GiB"
_FEW_PERCENT = "twenty branches use a few percent (docs/scale.md)"
_DELETED = [{"action": {"type": "Delete"}, "condition": {"age": 1095}}]

DECISIONS = (
    Decision(
        chosen="Cloud Scheduler and the runner",
        otherwise="Composer 3, the smallest",
        why="many times the rest of the stack, for one run a day",
        holds=lambda plan: not _has(_ENVIRONMENT)(plan),
        changes=[adding(_ENVIRONMENT, "composer", region=REFERENCE)],
    ),
    _one(
        *(_DATABASE, "settings.availabilityType", "REGIONAL", "ZONAL"),
        (
            "database in two zones",
            "in one zone",
            "a zone's failure stops no shop; every sale waits for this database only",
        ),
    ),
    _one(
        *(_DATABASE, _TIER, "db-custom-2-7680", "db-custom-1-3840"),
        (_USUAL, _SMALL, "400 connections instead of 100"),
    ),
    _one(*(_DATABASE, _TIER, "db-custom-2-7680", "db-custom-4-15360"), (_USUAL, _LARGE, _FEW_PERCENT)),
    _one(
        *(_DATABASE, _TIER, "db-f1-micro", "db-g1-small"),
        ("db-f1-micro", "db-g1-small", "25 connections are enough for one developer"),
    ),
    Decision(
        chosen="10 GB of SSD",
        otherwise="10 GB of HDD",
        why="not worth a slower start each morning",
        holds=lambda plan: any(r.name == _DATABASE and r.get("settings.diskSize") == 10 for r in plan),
        changes=[setting(_DATABASE, "settings.diskType", "PD_HDD")],
    ),
    Decision(
        chosen="database awake on weekdays from 08:00 to 20:00",
        otherwise="always on",
        why="deliveries wait in Pub/Sub for seven days without loss",
        holds=_has("database-stop-job"),
        changes=[without("database-start-job", "database-stop-job")],
    ),
    Decision(
        chosen="one warm instance of POS API, inventory and API",
        otherwise="none",
        why="no till and no shelf count waits for a cold start",
        holds=_warm,
        changes=_instances(0),
    ),
    Decision(
        chosen="scale to zero",
        otherwise="one warm instance of POS API, inventory and API",
        why="a developer can wait for a cold start",
        holds=lambda plan: not _warm(plan),
        changes=_instances(1),
    ),
    Decision(
        chosen="requests are billed",
        otherwise="instances of the API are (CPU always on)",
        why="it serves while a dashboard is open in working hours, and waits for the rest",
        holds=_warm,
        changes=[setting("api-service", "template.containers.0.resources.cpuIdle", False)],
    ),
    Decision(
        chosen="lake in nearline after 30 days, coldline after 90",
        otherwise="standard for three years",
        why="little at twenty branches; it grows with them, and nobody has to think of it",
        holds=_ages,
        changes=[setting("lake-bucket", "lifecycleRules", _DELETED)],
    ),
    Decision(
        chosen="direct VPC egress",
        otherwise="a VPC connector",
        why="nothing runs while nothing flows, and one thing less to size",
        changes=[adding("gcp:vpcaccess/connector:Connector", "connector", minInstances=2, region=REFERENCE)],
    ),
    Decision(
        chosen="Google's APIs by Private Google Access",
        otherwise="a NAT gateway",
        why="no workload needs the internet",
        changes=[adding("gcp:compute/routerNat:RouterNat", "nat", region=REFERENCE)],
    ),
    _one(
        *("logs-default", "retentionDays", 90, 30),
        ("logs kept for 90 days", "30 days", "a season's incidents can still be read"),
    ),
)


def where(costs: Costed) -> str:
    """The largest lines of an ordinary month, then the rest, then what free tiers give back."""
    estimate = costs.month()
    lines = sorted(estimate.lines(), key=lambda pair: (-pair[1].monthly, pair[0].name, pair[1].name))
    rows = [
        [
            f"{r.name}: {line.name}",
            "usage" if line.usage_based else "always",
            money(line.monthly),
            _share(line.monthly, estimate),
        ]
        for r, line in lines[:LARGEST]
    ]
    rest = sum((line.monthly for _, line in lines[LARGEST:]), ZERO)
    credits = -sum((c.monthly for c in estimate.credits), ZERO)
    rows += [[f"{len(lines) - LARGEST} further lines", "", money(rest), _share(rest, estimate)]]
    rows += [["free tiers of the billing account", "", money(credits), _share(credits, estimate)]]
    rows += [["**total**", "", f"**{money(estimate.total)}**", ""]]
    return "\n".join(pipe_table(["line", "", "USD a month", "share"], rows, left=2))


def _share(part: Decimal, of: Estimate) -> str:
    return f"{part / of.total * 100:.1f} %"


def decided(costs: Costed, scheduled: Costed | None) -> str:
    """A row a decision of the plan: what it costs to have decided otherwise. `scheduled`: it without Composer."""
    base = costs.month().total
    rows = [] if scheduled is None else [_orchestrators(costs, scheduled)]
    for d in (each for each in DECISIONS if each.holds(costs.document.resources)):
        other = costs.month(*d.changes).total
        rows.append([d.chosen, d.otherwise, d.why, money(other), signed(other - base)])
    return "\n".join(pipe_table(["chosen", "otherwise", "why", "month", "difference"], rows, left=3))


def signed(value: Decimal) -> str:
    return f"+{money(value)}" if value > 0 else money(value)


def _orchestrators(composer: Costed, scheduler: Costed) -> list[str]:
    """The stack planned with the other orchestrator, as a row of `decided`."""
    before, after = composer.month().total, scheduler.month().total
    why = "Airflow's retries, history and backfills, and people who know it"
    return ["Composer", "Cloud Scheduler and the runner", why, money(after), signed(after - before)]


def exports(costs: Costed, **variables: Decimal) -> Decimal:
    """USD a month of the four export subscriptions."""
    estimate = costs.month(variables=variables)
    return sum((line.monthly for _, line in estimate.lines() if line.rate.id.endswith("-export")), ZERO)


def break_even_branches(costs: Costed) -> int:
    """Branches from which on the smallest Dataflow job would be cheaper than the exports: they cost by the byte."""
    twenty = exports(costs, branches=Decimal(20))
    return int((dataflow.smallest_job() / twenty * 20).to_integral_value(ROUND_CEILING))


def half_by_usage(costs: Costed) -> int:
    """The least number of branches with which an ordinary month costs as much by usage as for what is always on."""

    def enough(branches: int) -> bool:
        estimate = costs.month(variables={"branches": Decimal(branches)})
        return estimate.usage >= estimate.fixed

    low, high = 1, 100_000
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low


def turns(costs: Costed) -> str:
    """Break-even points, each by the rates that decide it."""
    book = load_book()

    def price(rate: str) -> Decimal:
        return book.rate(rate, REFERENCE)[0].price

    a_gib = price("pubsub.bigquery-export") + price("pubsub.storage-export")
    tib = dataflow.smallest_job() / a_gib / 1024
    busy = price("run.instance-cpu") / price("run.request-cpu")
    standard, coldline = price("storage.standard"), price("storage.coldline")
    reads = (standard - coldline) * 12 / price("storage.coldline-retrieval")
    idle = price("run.idle-cpu") * SECONDS
    even = half_by_usage(costs)
    rows = [
        [
            "always on, or by usage",
            f"{even:,} branches",
            "from there on more than half of the bill follows trade",
        ],
        [
            "export subscriptions, or a Dataflow job",
            f"{tib:.1f} TiB of messages a month: {break_even_branches(costs):,} branches",
            f"{money(dataflow.smallest_job())} a month for the smallest job, against {a_gib * 1024:.0f} a TiB for both exports",
        ],
        [
            "requests billed, or instances",
            f"an instance busy for {busy * 100:.0f} % of the time",
            f"{price('run.request-cpu')} a vCPU-second while it serves, against {price('run.instance-cpu')} always",
        ],
        [
            "coldline, or standard, for old trade",
            f"everything read {reads:.0f} times a year",
            f"{standard - coldline} a GiB and month saved, against {price('storage.coldline-retrieval')} a GiB read",
        ],
        [
            "a warm instance, or cold starts",
            f"{idle / price('run.request-cpu') / 3600:,.0f} busy hours a month",
            f"{money(idle)} a month for an idle vCPU: from there on it is warm anyway",
        ],
    ]
    return "\n".join(pipe_table(["choice", "turns at", "because"], rows, left=3))


def plot(composer: Costed, scheduler: Costed) -> str:
    """Cost by the number of branches: the whole stack, either way, and exports against Dataflow."""
    sizes = [Decimal(n) for n in (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000, 1_000_000)]
    job = dataflow.smallest_job()

    def line(name: str, cost: Callable[[Decimal], Decimal]) -> Line:
        return Line(name, [(float(n), round(float(cost(n)), 4)) for n in sizes])

    turn, even = break_even_branches(composer), half_by_usage(composer)
    return svg(
        f"A month of {composer.stack}, by branches",
        "branches",
        "USD a month",
        [
            line("all, with Composer", lambda n: composer.month(variables={"branches": n}).total),
            line("all, with the scheduler", lambda n: scheduler.month(variables={"branches": n}).total),
            line("of which export subscriptions", lambda n: exports(composer, branches=n)),
            line("the smallest Dataflow job", lambda n: job),
        ],
        [
            Mark(float(turn), float(job), f"exports cost a job: {turn:,} branches"),
            Mark(
                float(even),
                float(composer.month(variables={"branches": Decimal(even)}).total),
                f"half by usage: {even:,} branches",
            ),
        ],
    )

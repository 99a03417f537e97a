"""docs/scale.md: 20, 200 and 2,000 branches: how much flows, what is full first, what to change, what it costs."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from functools import cache

from fastyle_policies.pricing.blocks import pipe_table
from fastyle_policies.pricing.report import money
from fastyle_policies.pricing.usage import Days, UsageFile

from infra.config import load_config
from ops.cost import Request, usage_of
from tools.cost_pages.changes import Change, Costed, setting
from workloads.pos_api.catalogue import SAMPLE, SAMPLES

SIZES = (20, 200, 2000)
PEAK_HOUR = Decimal("0.12")  # share of a day's trade in its busiest hour (workloads/pos_api/demand.py)
BURST = Decimal(3)  # the busiest minute against its hour's average: assumed
ONE_BRANCH = Decimal("0.15")  # share of trade of the busiest of twenty branches (the same)
LIMITS = "https://docs.cloud.google.com"


@dataclass(frozen=True)
class Load:
    """What a size makes of a sale day's busiest minute, by the coefficients that were measured."""

    branches: int
    usage: UsageFile  # of a month of sale days
    months: UsageFile  # as it is, for an ordinary month

    def measured(self, name: str) -> Decimal:
        return self.usage.variable(name)

    def ordinary(self, name: str) -> Decimal:
        """A variable's value in an ordinary month."""
        return self.months.variable(name)

    @property
    def events_a_day(self) -> Decimal:
        return self.usage.variable("events") / self.usage.variable("days")

    @property
    def events_a_second(self) -> Decimal:
        return self.events_a_day * PEAK_HOUR / 3600 * BURST

    @property
    def message_bytes(self) -> Decimal:
        """Of an average event."""
        sales, changes = self.usage.variable("sales"), self.usage.variable("changes")
        total = sales * self.measured("sale_bytes") + changes * self.measured("change_bytes")
        return total / (sales + changes)

    @property
    def bytes_a_second(self) -> Decimal:
        return self.events_a_second * self.message_bytes


def load(costs: Costed, branches: int) -> Load:
    """The load of a sale day. Every month of a usage file has some; the variables of one day are what counts."""
    months = usage_of(Request(stack=costs.stack)).with_variables({"branches": Decimal(branches)})
    usage = months.for_month("sale")
    only_sale_days = usage.document.model_copy(update={"calendar": {"sale": Days(sale=Decimal(30))}})
    return Load(branches, replace(usage, document=only_sale_days), months)


@dataclass(frozen=True, kw_only=True)
class Limit:
    """Something that can be full: how much of it a load uses, in the unit of `limit`, and who says where it ends."""

    what: str
    unit: str
    limit: Decimal
    source: str
    used: Callable[[Load], Decimal]


def _instances(cpu_ms: str) -> Callable[[Load], Decimal]:
    return lambda load: load.events_a_second * load.measured(cpu_ms) / 1000


def _watching(load: Load) -> Decimal:
    """Instances of the API: as many as hold the live streams, for Cloud Run starts another at 60 % of an instance's
    requests, or as answer people who look once a minute."""
    people = Decimal(load.branches) * 3
    return max(people / 48, people / 60 * load.measured("api_cpu_ms") / 1000)


_PUBSUB = f"[Pub/Sub quotas]({LIMITS}/pubsub/quotas)"


def _quota(
    what: str, kilobytes: Decimal, source: str, used: Callable[[Load], Decimal] = lambda load: load.bytes_a_second
) -> Limit:
    """A quota of Google on the bytes of a second."""
    return Limit(what=what, unit="kB/s", limit=kilobytes, source=source, used=lambda load: used(load) / 1000)


def limits(costs: Costed) -> tuple[Limit, ...]:
    """What can be full in a stack: what its configuration sets, and Google's quotas."""
    config = load_config(costs.document.config)
    services, composer = config.workloads, config.airflow
    cpus, memory = machine(config.database.tier)
    workers = f"; Composer's workers have {composer.worker_memory_gb:g} GiB" if composer else ""
    skus = catalogue_size()
    return (
        Limit(
            what="POS API, instances of one vCPU",
            unit="instances",
            limit=Decimal(services.pos_api.maximum_instances or 0),
            source="`fastyle:workloads.pos_api.maximum_instances`",
            used=_instances("pos_api_cpu_ms"),
        ),
        Limit(
            what="inventory-sync, instances of one vCPU",
            unit="instances",
            limit=Decimal(services.inventory_sync.maximum_instances or 0),
            source="`fastyle:workloads.inventory_sync.maximum_instances`",
            used=_instances("inventory_sync_cpu_ms"),
        ),
        Limit(
            what="API, instances: three open dashboards a branch, whose live streams take 48 of an instance's 80 requests",
            unit="instances",
            limit=Decimal(services.api.maximum_instances or 0),
            source="`fastyle:workloads.api.maximum_instances`",
            used=_watching,
        ),
        Limit(
            what="database, connections: 2 writers an instance of inventory-sync, 5 an instance of the API, 3 of the pipeline",
            unit="connections",
            limit=Decimal(connections(memory)),
            source=f"[Cloud SQL flags]({LIMITS}/sql/docs/postgres/flags): max_connections of {memory.normalize()} GiB",
            used=lambda load: _up(_instances("inventory_sync_cpu_ms")(load)) * 2 + _up(_watching(load)) * 5 + 3,
        ),
        Limit(
            what="pipeline, memory for comparing stock with live inventory: 1 kB a shelf",
            unit="MiB",
            limit=mebibytes(services.pipeline.memory or "512Mi"),
            source=f"`fastyle:workloads.pipeline.memory`{workers}",
            used=lambda load: Decimal(load.branches) * skus * 1000 / 1024**2,
        ),
        _quota(
            "one ordering key: the busiest branch of twenty",
            Decimal(1000),
            f"{_PUBSUB}: 1 MB/s a key; none of our subscriptions orders",
            lambda load: load.bytes_a_second / load.branches * 20 * ONE_BRANCH,
        ),
        _quota("push to inventory-sync", Decimal(440_000), f"{_PUBSUB}: 440 MB/s in a large region"),
        _quota("publish, and each export subscription", Decimal(4_000_000), f"{_PUBSUB}: 4 GB/s in a large region"),
        _quota(
            "BigQuery's Storage Write API under the export",
            Decimal(300_000),
            f"[BigQuery quotas]({LIMITS}/bigquery/quotas): 300 MB/s a region",
        ),
        Limit(
            what="database, vCPUs",
            unit="vCPUs",
            limit=Decimal(cpus),
            source="`fastyle:database.tier`",
            used=_instances("database_cpu_ms"),
        ),
        Limit(
            what="database, disk after three years of ordinary months",
            unit="GB",
            limit=Decimal(config.database.disk_limit_gb or 0),
            source="`fastyle:database.disk_limit_gb`",
            used=lambda load: load.ordinary("events") * 36 * load.measured("event_database_bytes") / 1000**3,
        ),
        Limit(
            what="bytes billed of the dearest statement",
            unit="GiB",
            limit=Decimal(config.warehouse.maximum_bytes_billed) / 1024**3,
            source="`fastyle:warehouse.maximum_bytes_billed`",
            used=lambda load: (
                load.measured("sales") / load.measured("days") * load.measured("statement_scan_bytes") / 1024**3
            ),
        ),
        Limit(
            what="DML statements on one table at a time",
            unit="running",
            limit=Decimal(2),
            source=f"[BigQuery quotas]({LIMITS}/bigquery/quotas): 2 running and 20 queued",
            used=lambda load: Decimal(1),
        ),
        Limit(
            what="partitions of the history after three years",
            unit="days",
            limit=Decimal(10_000),
            source=f"[BigQuery quotas]({LIMITS}/bigquery/quotas): 10,000 a table",
            used=lambda load: Decimal(365 * 3),
        ),
    )


def machine(tier: str) -> tuple[int, Decimal]:
    """vCPUs and GiB of memory of a Cloud SQL tier `db-custom-<vCPU>-<MB>`."""
    cpus, megabytes = tier.removeprefix("db-custom-").split("-")
    return int(cpus), Decimal(megabytes) / 1024


def connections(memory: Decimal) -> int:
    """Cloud SQL's default of max_connections: https://cloud.google.com/sql/docs/postgres/flags#postgres-m"""
    steps = ((120, 1000), (60, 800), (30, 600), (15, 500), (Decimal("7.5"), 400), (6, 200))
    return next((most for least, most in steps if memory >= least), 100)


def mebibytes(amount: str) -> Decimal:
    """The memory of a service, such as 512Mi or 4Gi."""
    return Decimal(amount[:-2]) * {"Mi": 1, "Gi": 1024}[amount[-2:]]


@cache
def catalogue_size() -> int:
    """SKUs of the sample catalogue."""
    with (SAMPLES / SAMPLE / "products.csv").open(encoding="utf-8", newline="") as file:
        return len({row["sku"] for row in csv.DictReader(file)})


def _up(value: Decimal) -> Decimal:
    return value.to_integral_value(ROUND_CEILING)


@dataclass(frozen=True, kw_only=True)
class Size:
    """The settings of `prod` that carry a number of branches, as Pulumi.prod.yaml has them and as the plan changes."""

    branches: int
    settings: Sequence[str]
    changes: Sequence[Change]


PLANS = (
    Size(branches=20, settings=["as it is"], changes=[]),
    Size(
        branches=200,
        settings=["`workloads.api.maximum_instances: 13`; `database.disk_limit_gb` before three years are over"],
        changes=[],
    ),
    Size(
        branches=2000,
        settings=[
            "`workloads.api.maximum_instances: 125`, `database.disk_limit_gb: 4000`, `database.tier: db-custom-4-15360`, "
            '`database.flags: {max_connections: "700"}`',
            "the ceilings of policies `tier-ceiling` and `spend-ceiling`",
        ],
        changes=[setting("database-instance", "settings.tier", "db-custom-4-15360")],
    ),
)


def flow(costs: Costed) -> str:
    """What a sale day brings at each size."""
    loads = [load(costs, n) for n in SIZES]
    rows = [
        ["events a sale day", *(f"{x.events_a_day:,.0f}" for x in loads)],
        ["events a second, busiest minute", *(f"{x.events_a_second:,.1f}" for x in loads)],
        ["bytes a second into each topic's subscriptions", *(f"{x.bytes_a_second:,.0f}" for x in loads)],
        ["shelves (branch and SKU)", *(f"{x.branches * catalogue_size():,}" for x in loads)],
        ["history a year, GiB", *(f"{_history(x):,.1f}" for x in loads)],
    ]
    return "\n".join(pipe_table(["", *(f"{n:,} branches" for n in SIZES)], rows))


def _history(x: Load) -> Decimal:
    """GiB that a year of ordinary months adds to the flattened history and the event log."""
    kept = x.ordinary("sales") * x.measured("sale_history_bytes")
    kept += x.ordinary("changes") * x.measured("change_history_bytes")
    return (kept + x.ordinary("events") * x.measured("event_log_bytes")) * 12 / 1024**3


def saturation(costs: Costed) -> str:
    """How full each thing is at each size, the fullest at the largest size first."""
    loads = [load(costs, n) for n in SIZES]
    order = sorted(limits(costs), key=lambda limit: -limit.used(loads[-1]) / limit.limit)
    rows = [
        [
            limit.what,
            limit.source,
            f"{limit.limit:,.0f} {limit.unit}",
            *(_percent(limit.used(x) / limit.limit) for x in loads),
        ]
        for limit in order
    ]
    return "\n".join(pipe_table(["what", "limit by", "limit", *(f"{n:,}" for n in SIZES)], rows, left=2))


def _percent(share: Decimal) -> str:
    percent = share * 100
    shown = f"{percent:,.0f} %" if percent >= 1 else f"{percent:.1g} %" if percent >= Decimal("0.001") else "<0.001 %"
    return f"**{shown}**" if share > 1 else shown


def costs(costs: Costed) -> str:
    """What each size costs, with the settings that carry it."""
    rows = []
    for size in PLANS:
        variables = {"branches": Decimal(size.branches)}
        ordinary, sale = (
            costs.month(*size.changes, month=month, variables=variables) for month in ("ordinary", "sale")
        )
        rows.append(
            [
                f"{size.branches:,}",
                "; ".join(size.settings),
                money(ordinary.total),
                money(sale.total),
                money(ordinary.total / size.branches),
                f"{ordinary.total / ordinary.unit_costs['1,000 transactions']:,.4f}",
            ]
        )
    head = [
        "branches",
        "`fastyle:` settings that change",
        "ordinary month",
        "sale month",
        "a branch",
        "1,000 transactions",
    ]
    return "\n".join(pipe_table(head, rows, left=2))

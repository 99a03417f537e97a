"""How long an estimate takes: a preview of 200 priced resources, from its text to the table, beside decoding its JSON.

`python -m tools.bench.estimate` measures this alone; no stack is needed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from fastyle_policies.pricing import documents, estimate, report
from fastyle_policies.pricing.usage import parse

RESOURCES = 200
REPEATS = 5
LARGER = (2_000, 20_000)
# Kinds of resources that a data platform has many of, each with what decides its price.
KINDS: dict[str, dict[str, Any]] = {
    "gcp:pubsub/topic:Topic": {"messageRetentionDuration": "604800s"},
    "gcp:pubsub/subscription:Subscription": {
        "topic": "projects/p/topics/sales-topic",
        "bigqueryConfig": {"table": "t"},
    },
    "gcp:storage/bucket:Bucket": {
        "location": "US-CENTRAL1",
        "lifecycleRules": [
            {"action": {"type": "SetStorageClass", "storageClass": "NEARLINE"}, "condition": {"age": 30}},
            {"action": {"type": "Delete"}, "condition": {"age": 365}},
        ],
    },
    "gcp:bigquery/table:Table": {"timePartitioning": {"type": "DAY", "expirationMs": "7776000000"}},
    "gcp:cloudrunv2/service:Service": {"template": {"containers": [{"resources": {"limits": {"cpu": "1"}}}]}},
    "gcp:cloudscheduler/job:Job": {"schedule": "0 6 * * *"},
    "gcp:sql/databaseInstance:DatabaseInstance": {"settings": {"tier": "db-custom-2-7680", "diskSize": 100}},
    "gcp:secretmanager/secretVersion:SecretVersion": {"secret": "projects/p/secrets/s"},
}


# Formulas by kind of day, for patterns that each match many resources.
USAGE = "version: 1\nvariables:\n  sales: {quiet: 500, ordinary: 800, sale: 2400}\nresource_usage:\n" + "".join(
    f'  "r-{n}*": {{monthly_messages: sales * {n}, storage_gib: sales / 7, monthly_requests: sales * 3}}\n'
    for n in range(1, 10)
)


def preview(count: int = RESOURCES) -> str:
    """A preview's JSON with `count` resources: each subscription has a topic of its own, each version a secret."""
    steps = []
    for n in range(count):
        type_, inputs = list(KINDS.items())[n % len(KINDS)]
        urn = f"urn:pulumi:bench::bench::{type_}::r-{n}"
        own = {"topic": f"projects/p/topics/r-{n - 1}", "secret": f"projects/p/secrets/r-{n}"}
        inputs = {**inputs, **{key: value for key, value in own.items() if key in inputs}, "name": f"r-{n}"}
        state = {"urn": urn, "custom": True, "type": type_, "inputs": inputs}
        steps.append({"op": "create", "urn": urn, "newState": state})
    return json.dumps({"config": {"gcp:region": "us-central1"}, "steps": steps, "changeSummary": {"create": count}})


def of_200_resources() -> dict[str, float]:
    """Seconds from both texts to the table, the best of `REPEATS`, and how many times decoding the JSON that is.

    Of plans of 2,000 and 20,000 resources once each, which only the seconds are told of.
    """
    text = preview()
    seconds, decoding = _best(lambda: _whole(text)), _best(lambda: json.loads(text))
    return {
        "resources": RESOURCES,
        "seconds": round(seconds, 4),
        "times_decoding_its_json": round(seconds / decoding, 1),
        **{f"seconds_of_{count}": round(_once(preview(count)), 2) for count in LARGER},
    }


def _whole(text: str) -> None:
    estimated = estimate(documents.parse(text).resources, parse(USAGE))
    assert len(estimated.resources) >= RESOURCES
    report.as_table(estimated, datetime.now(UTC).date())


def _once(text: str) -> float:
    started = time.perf_counter()
    _whole(text)
    return time.perf_counter() - started


def _best(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


if __name__ == "__main__":
    print(json.dumps(of_200_resources()))

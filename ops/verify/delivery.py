"""Every subscription of the stack: that it is there and well, what waits in it, and what died."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from google.api_core.exceptions import GoogleAPIError, NotFound, PermissionDenied
from google.pubsub_v1.types import Subscription

from ops.checks import Check, failed, passed, unknown
from ops.endpoints import Endpoints
from ops.errors import OperatorError
from ops.google import access_token, request
from ops.redrive import clients
from ops.verify.program import Resource
from ops.verify.stores import Stores, first_line

TYPE = "gcp:pubsub/subscription:Subscription"
HOLD = "-dead-letter-hold"
BEHIND_SECONDS = 900.0
_ANY = "see that it exists and that Pub/Sub's agent may write there"
# Why an export cannot write: `State` of `BigQueryConfig` and `CloudStorageConfig` in Pub/Sub's reference.
_REASONS = {
    "STATE_UNSPECIFIED": ("", _ANY),
    "ACTIVE": ("", _ANY),
    "PERMISSION_DENIED": (
        ": Pub/Sub's agent may not",
        "`pulumi up --refresh` grants it again; if it stays, a policy of your organisation or a perimeter denies it",
    ),
    "NOT_FOUND": (": it does not exist", "`pulumi up --refresh` makes it again"),
    "SCHEMA_MISMATCH": (
        ": it does not fit the topic's schema",
        "`pulumi up --refresh` makes both as the program has them; until then the messages wait",
    ),
}
_MONITORING = "https://monitoring.googleapis.com/v3"


def subscriptions(endpoints: Endpoints, declared: list[Resource]) -> dict[str, Check]:
    """The state of each subscription by its short name."""
    _, subscriber = clients(endpoints)
    checks = {}
    for name in sorted(resource.id for resource in declared if resource.type == TYPE):
        short = name.rpartition("/")[2]
        try:
            checks[short] = _judged(short, subscriber.get_subscription(subscription=name, timeout=20))
        except NotFound:
            checks[short] = failed(short, f"{short} does not exist", "`pulumi up --refresh` makes it again")
        except PermissionDenied as error:
            checks[short] = unknown(short, f"{short} may not be read: {first_line(error)}")
        except GoogleAPIError as error:
            checks[short] = failed(short, f"{short}: {first_line(error)}", "see `fastyle status`")
    return checks


def _judged(name: str, subscription: Subscription) -> Check:
    error = Subscription.State.RESOURCE_ERROR
    if subscription.detached:
        return failed(name, f"{name} is detached from its topic", "`pulumi up --refresh` makes it again")
    if subscription.state == error:
        table, bucket = subscription.bigquery_config, subscription.cloud_storage_config
        where = table.table or bucket.bucket or "its destination"
        reason = (table if table.table else bucket).state.name
        detail, mend = _REASONS.get(reason, (f" ({reason})", _ANY))
        return failed(name, f"{name} cannot write to {where}{detail}", mend)
    return passed(name, "active")


def summary(states: dict[str, Check]) -> Check:
    """One check of all of them: those that failed, by name."""
    name = "subscriptions"
    for state, make in (("failed", failed), ("unknown", unknown)):
        if bad := [check for check in states.values() if check.state == state]:
            mends = "; ".join(dict.fromkeys(check.mend for check in bad if check.mend))
            return make(name, "; ".join(check.detail for check in bad), mends)
    if not states:
        return failed(name, "the stack's state holds no subscription", "run `pulumi up`")
    return passed(name, f"{len(states)} subscriptions exist and deliver")


def waiting(stores: Stores, names: list[str]) -> list[Check]:
    """What waits in the subscriptions that deliver, and in those that hold dead letters."""
    try:
        oldest, undelivered = _local(stores) if stores.is_local else _cloud(stores.endpoints)
    except OperatorError as error:
        return [unknown(name, f"not seen: {error}") for name in ("backlog", "dead-letters")]
    behind = [
        f"{name}: {oldest[name]:.0f} s"
        for name in names
        if not name.endswith(HOLD) and oldest.get(name, 0) > BEHIND_SECONDS
    ]
    dead = {name: undelivered[name] for name in names if name.endswith(HOLD) and undelivered.get(name, 0) > 0}
    most = max((oldest.get(name, 0) for name in names if not name.endswith(HOLD)), default=0)
    return [
        failed("backlog", f"events wait too long: {', '.join(behind)}", "see docs/operations/alerts.md#backlog")
        if behind
        else passed("backlog", f"no event waits longer than {max(most, 0):.0f} s"),
        failed(
            "dead-letters",
            ", ".join(f"{count:.0f} in {name}" for name, count in dead.items()),
            "read why with `fastyle redrive TOPIC --dry-run`: docs/operations/alerts.md#dead-letters",
        )
        if dead
        else passed("dead-letters", "there is none"),
    ]


def _local(stores: Stores) -> tuple[dict[str, float], dict[str, float]]:
    stats = stores.statistics()
    oldest = {name: float(row.get("oldest_unacked_seconds") or 0) for name, row in stats.items()}
    return oldest, {name: float(row["backlog"]) for name, row in stats.items()}


def _cloud(endpoints: Endpoints) -> tuple[dict[str, float], dict[str, float]]:
    """The newest points of Cloud Monitoring, which are two minutes old."""
    checks = []
    for metric in ("oldest_unacked_message_age", "num_undelivered_messages"):
        points = _series(endpoints.project, f"pubsub.googleapis.com/subscription/{metric}")
        checks.append({s["resource"]["labels"]["subscription_id"]: _newest(s) for s in points})
    return checks[0], checks[1]


def _series(project: str, metric: str) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    headers = {"authorization": f"Bearer {access_token()}"}
    series: list[dict[str, Any]] = []
    token = ""
    while True:
        asked = {
            "filter": f'metric.type = "{metric}"',
            "interval.startTime": (now - timedelta(minutes=10)).isoformat().replace("+00:00", "Z"),
            "interval.endTime": now.isoformat().replace("+00:00", "Z"),
            "pageToken": token,
        }
        answer = request("GET", f"{_MONITORING}/projects/{project}/timeSeries?{urlencode(asked)}", headers=headers)
        series += answer.get("timeSeries", [])
        token = answer.get("nextPageToken", "")
        if not token:
            return series


def _newest(series: dict[str, Any]) -> float:
    """The newest of a series' points, which come newest first."""
    value = series["points"][0]["value"]
    return float(value.get("int64Value", value.get("doubleValue", 0)))

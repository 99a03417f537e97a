"""Options of what stands around: logs beyond the free days, Airflow, addresses that nothing uses."""

from __future__ import annotations

from collections.abc import Iterator

from fastyle_policies.model import Resource, leaves, number
from fastyle_policies.pricing.advice.model import REMOVED, Option, setting
from fastyle_policies.pricing.services.composer import RESILIENT
from fastyle_policies.pricing.services.plan import PricedPlan

FREE_LOG_DAYS = 30


def log_retention(bucket: Resource, plan: PricedPlan) -> Iterator[Option]:
    """Logs for the 30 days that are in the price."""
    if (number(bucket.get("retentionDays")) or 0) > FREE_LOG_DAYS:
        loses, days = f"logs older than {FREE_LOG_DAYS} days cannot be read", {"retentionDays": FREE_LOG_DAYS}
        yield setting(bucket, days, loses=loses, gives_up="log-history", group="retention", rests_on_usage=True)


def resilience(environment: Resource, plan: PricedPlan) -> Iterator[Option]:
    """Airflow in one zone instead of two."""
    path = "config.resilienceMode"
    if environment.get(path) == RESILIENT:
        loses = "a zone's outage stops Airflow until the zone is back"
        yield setting(environment, {path: "STANDARD_RESILIENCE"}, loses=loses, gives_up="ha")


def instead_of_composer(environment: Resource, plan: PricedPlan) -> Iterator[Option]:
    """No Airflow: a schedule that calls a service, which is free for the first three jobs of an account."""
    words = "removed; a Cloud Scheduler job that calls a service or job runs the pipeline"
    loses = "Airflow: retries by task, history, backfills, its user interface; its DAGs become a program of their own"
    yield setting(environment, {"": REMOVED}, words, loses=loses, gives_up="airflow", group="orchestrator")


def idle_address(address: Resource, plan: PricedPlan) -> Iterator[Option]:
    """No external address that nothing of the plan takes."""
    if address.get("addressType") == "INTERNAL" or _is_used(address, plan):
        return
    words, loses = (
        "removed: nothing in the plan uses it",
        "the address; something outside the plan may use it: look before",
    )
    away = {"": REMOVED}
    yield setting(address, away, words, loses=loses, gives_up="addresses", group="address", rests_on_usage=True)


def _is_used(address: Resource, plan: PricedPlan) -> bool:
    """Whether a property of another resource was computed from the address, or says its name or number."""
    own = {value for path in ("name", "address", "id", "selfLink") if isinstance(value := address.get(path), str)}
    for other in plan.resources:
        if other.urn == address.urn:
            continue
        if any(address.urn in urns for urns in other.references.values()):
            return True
        texts = (value for value in leaves(other.props) if isinstance(value, str))
        if own and any(text in own or text.rpartition("/")[2] in own for text in texts):
            return True
    return False

"""`fastyle verify --stack S`: every check in an order in which each can rely on those before it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import yaml

from ops.checks import Check, Checklist, failed, passed, unknown
from ops.endpoints import Endpoints, load_endpoints
from ops.errors import OperatorError
from ops.folders import REPOSITORY
from ops.google import NoCredentials
from ops.verify import delivery, entrances, program, reports, watching
from ops.verify.journey import Journey, credential
from ops.verify.marked import marked_trade
from ops.verify.stores import Stores
from workloads.events.verification import LOCATION_ID

ORDER = [
    "subscriptions", "pos-api", "raw-table", "lake", "live-inventory", "pipeline", "pipeline-input", "pipeline-repeat",
    "marts", "read-model", "live-views", "counts-nowhere", "api-stranger", "api-person", "api-program", "dashboard",
    "backlog", "dead-letters", "alerts", "objectives", "preview",
]  # fmt: skip
_ERRORS = "see docs/operations/alerts.md#errors"
_LAKE_BATCH_SECONDS = 600  # the longest that Pub/Sub keeps a file open


def run(stack: str, *, token: str | None = None, as_json: bool = False) -> bool:
    """Verify a stack and print what was found; True when nothing failed.

    Raises:
        OperatorError: there is no such stack, or it is not up.
    """
    endpoints = load_endpoints(stack)
    checklist = Checklist(quiet=False)
    with ThreadPoolExecutor(8, thread_name_prefix="verify") as pool:
        Verification(endpoints, checklist, pool).run(token)
    return checklist.show(f"Stack {stack}", ORDER, as_json=as_json)


def quick(endpoints: Endpoints) -> list[Check]:
    """What can be seen in seconds without any trade: deliveries, API, dashboard. `make up` ends with it."""
    checklist = Checklist(quiet=True)
    with ThreadPoolExecutor(1) as pool:
        Verification(endpoints, checklist, pool).look()
    return checklist.checks


class Verification:
    """One run over one stack. What depends on something that failed is unknown: one cause is named once."""

    def __init__(self, endpoints: Endpoints, checklist: Checklist, pool: ThreadPoolExecutor) -> None:
        self._endpoints, self._checklist, self._pool = endpoints, checklist, pool
        self._stores = Stores(endpoints)
        self._declared: list[program.Resource] | None = None

    def run(self, token: str | None) -> None:
        preview = self._pool.submit(self._attempt, "preview", lambda: program.preview(self._endpoints.stack))
        try:
            self._declared = program.resources(self._endpoints.stack)
        except OperatorError as error:
            self._state_unknown(str(error))
        around = self._pool.submit(self._around)
        subscriptions = self._subscriptions()
        journey = self._journey(token, subscriptions)
        self._reports(journey)
        self._waiting(list(subscriptions))
        around.result()
        preview.result()

    def look(self) -> None:
        """Only what needs no trade, no run and no preview."""
        try:
            self._declared = program.resources(self._endpoints.stack)
        except OperatorError as error:
            self._state_unknown(str(error))
        self._waiting(list(self._subscriptions()))
        self._around()

    def _state_unknown(self, reason: str) -> None:
        words = " ".join(reason.split())[-300:]
        for name in ("subscriptions", "alerts", "objectives"):
            self._checklist.add(
                unknown(name, f"the stack's state cannot be read here: {words}", "run it where `pulumi up` is run")
            )

    def _subscriptions(self) -> dict[str, Check]:
        if self._declared is None:
            return {}
        try:
            checks = delivery.subscriptions(self._endpoints, self._declared)
        except OperatorError as error:
            self._checklist.add(failed("subscriptions", str(error), "see `fastyle status`"))
            return {}
        self._checklist.add(delivery.summary(checks))
        return checks

    def _journey(self, token: str | None, subscriptions: dict[str, Check]) -> Journey | None:
        """Send, and follow to the three stores side by side; None when nothing was accepted or reached raw tables."""
        endpoints, add = self._endpoints, self._checklist.add
        journey = Journey(self._stores, marked_trade(endpoints.currency, datetime.now(UTC)), subscriptions)
        given = token or endpoints.api_token or None
        try:
            with credential(endpoints, "pos_credentials", [LOCATION_ID], given) as bearer:
                sent = add(journey.send(bearer, is_new=given is None))
        except OperatorError as error:
            sent = add(
                unknown("pos-api", f"no credential can be issued: {error}", "give a token with --token")
                if given is None
                else failed("pos-api", str(error), _ERRORS)
            )
        if sent.state != "passed":
            for name in ("raw-table", "lake", "live-inventory"):
                add(unknown(name, "not followed: the marked trade was not accepted, see `pos-api`"))
            return None
        hops = [
            self._pool.submit(self._attempt, "raw-table", journey.raw),
            self._pool.submit(self._attempt, "live-inventory", journey.live_inventory),
            self._pool.submit(self._attempt, "lake", lambda: journey.lake(_LAKE_BATCH_SECONDS)),
        ]
        raw = hops[0].result()
        for hop in hops:
            hop.result()
        return journey if raw.state == "passed" else None

    def _reports(self, journey: Journey | None) -> None:
        add = self._checklist.add
        pipeline = reports.Pipeline(self._stores)
        first, _ = pipeline.run("pipeline")
        add(first)
        if first.state != "passed":
            for name in ("pipeline-input", "pipeline-repeat", "marts", "read-model"):
                add(unknown(name, "not tried: the run before it did not succeed, see `pipeline`"))
        else:
            if journey is None:
                add(unknown("pipeline-input", "no marked trade reached the raw tables, see above"))
            else:
                since = journey.since()
                self._attempt("pipeline-input", lambda: pipeline.took(since))
            add(self._repeat(pipeline))
            self._several(("marts", "read-model"), lambda: reports.agreement(self._stores, pipeline.published))
        self._attempt("live-views", lambda: reports.live_views(self._stores, analysts(self._endpoints.stack)))
        self._attempt("counts-nowhere", lambda: reports.no_trace(self._stores))

    def _repeat(self, pipeline: reports.Pipeline) -> Check:
        check, report = pipeline.run("pipeline-repeat")
        if report is None:
            return check
        loaded = sum(n for key, n in report.get("counts", {}).items() if key.endswith("_loaded"))
        if loaded:
            return passed(check.name, f"{check.detail}, which others sent meanwhile")
        return passed(check.name, f"{check.detail.partition(' and ')[0]} with nothing new")

    def _waiting(self, names: list[str]) -> None:
        if names:
            for check in delivery.waiting(self._stores, names):
                self._checklist.add(check)
        else:
            for name in ("backlog", "dead-letters"):
                self._checklist.add(unknown(name, "the stack's subscriptions are not known, see `subscriptions`"))

    def _around(self) -> None:
        """What no event passes through."""
        endpoints = self._endpoints
        self._attempt("api-stranger", lambda: entrances.stranger(endpoints))
        self._several(("api-person", "api-program"), lambda: entrances.callers(endpoints))
        self._attempt("dashboard", lambda: entrances.dashboard(endpoints))
        if (declared := self._declared) is not None:
            self._several(
                ("alerts", "objectives"),
                lambda: watching.watching(declared, endpoints.project, is_local=self._stores.is_local),
            )

    def _attempt(self, name: str, work: Callable[[], Check]) -> Check:
        return self._checklist.attempt(name, _ERRORS, work)

    def _several(self, names: tuple[str, ...], work: Callable[[], list[Check]]) -> None:
        try:
            for check in work():
                self._checklist.add(check)
        except NoCredentials as error:
            for name in names:
                self._checklist.add(unknown(name, f"not tried: {error}"))
        except OperatorError as error:
            self._checklist.add(failed(names[0], str(error), _ERRORS))
            for name in names[1:]:
                self._checklist.add(unknown(name, f"not tried, see `{names[0]}`"))


def analysts(stack: str) -> list[str]:
    """The members that the stack's file names as analysts."""
    path = REPOSITORY / f"Pulumi.{stack.rpartition('/')[2]}.yaml"
    if not path.exists():
        return []
    config: dict[str, Any] = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("config") or {}
    named = (config.get("fastyle:warehouse") or {}).get("analysts") or {}
    return sorted(value for value in named.values() if isinstance(value, str))


def main(stack: str, token: str | None, *, as_json: bool) -> None:
    """Exit 1 when a check failed."""
    if not run(stack, token=token, as_json=as_json):
        sys.exit(1)

"""From raw tables to what people read: two runs of the pipeline, the marts, the read model, the live views."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from ops.checks import Check, failed, passed, unknown
from ops.errors import OperatorError
from ops.google import NoCredentials, connection, service_headers
from ops.verify.stores import Stores, get
from workloads.events import consumed_by
from workloads.events.stream import HISTORY
from workloads.events.verification import LOCATION_ID
from workloads.marts import MARTS
from workloads.marts.declaration import DATE
from workloads.pipeline.tables import FIRST_DATE

_MEND = "see docs/operations/alerts.md#freshness, and the log of service pipeline"
_PATIENCE = 1500.0  # another run, or another verification, may be under way
_DATES = 7
_LIVE = tuple(mart for mart in MARTS.values() if mart.live)


class Pipeline:
    """Runs of one stack's pipeline; what they loaded stands in their reports."""

    def __init__(self, stores: Stores) -> None:
        self._stores, self._endpoints = stores, stores.endpoints
        self.published: str | None = None  # the newest publication that we made

    def run(self, name: str) -> tuple[Check, dict[str, Any] | None]:
        """One run, to its end; the check, and the report of one that succeeded."""
        url = f"{self._endpoints.pipeline}/run"
        if not self._endpoints.pipeline:
            return unknown(name, "the stack has no pipeline service to ask"), None
        began = time.monotonic()
        while True:
            try:
                # A service that hangs would keep a run waiting for half an hour.
                headers = service_headers(self._endpoints, self._endpoints.pipeline)
                alive = get(f"{self._endpoints.pipeline}/health", headers)
                if alive.status_code != 200:
                    return failed(name, f"the pipeline's service answers {alive.status_code}", _MEND), None
                answer = httpx.post(url, json={}, headers=headers, timeout=1800, **connection(url))
            except NoCredentials as error:
                return unknown(name, f"not tried: {error}"), None
            except OperatorError as error:
                return failed(name, str(error), _MEND), None
            except httpx.HTTPError as error:
                return failed(name, f"the pipeline cannot be reached ({type(error).__name__}: {error})", _MEND), None
            if answer.status_code not in (202, 409) or time.monotonic() - began > _PATIENCE:
                break
            time.sleep(2)  # 202: out of time, the next call goes on; 409: another run is under way
        try:
            report = dict(answer.json())
        except ValueError:
            return failed(name, f"POST {url} answers {answer.status_code}: {answer.text[:200]}", _MEND), None
        if answer.status_code != 200:
            words = str(report.get("error") or report)[:400]
            return failed(name, f"the run ended with {answer.status_code}: {words}", _MEND), None
        self.published = report.get("publication_id") or report.get("run_id")
        seconds = time.monotonic() - began
        loaded = sum(n for key, n in report.get("counts", {}).items() if key.endswith("_loaded"))
        return passed(name, f"succeeded in {seconds:.1f} s and loaded {loaded} new events"), report

    def took(self, since: datetime) -> Check:
        """Whether a run has read the raw partitions in which the marked events lie."""
        name = "pipeline-input"
        statement = (
            "SELECT c.stream, c.publish_date, c.n, k.row_count FROM ("
            + " UNION ALL ".join(
                f"SELECT '{stream}' AS stream, DATE(publish_time) AS publish_date, COUNT(*) AS n "
                f"FROM `{{raw}}.{table}` WHERE publish_time >= @since AND location_id = @location "
                "GROUP BY publish_date"
                for stream, table in ((key, stream.table) for key, stream in consumed_by(HISTORY).items())
            )
            + ") AS c LEFT JOIN `{staging}.raw_counts` AS k ON k.stream = c.stream AND k.publish_date = c.publish_date"
        )
        rows = self._stores.query(statement, since=since, location=LOCATION_ID)
        unread = [f"{r['stream']} of {r['publish_date']}" for r in rows if (r["row_count"] or 0) < r["n"]]
        if unread or not rows:
            return failed(name, f"the run did not read the marked events: {', '.join(unread) or 'none there'}", _MEND)
        return passed(name, "the run read the raw partitions with the marked events, and counts none of them")


def agreement(stores: Stores, published: str | None) -> list[Check]:
    """Marts and read model hold one publication and the same figures of the newest dates."""
    rows = stores.query(
        "SELECT publication_id, published_at FROM `{marts}.publications` ORDER BY published_at DESC LIMIT 1"
    )
    if not rows:
        return [failed("marts", "nothing was ever published", _MEND), unknown("read-model", "there is no publication")]
    newest = rows[0]
    today = datetime.now(ZoneInfo(stores.endpoints.timezone)).date()
    first = today - timedelta(days=_DATES)
    sums = stores.query(
        "SELECT business_date, SUM(gmv) AS gmv, SUM(net_sales) AS net_sales, SUM(units) AS units "
        f"FROM `{{marts}}.gmv_daily` WHERE business_date BETWEEN DATE '{first}' AND DATE '{today}' "
        "GROUP BY business_date"
    )
    ours = f", made by this verification's run {published}" if newest["publication_id"] == published else ""
    marts = passed("marts", f"published {newest['published_at']:%Y-%m-%d %H:%M:%S}Z{ours}; views of the marts answer")
    url = f"{stores.endpoints.api}/v1/reports/gmv?from={first}&to={today}&page_size=100"
    answer = get(url, service_headers(stores.endpoints, stores.endpoints.api))
    if answer.status_code != 200:
        return [marts, failed("read-model", f"GET {url} answers {answer.status_code}: {answer.text[:200]}", _MEND)]
    shown = {item["business_date"]: item for item in answer.json()["items"]}
    wanted = {str(row["business_date"]): row for row in sums}
    differing = [
        f"{day} {key}: {wanted.get(day, {}).get(key)} in BigQuery, {shown.get(day, {}).get(key)} in the API"
        for day in sorted(shown.keys() | wanted.keys())
        for key in ("gmv", "net_sales", "units")
        if _number(wanted.get(day, {}).get(key)) != _number(shown.get(day, {}).get(key))
    ]
    if differing:
        return [marts, failed("read-model", "; ".join(differing[:5]), _MEND)]
    days = f"{len(wanted)} of the last {_DATES + 1} business dates have figures"
    return [marts, passed("read-model", f"the API shows the marts' own figures; {days}")]


def no_trace(stores: Stores) -> Check:
    """Nothing that people read has the reserved location."""
    name = "counts-nowhere"
    traces = []
    located = [mart for mart in MARTS.values() if "location_id" in {column.name for column in mart.columns}]
    for mart in located:
        where = f"{DATE} >= DATE '{FIRST_DATE}' AND " if mart.by_date else ""
        for view in mart.views:
            if stores.query(f"SELECT 1 FROM `{{marts}}.{view}` WHERE {where}location_id = @l LIMIT 1", l=LOCATION_ID):
                traces.append(f"marts.{view}")
    for path in (f"/v1/inventory?location_id={LOCATION_ID}", f"/v1/inventory/alerts?location_id={LOCATION_ID}"):
        answer = get(f"{stores.endpoints.api}{path}", service_headers(stores.endpoints, stores.endpoints.api))
        if answer.status_code != 200:
            return unknown(name, f"GET {path} answers {answer.status_code}: {answer.text[:200]}")
        if answer.json()["items"]:
            traces.append(path)
    if traces:
        return failed(name, f"the marked trade is counted in {', '.join(traces)}", "report this as a fault of Fastyle")
    return passed(name, "no mart, live view or list of the API has the reserved location")


def live_views(stores: Stores, analysts: list[str]) -> Check:
    """The `_live` views answer, and whether an analyst was the one who asked."""
    name = "live-views"
    seen = datetime.now(UTC).date()
    for mart in _LIVE:
        where = f" WHERE {DATE} >= DATE '{seen - timedelta(days=1)}'" if mart.by_date else ""
        stores.query(f"SELECT COUNT(*) AS n FROM `{{marts}}.{mart.name}_live`{where}")
    if not analysts:
        return passed(name, f"{len(_LIVE)} views answer; the stack names no analyst")
    if stores.is_local:
        return unknown(
            name,
            f"the views answer the operator; {', '.join(analysts)} cannot be tried: nobody is refused a query here",
            "the policy pack proves the chain of views from the plan",
        )
    caller = _caller()
    if caller and any(member.partition(":")[2].lower() == caller for member in analysts):
        return passed(name, f"{len(_LIVE)} views answer analyst {caller}")
    query = f"SELECT COUNT(*) FROM {stores.endpoints.datasets['marts']}.inventory_status_live"
    return unknown(
        name,
        f"the views answer {caller or 'the caller'}, who is not named as an analyst",
        f"ask one of {', '.join(analysts)} to run: bq query --nouse_legacy_sql '{query}'",
    )


def _caller() -> str:
    """The e-mail address of the caller's credentials; empty when they do not say."""
    try:
        import google.auth
        from google.auth.exceptions import GoogleAuthError

        credentials, _ = google.auth.default()
        return str(
            getattr(credentials, "service_account_email", "") or getattr(credentials, "account", "") or ""
        ).lower()
    except (GoogleAuthError, OperatorError):
        return ""


def _number(value: Any) -> Decimal:
    return Decimal(str(value or 0))

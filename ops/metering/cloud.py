"""What a stack in the cloud uses, by Cloud Monitoring: the counters of each resource over some days, as a usage file.

Metrics are those of cloud.google.com/monitoring/api/metrics_gcp, read by timeSeries.list with one point a resource: summed
over the days where they count something, averaged where they are a size. What no metric tells stays as the usage file
has it, and is named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastyle_policies.pricing import PricingError, UsageFile
from fastyle_policies.pricing.documents import Document
from fastyle_policies.pricing.lines import HOURS
from fastyle_policies.pricing.report import money

from ops import google, usage_files
from ops.cost import Request, planned, priced, usage_of
from ops.errors import OperatorError
from ops.metering.metrics import READINGS, Reading, Told, entries
from ops.terminal import console

API = "https://monitoring.googleapis.com/v3"
DAYS = 28
"""Whole weeks: weekends count as often as they come. Google keeps most metrics for six."""
_PAGE = 1000
_MOST_PAGES = 50


@dataclass(frozen=True, kw_only=True)
class Metered:
    """What was read of a stack: values by resource and key, and the usage file with them."""

    stack: str
    days: int
    values: Sequence[usage_files.Value]
    silent: Sequence[str]
    """Metrics that nothing was counted by."""
    usage: UsageFile
    document: Document
    text: str


def metered(stack: str, days: int, now: datetime | None = None) -> Metered:
    """The usage of a deployed stack in the last days.

    Raises:
        OperatorError: anything that its caller can mend, in one line.
    """
    request = Request(stack=stack, lenient=True)
    try:
        usage = usage_of(request)
        document = planned(request)
        project = str(document.config.get("gcp:project") or "")
        if not project:
            raise OperatorError(f"stack {stack} names no gcp:project; set it, then meter again")
        end = (now or datetime.now(UTC)).replace(second=0, microsecond=0)
        window = (end - timedelta(days=days), end)
        headers = {"authorization": f"Bearer {google.access_token()}"}
        told: Told = {}
        silent = []
        for reading in READINGS:
            series = list(_series(project, reading, window, headers))
            if not series:
                silent.append(reading.metric)
            for group, value in series:
                told.setdefault(reading.id, {})[group] = value
        month = HOURS / (24 * days)
        values = list(entries(document.resources, usage, told, month, project))
        head = (
            f"{usage.path}, with what Cloud Monitoring counted in project {project} from {window[0]:%Y-%m-%d %H:%M} to "
            f"{window[1]:%Y-%m-%d %H:%M} UTC,\nbrought to 730 hours: written by `fastyle meter --stack {stack} --days {days}`.\n"
            f"{len(values)} keys were counted, the others are as they were."
        )
        text = usage_files.changed(usage, values, head)
    except PricingError as e:
        raise OperatorError(str(e)) from None
    if not values:
        raise OperatorError(
            f"Cloud Monitoring has counted nothing of stack {stack} in project {project} in {days} days; is it deployed there?"
        )
    return Metered(stack=stack, days=days, values=values, silent=silent, usage=usage, document=document, text=text)


def _series(
    project: str, reading: Reading, window: tuple[datetime, datetime], headers: Mapping[str, str]
) -> Iterator[tuple[str, Mapping[str, Decimal]]]:
    """Group and value of each time series: `value`, or `count` and `mean` of a distribution."""
    start, end = window
    seconds = int((end - start).total_seconds())
    parameters = [
        ("filter", reading.filter),
        ("interval.startTime", f"{start:%Y-%m-%dT%H:%M:%SZ}"),
        ("interval.endTime", f"{end:%Y-%m-%dT%H:%M:%SZ}"),
        ("aggregation.alignmentPeriod", f"{seconds}s"),
        ("aggregation.perSeriesAligner", reading.aligner),
        ("aggregation.crossSeriesReducer", "REDUCE_SUM"),
        *(("aggregation.groupByFields", field) for field in reading.group_by),
        ("pageSize", str(_PAGE)),
    ]
    token = ""
    for _ in range(_MOST_PAGES):
        query = urlencode([*parameters, *([("pageToken", token)] if token else [])])
        answer = google.request("GET", f"{API}/projects/{project}/timeSeries?{query}", headers=dict(headers))
        if errors := answer.get("executionErrors"):
            said = errors[0].get("message", "no reason given")
            raise OperatorError(f"Cloud Monitoring cannot tell {reading.metric} of project {project}: {said}")
        for series in answer.get("timeSeries", ()):
            yield _group(series, reading), _value(series)
        token = answer.get("nextPageToken", "")
        if not token:
            return
    raise OperatorError(f"{reading.metric} of project {project} does not end after {_MOST_PAGES} pages")


def _group(series: Mapping[str, Any], reading: Reading) -> str:
    """The values of the labels that a reading is grouped by, with a slash between."""
    filters = []
    for field in reading.group_by:
        kind, _, label = field.partition(".labels.")
        filters.append(str(series.get(kind, {}).get("labels", {}).get(label, "")))
    return "/".join(filters)


def _value(series: Mapping[str, Any]) -> Mapping[str, Decimal]:
    """All points of a series together; a window that is no whole number of periods may be told in two."""
    total, count, weighed = Decimal(0), Decimal(0), Decimal(0)
    for point in series.get("points", ()):
        value = point.get("value", {})
        if (distribution := value.get("distributionValue")) is not None:
            n = Decimal(str(distribution.get("count", 0)))
            count += n
            weighed += n * Decimal(str(distribution.get("mean", 0)))
        else:
            total += Decimal(str(value.get("doubleValue", value.get("int64Value", 0))))
    return {"value": total, "count": count, "mean": weighed / count if count else Decimal(0)}


def run(stack: str, days: int, target: Path | None, *, as_json: bool = False) -> None:
    """What `fastyle meter --stack NAME` does of a stack in the cloud: read, write the usage file, and say what an estimate makes of it.

    Raises:
        OperatorError: anything that its caller can mend, in one line.
    """
    reading = metered(stack, days)
    written = usage_files.write(reading.text, stack, target)
    if as_json:
        rows = [{"resource": name, "key": key, "monthly": f"{value:f}"} for name, key, value in reading.values]
        print(json.dumps({"stack": stack, "days": days, "counted": rows, "silent": list(reading.silent)}, indent=2))
        return
    for name, key, value in reading.values:
        console.print(f"    {name}: {key} {value:,f}", markup=False, highlight=False, soft_wrap=True)
    for metric in reading.silent:
        console.print(f"    nothing counted by {metric}", markup=False, highlight=False, soft_wrap=True)
    try:
        before, after = (
            priced(reading.document, Request(stack=stack, usage=usage, lenient=True)).total for usage in (None, written)
        )
    except PricingError as e:
        raise OperatorError(str(e)) from None
    console.print(
        f"{money(before)} a month by the stack's usage file, {money(after)} by what was counted in {days} days\n"
        f"written: {written}; see `fastyle cost --stack {stack} --usage {written}`",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )

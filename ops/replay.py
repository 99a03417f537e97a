"""`fastyle replay`: has the pipeline's service replay the lake, call by call, and shows how far it is."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from ops.endpoints import Endpoints
from ops.errors import OperatorError
from ops.google import Unreachable, flush, request, service_headers
from ops.terminal import progress

CALL_SECONDS = 20
_PUBLISH_SECONDS = 1800  # the last call also runs the pipeline: Cloud Run's limit of a request here
_ATTEMPTS = 8
_PAUSE_SECONDS = 3.0

_REPORTS = (422, 503)  # stopped by a check, failed: answers that are reports too


def run_replay(endpoints: Endpoints, start: datetime | None, end: datetime | None) -> dict[str, Any]:
    """Replay to the end and return the report. A service that fails or dies meanwhile is called again for a while.

    Raises:
        OperatorError: a run is under way, a check stopped the publication, or the service does not recover.
    """
    flush(endpoints)
    body = {"from": start and start.isoformat(), "to": end and end.isoformat(), "seconds": CALL_SECONDS}
    failures = 0
    with progress("reading the lake") as show:
        while True:
            try:
                report = _call(endpoints, body)
            except Unreachable as error:
                report = {"state": "failed", "error": str(error)}
            if report["state"] == "succeeded":
                return report
            if report["state"] == "incomplete":
                failures = 0
                show(_words(report))
                continue
            failures += 1
            if report["state"] != "failed" or failures == _ATTEMPTS:
                raise OperatorError(f"the replay {report['state']}: {report['error']}")
            show(f"{report['error']}: again in {_PAUSE_SECONDS:g} s")
            time.sleep(_PAUSE_SECONDS)


def _call(endpoints: Endpoints, body: dict[str, Any]) -> dict[str, Any]:
    report = request(
        "POST",
        f"{endpoints.pipeline}/replay",
        headers=service_headers(endpoints, endpoints.pipeline),
        body=body,
        timeout=_PUBLISH_SECONDS,
        accept=_REPORTS,
    )
    return report if "state" in report else {**report, "state": "failed"}


def _words(report: dict[str, Any]) -> str:
    """Where the replay is."""
    if report["phase"] == "publish":
        return "the lake is read; the pipeline publishes"
    counts, position = report["counts"], report["position"]
    return f"{counts.get('messages', 0):,} messages of {counts.get('files', 0):,} files; {position['file']}"

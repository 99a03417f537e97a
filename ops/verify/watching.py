"""Each alert and objective of the stack: there, switched on, and looking at metrics that exist."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ops.checks import Check, failed, passed, unknown
from ops.errors import OperatorError
from ops.folders import STATE_DIR
from ops.google import access_token, request
from ops.verify.program import Resource

ALERT = "gcp:monitoring/alertPolicy:AlertPolicy"
OBJECTIVE = "gcp:monitoring/slo:Slo"
LOG_METRIC = "gcp:logging/metric:Metric"
_OWN = "logging.googleapis.com/user/"
_METRICS = re.compile(r'metric\.type\s*=\s*\\?"([^"\\]+)').findall
_MEND = "`pulumi up --refresh` makes it again"
_RENAMED = (
    "a filter names a metric that Cloud Monitoring does not know: correct it, or see that its source still writes"
)

Answer = dict[str, Any] | None


class Monitoring:
    """Cloud Monitoring's REST API with the caller's credentials; None is what is not there."""

    def __init__(self, project: str) -> None:
        self._project = project
        self.knows_metrics = True

    def get(self, resource: Resource) -> Answer:
        return self._get(resource.id)

    def metric(self, type_: str) -> Answer:
        return self._get(f"projects/{self._project}/metricDescriptors/{type_}")

    def _get(self, path: str) -> Answer:
        headers = {"authorization": f"Bearer {access_token()}"}
        url = f"https://monitoring.googleapis.com/v3/{path}"
        answer = request("GET", url, headers=headers, accept=(404,))
        return None if (answer.get("error") or {}).get("code") == 404 else answer


class LocalMonitoring:
    """What the local cloud recorded: of metrics it knows those over logs, which the stack makes itself."""

    def __init__(self) -> None:
        from fastyle_localcloud.provider.records import Records

        self._records = Records(STATE_DIR / "provider.sqlite")
        self.knows_metrics = False

    def get(self, resource: Resource) -> Answer:
        record = self._records.get(resource.type, resource.id)
        return None if record is None else record.outputs

    def metric(self, type_: str) -> Answer:
        if not type_.startswith(_OWN):
            return {}
        names = {str(r.outputs.get("name", r.id)) for r in self._records.all(LOG_METRIC)}
        return {} if type_.removeprefix(_OWN) in names else None


def watching(declared: list[Resource], project: str, *, is_local: bool) -> list[Check]:
    """One check of the alerts, one of the objectives."""
    monitoring: Monitoring | LocalMonitoring = LocalMonitoring() if is_local else Monitoring(project)
    return [
        _judged("alerts", "alert", ALERT, declared, monitoring),
        _judged("objectives", "objective", OBJECTIVE, declared, monitoring),
    ]


def _judged(
    name: str, what: str, type_: str, declared: list[Resource], monitoring: Monitoring | LocalMonitoring
) -> Check:
    ours = [resource for resource in declared if resource.type == type_]
    if not ours:
        return passed(name, f"the stack declares no {what}")
    try:
        faults, metrics = _looked_at(ours, what, monitoring.get)
        strange = sorted(metric for metric in metrics if monitoring.metric(metric) is None)
    except OperatorError as error:
        return unknown(name, f"not seen: {error}", "the caller needs roles/monitoring.viewer")
    if faults:
        return failed(name, "; ".join(faults), _MEND)
    if strange:
        return failed(name, f"no such metric: {', '.join(strange)}", _RENAMED)
    kinds = f"{len(metrics)} metrics that they read are known" if monitoring.knows_metrics else "as recorded here"
    return passed(name, f"{len(ours)} of {len(ours)} are there and on; {kinds}")


def _looked_at(ours: list[Resource], what: str, get: Callable[[Resource], Answer]) -> tuple[list[str], set[str]]:
    faults: list[str] = []
    metrics: set[str] = set()
    for resource in ours:
        current = get(resource)
        if current is None:
            faults.append(f"{what} {resource.name} does not exist")
        elif current.get("enabled") is False:
            faults.append(f"{what} {resource.name} is switched off")
        else:
            metrics.update(_METRICS(str(current)))
    return faults, metrics

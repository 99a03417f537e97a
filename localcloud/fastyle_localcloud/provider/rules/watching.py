"""Budgets, monitoring, logging, Composer: checked and recorded, never alive here."""

import json
import re
from collections.abc import Iterator

from fastyle_localcloud.provider.vocabulary import (
    Check,
    Problem,
    Rules,
    at_most,
    between,
    blocks,
    check,
    duration,
    exactly_one,
    grant,
    labels,
    length,
    matches,
    one_of,
    ordered,
)
from fastyle_localcloud.provider.wire import Properties, dotted


def _budget(inputs: Properties) -> Iterator[Problem]:
    rule = inputs.get("allUpdatesRule")
    if isinstance(rule, dict) and not rule.get("pubsubTopic") and not rule.get("monitoringNotificationChannels"):
        yield Problem("allUpdatesRule", "needs a topic or a notification channel")
    filter_ = inputs.get("budgetFilter")
    period = filter_.get("calendarPeriod") if isinstance(filter_, dict) else "MONTH"
    for at, threshold in blocks(inputs, "thresholdRules"):
        if threshold.get("spendBasis") == "FORECASTED_SPEND" and period is None:
            yield Problem(dotted((*at, "spendBasis")), "a forecast needs a calendar period")


def _log_match(inputs: Properties) -> Iterator[Problem]:
    """A condition on log entries, or in PromQL, stands alone; the former's notifications are limited, others' may not be."""
    conditions = [c for c in inputs.get("conditions") or [] if isinstance(c, dict)]
    matching = any(c.get("conditionMatchedLog") for c in conditions)
    strategy = inputs.get("alertStrategy")
    limited = isinstance(strategy, dict) and bool(strategy.get("notificationRateLimit"))
    if matching and len(conditions) > 1:
        yield Problem("conditions", "a condition on log entries must be the only one")
    if len(conditions) > 1 and any(c.get("conditionPrometheusQueryLanguage") for c in conditions):
        yield Problem("conditions", "a condition in PromQL must be the only one")
    if matching != limited:
        yield Problem("alertStrategy.notificationRateLimit", "is for conditions on log entries, which need it")


def _json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


_COMPOSER_IMAGE = r"composer-3-airflow-\d+\.\d+\.\d+-build\.\d+|composer-2\.\d+\.\d+-airflow-\d+\.\d+\.\d+"


# The ranges of Composer 3: vCPU, memory in GB.
_PARTS = {
    "scheduler": ((0.5, 1), (1, 8)),
    "triggerer": ((0.5, 1), (1, 8)),
    "webServer": ((1, 4), (2, 32)),
    "worker": ((0.5, 32), (1, 256)),
    "dagProcessor": ((0.5, 32), (1, 256)),
}


def _part(path: str, cpu: tuple[float, float], memory: tuple[float, float]) -> Iterator[Check]:
    yield between(f"{path}.cpu", *cpu)
    yield between(f"{path}.memoryGb", *memory)
    yield ordered(path, "minCount", "maxCount")


def _variables(inputs: Properties) -> Iterator[Problem]:
    for at, variables in blocks(inputs, "config.softwareConfig.envVariables"):
        for name in variables:
            if re.fullmatch(r"AIRFLOW__\w+__\w+", name):
                yield Problem(dotted((*at, name)), "overrides Airflow's configuration: use airflowConfigOverrides")


RULES = {
    "billing.Budget": Rules(
        id="billingAccounts/{billingAccount}/budgets/{displayName}",
        replaces=("billingAccount",),
        checks=(
            length("displayName", 1, 60),
            matches(
                "billingAccount",
                r"[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}",
                "is not a billing account such as 012345-6789AB-CDEF01",
            ),
            matches("budgetFilter.projects", r"projects/\d+", "is not projects/NUMBER"),
            check("thresholdRules.thresholdPercent", lambda v: 0 < v <= 10, "is not a share such as 0.5 for 50 %"),
            at_most("allUpdatesRule.monitoringNotificationChannels", 5, "channels"),
            _budget,
        ),
        outputs={"name": "billingAccounts/{billingAccount}/budgets/{_unique}"},
    ),
    "billing.AccountIamMember": grant("", id="{billingAccountId}/{role}/{member}"),
    "monitoring.NotificationChannel": Rules(
        id="projects/{project}/notificationChannels/{type}-{displayName}",
        autoname="-",
        checks=(labels("userLabels"), length("displayName", 1, 512)),
        defaults={"enabled": True},
        outputs={"name": "projects/{project}/notificationChannels/{_unique}", "verificationStatus": "UNVERIFIED"},
    ),
    "monitoring.AlertPolicy": Rules(
        id="projects/{project}/alertPolicies/{displayName}",
        checks=(
            one_of("combiner", "AND", "OR", "AND_WITH_MATCHING_RESOURCE"),
            at_most("conditions", 6, "conditions"),
            check("conditions", bool, "is empty"),
            duration("conditions.conditionThreshold.duration", 0, 84600, 60),
            duration("conditions.conditionAbsent.duration", 120, 84600, 60),
            duration("conditions.conditionPrometheusQueryLanguage.duration", 0, 84600),
            duration("conditions.conditionPrometheusQueryLanguage.evaluationInterval", 30, 86400, 30),
            one_of("severity", "CRITICAL", "ERROR", "WARNING"),
            labels("userLabels"),
            _log_match,
        ),
        defaults={"enabled": True},
        outputs={"name": "projects/{project}/alertPolicies/{_unique}"},
    ),
    "monitoring.Dashboard": Rules(
        id="projects/{_project?}/dashboards/{dashboardJson}",
        checks=(check("dashboardJson", _json, "is not JSON"),),
        exclusive=False,
    ),
    "monitoring.CustomService": Rules(
        id="projects/{project}/services/{serviceId}",
        checks=(labels("userLabels"),),
        outputs={"name": "projects/{project}/services/{serviceId}"},
    ),
    "monitoring.Slo": Rules(
        id="projects/{project}/services/{service}/serviceLevelObjectives/{sloId}",
        checks=(
            check("goal", lambda v: 0 < v <= 0.9999, "is not a share over 0 and at most 0.9999"),
            between("rollingPeriodDays", 1, 30, "days"),
            exactly_one("", "rollingPeriodDays", "calendarPeriod"),
            exactly_one("", "basicSli", "requestBasedSli", "windowsBasedSli"),
        ),
        outputs={"name": "{id}"},
    ),
    "monitoring.UptimeCheckConfig": Rules(
        id="projects/{project}/uptimeCheckConfigs/{displayName}",
        checks=(one_of("period", "60s", "300s", "600s", "900s"), duration("timeout", 1, 60)),
        outputs={"name": "{id}", "uptimeCheckId": "{_unique}"},
    ),
    "logging.Metric": Rules(
        id="{name}",
        checks=(
            length("filter", 1, 20000),
            one_of("metricDescriptor.metricKind", "DELTA", "GAUGE", "CUMULATIVE"),
            one_of("metricDescriptor.valueType", "BOOL", "INT64", "DOUBLE", "STRING", "DISTRIBUTION", "MONEY"),
        ),
    ),
    "logging.ProjectSink": Rules(
        id="projects/{project}/sinks/{name}",
        outputs={"writerIdentity": "serviceAccount:cloud-logs@system.gserviceaccount.com"},
    ),
    "logging.ProjectBucketConfig": Rules(
        id="projects/{project}/locations/{location}/buckets/{bucketId}",
        autoname="-",
        checks=(between("retentionDays", 1, 3650, "days"),),
        outputs={"name": "{id}"},
    ),
    "composer.Environment": Rules(
        id="projects/{project}/locations/{region}/environments/{name}",
        seconds=25 * 60,
        replaces=(
            "config.nodeConfig.serviceAccount",
            "config.nodeConfig.composerInternalIpv4CidrBlock",
            "storageConfig",
        ),
        checks=(
            matches(
                "name", r"[a-z]([a-z0-9-]{0,62}[a-z0-9])?", "is not an environment's name: 64 at most, a-z, 0-9, -"
            ),
            labels(),
            matches(
                "config.softwareConfig.imageVersion",
                _COMPOSER_IMAGE,
                "is not a full image such as composer-3-airflow-3.3.1-build.10",
            ),
            one_of(
                "config.environmentSize",
                "ENVIRONMENT_SIZE_SMALL",
                "ENVIRONMENT_SIZE_MEDIUM",
                "ENVIRONMENT_SIZE_LARGE",
                "ENVIRONMENT_SIZE_EXTRA_LARGE",
            ),
            *(rule for part, ranges in _PARTS.items() for rule in _part(f"config.workloadsConfig.{part}", *ranges)),
            _variables,
        ),
    ),
}

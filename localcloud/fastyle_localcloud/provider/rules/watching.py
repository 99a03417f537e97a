"""Budgets, monitoring, logging, Composer: checked and recorded, never alive here."""

import json
import re
from collections.abc import Iterator

from fastyle_localcloud.provider.constraints import Problem, blocks
from fastyle_localcloud.provider.wire import Properties, dotted


def budget(inputs: Properties) -> Iterator[Problem]:
    rule = inputs.get("allUpdatesRule")
    if isinstance(rule, dict) and not rule.get("pubsubTopic") and not rule.get("monitoringNotificationChannels"):
        yield Problem("allUpdatesRule", "needs a topic or a notification channel")
    filter_ = inputs.get("budgetFilter")
    period = filter_.get("calendarPeriod") if isinstance(filter_, dict) else "MONTH"
    for at, threshold in blocks(inputs, "thresholdRules"):
        if threshold.get("spendBasis") == "FORECASTED_SPEND" and period is None:
            yield Problem(dotted((*at, "spendBasis")), "a forecast needs a calendar period")


def log_match(inputs: Properties) -> Iterator[Problem]:
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


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def variables(inputs: Properties) -> Iterator[Problem]:
    for at, variables in blocks(inputs, "config.softwareConfig.envVariables"):
        for name in variables:
            if re.fullmatch(r"AIRFLOW__\w+__\w+", name):
                yield Problem(dotted((*at, name)), "overrides Airflow's configuration: use airflowConfigOverrides")

"""Reliability: production cannot be deleted by accident, is backed up, and says when it hurts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pydantic import Field

from fastyle_policies import gcp
from fastyle_policies.links import Index
from fastyle_policies.model import UNKNOWN, Parameters, Plan, Resource, Violation, dig, flag, number, rule, shown

_ALERT = "gcp:monitoring/alertPolicy:AlertPolicy"


# What keeps data: property, the value that protects, and what the provider assumes when it is unset.
_PROTECTION: Mapping[str, tuple[tuple[str, object, object], ...]] = {
    gcp.SQL_INSTANCE: (("deletionProtection", True, True), ("settings.deletionProtectionEnabled", True, False)),
    gcp.TABLE: (("deletionProtection", True, True),),
    gcp.DATASET: (("deleteContentsOnDestroy", False, False),),
    gcp.BUCKET: (("forceDestroy", False, False),),
}


@rule("critical", *_PROTECTION)
def deletion_protection(resource: Resource, p: Parameters) -> Iterator[str]:
    """Production data survives a mistaken destroy. Cloud SQL and BigQuery delete at once and for good.

    Mend: set the named property; a stack that can be made again has `protected: false` in the pack's configuration.
    Unknown: refused.
    """
    if not p.protected or (resource.type == gcp.TABLE and resource.get("view")):
        return  # a view holds no data
    for path, wanted, default in _PROTECTION[resource.type]:
        value = resource.get(path)
        if flag(default if value is None else value) != wanted:
            yield f"has {path} {shown(value)}; a protected stack needs {shown(wanted)}"


class Backups(Parameters):
    retained: int = Field(default=7, description="smallest number of daily backups kept")


@rule("critical", gcp.SQL_INSTANCE)
def database_backups(instance: Resource, p: Backups) -> Iterator[str]:
    """Production databases are backed up and can go back to any minute. Yesterday's copy loses a day of writes.

    Mend: set backupConfiguration: enabled, pointInTimeRecoveryEnabled, retainedBackups.
    Unknown: refused.
    """
    if not p.protected or instance.get("masterInstanceName"):
        return
    for path in ("enabled", "pointInTimeRecoveryEnabled"):
        value = instance.get(f"settings.backupConfiguration.{path}")
        if flag(value) is not True:
            yield f"has backupConfiguration.{path} {shown(value)}; a protected stack needs true"
    kept = instance.get("settings.backupConfiguration.backupRetentionSettings.retainedBackups")
    if kept is UNKNOWN:
        yield "its number of retained backups is not known at preview"
    elif kept is not None and (number(kept) or 0) < p.retained:
        yield f"keeps {number(kept) or 0:g} backups; a protected stack needs {p.retained}"


@rule("high", gcp.SUBSCRIPTION)
def subscription_permanent(subscription: Resource, p: Parameters) -> Iterator[str]:
    """Subscriptions never expire. Unset, a month without traffic deletes one and its backlog.

    Mend: set expirationPolicy with ttl "".
    Unknown: deferred.
    """
    ttl = subscription.get("expirationPolicy.ttl")
    if ttl is not UNKNOWN and ttl != "":
        yield f"is deleted after {ttl or '31 days'} without traffic"


class DeadLetter(Parameters):
    minimum_attempts: int = Field(
        default=20, description="fewest attempts before a message is given up; a short outage must not spend them"
    )


@rule("high", gcp.SUBSCRIPTION)
def dead_letter(subscription: Resource, p: DeadLetter) -> Iterator[str]:
    """Deliveries that cannot succeed end in a dead-letter topic. Otherwise one message blocks and bills for days.

    Mend: set deadLetterPolicy with maxDeliveryAttempts, and retryPolicy with back-off.
    Unknown: a policy that is set but unknown passes.
    """
    exports = [key for key in ("pushConfig", "bigqueryConfig") if subscription.get(key) is not None]
    if exports and subscription.get("deadLetterPolicy") is None:
        yield f"has {exports[0]} and no dead-letter topic: one bad message is retried until it expires"
    policy = subscription.get("deadLetterPolicy")
    attempts = dig(policy, "maxDeliveryAttempts")
    if policy is not None and policy is not UNKNOWN and attempts is None:
        yield "leaves maxDeliveryAttempts to the default of 5: a short outage would empty the backlog into dead letters"
    elif (many := number(attempts)) is not None and not p.minimum_attempts <= many <= 100:
        yield f"has maxDeliveryAttempts {many:g}; allowed: {p.minimum_attempts} to 100"
    if exports and subscription.get("retryPolicy") is None:
        yield "has no retryPolicy: refused messages come back at once, for ever"


@rule("high")
def dead_letter_kept(plan: Plan, p: Parameters) -> Iterator[Violation]:
    """Dead-letter topics have a subscription of their own. A topic without one drops what it is sent.

    Mend: add a subscription to the dead-letter topic.
    Unknown: topics whose names are unknown are found by what the subscription depends on.
    """
    index = Index(plan)
    read: set[str] = set()
    for subscription in plan.of(gcp.SUBSCRIPTION):
        read |= index.resolve(subscription, "topic", gcp.TOPIC).keys
    for subscription in plan.of(gcp.SUBSCRIPTION):
        if subscription.get("deadLetterPolicy") is None:
            continue
        target = index.resolve(subscription, "deadLetterPolicy.deadLetterTopic", gcp.TOPIC)
        if target.resources and not target.keys & read:
            names = ", ".join(resource.label for resource in target.resources)
            yield Violation(f"sends dead letters to {names}, which has no subscription: they are lost", subscription)


class Alerts(Parameters):
    about: dict[str, str] = Field(
        default={
            "backlog": "oldest_unacked_message_age",
            "dead letters": "dead_letter|dead-letter",
            "service errors": "run\\.googleapis\\.com/request_count|response_code_class",
            "database": "cloudsql\\.googleapis\\.com",
        },
        description="what must raise an alert: name -> regular expression on the policies' filters and queries",
    )


@rule("high")
def alerts_present(plan: Plan, p: Alerts) -> Iterator[Violation]:
    """Production says when it hurts. Backlog, dead letters, errors and the database each raise an alert.

    Mend: add a gcp.monitoring.AlertPolicy on the named signal.
    Unknown: an unknown filter watches nothing.
    """
    if not p.protected or not any(plan.of(*gcp.WORKLOADS, gcp.SUBSCRIPTION)):
        return
    conditions = [repr(alert.get("conditions")) for alert in plan.of(_ALERT) if flag(alert.get("enabled")) is not False]
    for topic, pattern in p.about.items():
        if not any(re.search(pattern, text) for text in conditions):
            yield Violation(f"no alert policy watches {topic}")


@rule("high", _ALERT)
def alert_tells(alert: Resource, p: Parameters) -> Iterator[str]:
    """Alerts reach someone. An alert without a channel is a line in a console.

    Mend: set notificationChannels.
    Unknown: channels that are set but unknown pass.
    """
    channels = alert.get("notificationChannels")
    if channels is not UNKNOWN and not channels:
        yield "has no notification channel: it fires unseen"
    if flag(alert.get("enabled")) is False:
        yield "is switched off"


class Labels(Parameters):
    required: list[str] = Field(
        default=["environment", "application", "component"], description="labels that every resource with labels has"
    )


_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")


@rule("medium", *gcp.LABELS)
def labels(resource: Resource, p: Labels) -> Iterator[str]:
    """Everything that can be labelled says what it belongs to. The bill is split by these labels.

    Mend: set the missing labels; keys and values in lower case.
    Unknown: unknown labels as a whole pass at preview; a single unknown value counts as set.
    """
    path = gcp.LABELS[resource.type]
    label_values = resource.get(path)
    if label_values is UNKNOWN:
        return
    label_values = label_values if isinstance(label_values, Mapping) else {}
    if missing := [key for key in p.required if label_values.get(key) in (None, "")]:
        yield f"lacks the {path} {', '.join(missing)}"
    for key, value in label_values.items():
        # What Google writes itself (goog-…) follows its own rules.
        if not key.startswith("goog-") and not _LABEL_KEY.fullmatch(key):
            yield f"has the label key {key!r}: lower-case letters, digits, - and _, a letter first, 63 at most"
        if isinstance(value, str) and not _LABEL_VALUE.fullmatch(value):
            yield f"has the label {key}={value!r}: lower-case letters, digits, - and _, 63 at most"

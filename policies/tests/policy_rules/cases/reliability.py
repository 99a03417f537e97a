from __future__ import annotations

from fastyle_policies import gcp
from fastyle_policies.model import UNKNOWN

from policy_rules import resources as r
from policy_rules.table import Case, Cases

_BACKUP = "db.settings.backupConfiguration"
_KEY = "lower-case letters, digits, - and _, a letter first, 63 at most"
_VALUE = "lower-case letters, digits, - and _, 63 at most"
_SIGNALS = {
    "backlog": 'metric.type = "pubsub.googleapis.com/subscription/oldest_unacked_message_age"',
    "letters": 'resource.labels.subscription_id = "tills-dead-letter-hold"',
    "errors": 'metric.type = "run.googleapis.com/request_count"',
    "database": 'metric.type = "cloudsql.googleapis.com/database/cpu/utilization"',
}
_UNWATCHED = {
    "backlog": "stack: no alert policy watches backlog",
    "letters": "stack: no alert policy watches dead letters",
    "errors": "stack: no alert policy watches service errors",
    "database": "stack: no alert policy watches database",
}


def _filter(signal: str) -> str:
    return f"{signal}.conditions.0.conditionThreshold.filter"


CASES: dict[str, Cases] = {
    "deletion-protection": Cases(
        good=[
            r.database("db"),
            r.table("table", "streams"),
            r.dataset("streams"),
            r.bucket("lake"),
            r.table("view", "streams", view={"query": "SELECT 1"}, deletionProtection=False),
        ],
        cases=[
            Case(
                "wrong",
                {"db.deletionProtection": False},
                ["db: has deletionProtection false; a protected stack needs true"],
            ),
            Case("passes", {"db.deletionProtection": "true"}),
            Case("passes", {"db.deletionProtection": False}, parameters={"protected": False}),
            Case(
                "unset",
                {
                    "db.deletionProtection": ...,
                    "db.settings.deletionProtectionEnabled": ...,
                    "table.deletionProtection": ...,
                    "streams.deleteContentsOnDestroy": ...,
                    "lake.forceDestroy": ...,
                },
                ["db: has settings.deletionProtectionEnabled unset; a protected stack needs true"],
            ),
            Case(
                "wrong",
                {"table.deletionProtection": False},
                ["table: has deletionProtection false; a protected stack needs true"],
            ),
            Case(
                "wrong",
                {"streams.deleteContentsOnDestroy": True},
                ["streams: has deleteContentsOnDestroy true; a protected stack needs false"],
            ),
            Case(
                "wrong", {"lake.forceDestroy": "true"}, ["lake: has forceDestroy true; a protected stack needs false"]
            ),
            Case(
                "unknown",
                {"db.deletionProtection": UNKNOWN},
                ["db: has deletionProtection <known at update>; a protected stack needs true"],
            ),
            Case(
                "unknown",
                {"lake.forceDestroy": UNKNOWN},
                ["lake: has forceDestroy <known at update>; a protected stack needs false"],
            ),
        ],
    ),
    "database-backups": Cases(
        good=[r.database("db")],
        cases=[
            Case(
                "wrong",
                {f"{_BACKUP}.enabled": False},
                ["db: has backupConfiguration.enabled false; a protected stack needs true"],
            ),
            Case("passes", {f"{_BACKUP}.enabled": "true"}),
            Case("passes", {f"{_BACKUP}.enabled": False}, parameters={"protected": False}),
            Case("passes", {f"{_BACKUP}.enabled": False, "db.masterInstanceName": "main"}),
            Case(
                "wrong",
                {f"{_BACKUP}.pointInTimeRecoveryEnabled": False},
                ["db: has backupConfiguration.pointInTimeRecoveryEnabled false; a protected stack needs true"],
            ),
            Case(
                "unset",
                {_BACKUP: ...},
                [
                    "db: has backupConfiguration.enabled unset; a protected stack needs true",
                    "db: has backupConfiguration.pointInTimeRecoveryEnabled unset; a protected stack needs true",
                ],
            ),
            Case(
                "wrong",
                {f"{_BACKUP}.backupRetentionSettings.retainedBackups": 6},
                ["db: keeps 6 backups; a protected stack needs 7"],
            ),
            Case(
                "wrong",
                {f"{_BACKUP}.backupRetentionSettings.retainedBackups": "none"},
                ["db: keeps 0 backups; a protected stack needs 7"],
            ),
            Case(
                "wrong",
                {f"{_BACKUP}.backupRetentionSettings.retainedBackups": "none"},
                ["db: keeps 0 backups; a protected stack needs 1"],
                {"retained": 1},
            ),
            Case("passes", {f"{_BACKUP}.backupRetentionSettings.retainedBackups": 1}, parameters={"retained": 1}),
            Case("unset", {f"{_BACKUP}.backupRetentionSettings": ...}),  # the cloud's default is 7
            Case(
                "unknown",
                {f"{_BACKUP}.backupRetentionSettings": UNKNOWN},
                ["db: its number of retained backups is not known at preview"],
            ),
            Case(
                "unknown",
                {f"{_BACKUP}.enabled": UNKNOWN},
                ["db: has backupConfiguration.enabled <known at update>; a protected stack needs true"],
            ),
        ],
    ),
    "subscription-permanent": Cases(
        good=[r.subscription("held", "tills")],
        cases=[
            Case(
                "wrong",
                {"held.expirationPolicy.ttl": "2678400s"},
                ["held: is deleted after 2678400s without traffic"],
            ),
            Case("unset", {"held.expirationPolicy": ...}, ["held: is deleted after 31 days without traffic"]),
            Case("unknown", {"held.expirationPolicy": UNKNOWN}),
        ],
    ),
    "dead-letter": Cases(
        good=[
            r.subscription(
                "push",
                "tills",
                **r.push("https://shop.example", "shop-caller"),
                **r.dead_letters("tills-dead-letter"),
            ),
            r.subscription("table", "tills", bigqueryConfig={"table": "p.d.t"}, **r.dead_letters("tills-dead-letter")),
            r.subscription("hold", "tills-dead-letter"),
            r.subscription("lake", "tills", cloudStorageConfig={"bucket": "b"}),
        ],
        cases=[
            Case(
                "wrong",
                {"push.deadLetterPolicy.maxDeliveryAttempts": 19},
                ["push: has maxDeliveryAttempts 19; allowed: 20 to 100"],
            ),
            Case(
                "wrong",
                {"push.deadLetterPolicy.maxDeliveryAttempts": "101"},
                ["push: has maxDeliveryAttempts 101; allowed: 20 to 100"],
            ),
            Case("passes", {"push.deadLetterPolicy.maxDeliveryAttempts": 20}),
            Case("passes", {"push.deadLetterPolicy.maxDeliveryAttempts": 5}, parameters={"minimum_attempts": 5}),
            Case(
                "unset",
                {"push.deadLetterPolicy": ...},
                ["push: has pushConfig and no dead-letter topic: one bad message is retried until it expires"],
            ),
            Case(
                "unset",
                {"table.deadLetterPolicy": ...},
                ["table: has bigqueryConfig and no dead-letter topic: one bad message is retried until it expires"],
            ),
            Case(
                "unset",
                {"push.deadLetterPolicy.maxDeliveryAttempts": ...},
                [
                    "push: leaves maxDeliveryAttempts to the default of 5: "
                    "a short outage would empty the backlog into dead letters"
                ],
            ),
            Case(
                "unset",
                {"push.retryPolicy": ...},
                ["push: has no retryPolicy: refused messages come back at once, for ever"],
            ),
            Case("unknown", {"push.deadLetterPolicy": UNKNOWN, "push.retryPolicy": UNKNOWN}),
            Case("unknown", {"push.deadLetterPolicy.maxDeliveryAttempts": UNKNOWN}),
        ],
    ),
    "dead-letter-kept": Cases(
        good=[
            r.topic("orders"),
            r.topic("orders-given-up"),
            r.subscription("kept", "orders-given-up"),
            r.subscription("work", "orders", **r.dead_letters("orders-given-up")),
            r.subscription("outside", "orders", **r.dead_letters("of-another-stack")),
        ],
        cases=[
            Case(
                "wrong",
                {"kept.topic": "orders"},
                ["work: sends dead letters to Topic 'orders-given-up', which has no subscription: they are lost"],
            ),
            Case(
                "unset",
                {"kept": ...},
                ["work: sends dead letters to Topic 'orders-given-up', which has no subscription: they are lost"],
            ),
            Case(
                "unset",
                {"kept": ..., "twin": r.topic("twin", name="orders-given-up")},
                [
                    "work: sends dead letters to Topic 'orders-given-up', Topic 'twin', "
                    "which has no subscription: they are lost"
                ],
            ),
            Case("passes", {"kept": ..., "work.deadLetterPolicy": ...}),
            Case(
                "unknown",
                {
                    "kept": ...,
                    "work": r.resource(
                        gcp.SUBSCRIPTION,
                        "work",
                        {"deadLetterPolicy": (r.urn(gcp.TOPIC, "orders-given-up"),)},
                        topic="orders",
                        deadLetterPolicy={"deadLetterTopic": UNKNOWN},
                    ),
                },
                ["work: sends dead letters to Topic 'orders-given-up', which has no subscription: they are lost"],
            ),
            Case("unknown", {"kept": ..., "work.deadLetterPolicy.deadLetterTopic": UNKNOWN}),
        ],
    ),
    "alerts-present": Cases(
        good=[*(r.alert(name, words) for name, words in _SIGNALS.items()), r.service("watched")],
        cases=[
            *(Case("unset", {name: ...}, [says]) for name, says in _UNWATCHED.items()),
            *(Case("wrong", {_filter(name): "something else"}, [says]) for name, says in _UNWATCHED.items()),
            Case("wrong", {"backlog.enabled": False}, [_UNWATCHED["backlog"]]),
            Case("passes", {_filter("letters"): 'metric.type = "x/dead_letter_message_count"'}),
            Case("passes", {_filter("errors"): 'metric.labels.response_code_class = "5xx"'}),
            Case("passes", {"backlog": ...}, parameters={"protected": False}),
            Case("passes", {"backlog": ...}, parameters={"about": {"errors": "request_count"}}),
            Case("passes", {"backlog": ..., "watched": ...}),
            Case("wrong", {"backlog": ..., "watched": r.subscription("watched", "tills")}, [_UNWATCHED["backlog"]]),
            Case("unknown", {_filter("backlog"): UNKNOWN}, [_UNWATCHED["backlog"]]),
        ],
    ),
    "alert-tells": Cases(
        good=[r.alert("alert", "x")],
        cases=[
            Case("wrong", {"alert.notificationChannels": []}, ["alert: has no notification channel: it fires unseen"]),
            Case("unset", {"alert.notificationChannels": ...}, ["alert: has no notification channel: it fires unseen"]),
            Case("wrong", {"alert.enabled": False}, ["alert: is switched off"]),
            Case("wrong", {"alert.enabled": "false"}, ["alert: is switched off"]),
            Case("passes", {"alert.enabled": True}),
            Case("unknown", {"alert.notificationChannels": UNKNOWN, "alert.enabled": UNKNOWN}),
        ],
    ),
    "labels": Cases(
        good=[r.bucket("lake"), r.database("db"), r.alert("alert", "x")],
        cases=[
            Case("wrong", {"lake.labels.component": ""}, ["lake: lacks the labels component"]),
            Case("unset", {"lake.labels": ...}, ["lake: lacks the labels environment, application, component"]),
            Case(
                "unset",
                {"db.settings.userLabels.application": ..., "alert.userLabels": ...},
                [
                    "db: lacks the settings.userLabels application",
                    "alert: lacks the userLabels environment, application, component",
                ],
            ),
            Case("passes", {"lake.labels": {"team": "x"}, "db": ..., "alert": ...}, parameters={"required": ["team"]}),
            Case("wrong", {"lake.labels.Team": "x"}, [f"lake: has the label key 'Team': {_KEY}"]),
            Case("wrong", {"lake.labels.1st": "x"}, [f"lake: has the label key '1st': {_KEY}"]),
            Case("wrong", {"lake.labels.team": "Tills"}, [f"lake: has the label team='Tills': {_VALUE}"]),
            Case("wrong", {"lake.labels.team": "x" * 64}, [f"lake: has the label team='{'x' * 64}': {_VALUE}"]),
            Case("passes", {"lake.labels.team": "x" * 63, f"lake.labels.{'k' * 63}": ""}),
            Case("passes", {"lake.labels.goog-X": "x"}),
            Case("unknown", {"lake.labels": UNKNOWN}),
            Case("unknown", {"lake.labels.component": UNKNOWN}),
        ],
    ),
}

"""Changes of properties as changes of a stack's configuration: which key says what."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastyle_policies.model import Resource, dig, number
from fastyle_policies.pricing.advice import Option

from infra.config import ConfigError, load_config
from ops.stack_files import as_the_engine_gives_it

Overrides = dict[str, str | None]
"""Values by configuration key, such as `fastyle:database.tier`; None takes a key out."""

_WORKLOADS = {"pos-api": "pos_api", "inventory-sync": "inventory_sync", "api": "api", "pipeline": "pipeline"}
_CLASSES = ("nearline", "coldline", "archive")
DATABASE = "database-instance"
KEPT_FOR_EVER = "warehouse-staging"
"""The dataset that holds the history from which marts are rebuilt: its tables never expire, by contract."""


def overrides_of(option: Option, resources: Sequence[Resource], config: Mapping[str, Any]) -> Overrides | None:
    """The keys that make a plan of this program as an option has it; None where no key does."""
    if option.moves:
        return {"gcp:region": option.moves[1]}
    overrides: Overrides = {}
    for job in option.adds:
        key = {f"{DATABASE}-stop": "stop_cron", f"{DATABASE}-start": "start_cron"}.get(job.name)
        if key is None:
            return None
        overrides[f"fastyle:database.night_stop.{key}"] = str(job.get("schedule"))
    by_urn = {resource.urn: resource for resource in resources}
    for edit in option.edits:
        resource = by_urn[edit.urn]
        told = _KEYS.get((_kind(resource), _property(edit.path)))
        if told is None:
            return None
        [changed] = option.applied([resource])
        overrides |= told(changed, edit.path, config)
    return overrides


def _kind(resource: Resource) -> str:
    """What a resource is in this program: its logical name, one word for all workloads."""
    if resource.name.rsplit("-", 1)[0] in _WORKLOADS:
        return "workload"
    return resource.name


def _property(path: str) -> str:
    return path.partition(".")[0] if path.startswith("lifecycleRules") else path


def _simply(key: str) -> Callable[[Resource, str, Mapping[str, Any]], Overrides]:
    return lambda changed, path, config: {key: str(changed.get(path))}


def _minimum(changed: Resource, path: str, config: Mapping[str, Any]) -> Overrides:
    workload = _WORKLOADS[changed.name.rsplit("-", 1)[0]]
    return {f"fastyle:workloads.{workload}.minimum_instances": str(int(number(changed.get(path)) or 0))}


def _lifecycle(changed: Resource, path: str, config: Mapping[str, Any]) -> Overrides:
    """The lake's steps, each as it is in the changed rules; what is as before is left out."""
    now = _value(config, "fastyle:lake") or {}
    ages: dict[str, int | None] = {f"{name}_after_days": None for name in (*_CLASSES, "delete")}
    for rule in changed.blocks("lifecycleRules"):
        age, does = number(dig(rule, "condition.age")), dig(rule, "action.type")
        name = {"SetStorageClass": str(dig(rule, "action.storageClass")), "Delete": "delete"}.get(str(does), "")
        if age is not None and f"{name.lower()}_after_days" in ages:
            ages[f"{name.lower()}_after_days"] = int(age)
    kept = ages["delete_after_days"]
    if kept is not None and int(now.get("replay_days", 0)) > kept:
        ages["replay_days"] = kept  # a replay cannot promise what is deleted
    return {
        f"fastyle:lake.{name}": None if age is None else str(age) for name, age in ages.items() if now.get(name) != age
    }


_KEYS: dict[tuple[str, str], Callable[[Resource, str, Mapping[str, Any]], Overrides]] = {
    (DATABASE, "settings.availabilityType"): _simply("fastyle:database.availability"),
    (DATABASE, "settings.tier"): _simply("fastyle:database.tier"),
    ("workload", "serviceConfig.minInstanceCount"): _minimum,
    ("workload", "template.scaling.minInstanceCount"): _minimum,
    ("workload", "scaling.minInstanceCount"): _minimum,
    ("lake-bucket", "lifecycleRules"): _lifecycle,
    ("lake-bucket", "softDeletePolicy.retentionDurationSeconds"): lambda *_: {"fastyle:lake.soft_delete_days": "0"},
    ("logs-default", "retentionDays"): _simply("fastyle:log_retention_days"),
}


def refusal(config: Mapping[str, Any], overrides: Mapping[str, str | None]) -> str:
    """Why the program would not take a configuration with these values; empty where it would."""
    try:
        load_config(_with(config, overrides))
    except ConfigError as e:
        return str(e).splitlines()[0]
    return ""


def value_at(config: Mapping[str, Any], key: str) -> Any:
    """The value of a key such as `fastyle:database.tier`; None where it is unset."""
    name, _, path = key.partition(".")
    value = _value(config, name)
    return dig(value, path) if path else value


def _with(config: Mapping[str, Any], overrides: Mapping[str, str | None]) -> dict[str, str]:
    """The engine's form of the configuration: structures as JSON."""
    values = {key: _value(config, key) for key in config}
    for key, value in overrides.items():
        name, _, path = key.partition(".")
        if not path:
            values[name] = value
            continue
        *parents, last = path.split(".")
        inner: Any = values.setdefault(name, {})
        for parent in parents:
            inner = inner.setdefault(parent, {})
        if value is None:
            inner.pop(last, None)
        else:
            inner[last] = value
    return as_the_engine_gives_it({key: value for key, value in values.items() if value is not None})


def _value(config: Mapping[str, Any], key: str) -> Any:
    text = config.get(key)
    if isinstance(text, str) and text[:1] in ("{", "["):
        return json.loads(text)
    return text

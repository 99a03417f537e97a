"""The stack's configuration: good ones load, every mistake gets one clear line with key, consequence and mend."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastyle_components import Availability

from infra.config import ConfigError, StackConfig, load_config
from infra.crons import clash
from infra.settings import Environment, Orchestrator
from tests.support.configuration import REPOSITORY, as_the_engine_gives_it, changed, configuration

STACKS = ("local", "dev", "prod")


@pytest.mark.parametrize("stack", STACKS)
def test_the_committed_stacks_load(stack: str) -> None:
    config = load_config(as_the_engine_gives_it(configuration(stack)))
    assert config.environment is Environment(stack)


def test_text_from_the_command_line_counts_like_yaml() -> None:
    """`pulumi config set fastyle:deletion_protection true` stores text."""
    config = load_config(changed("dev", "deletion_protection", "true") | {"fastyle:force_destroy": "false"})
    assert config.deletion_protection is True


def test_a_first_dev_needs_three_keys() -> None:
    """Everything else in Pulumi.dev.yaml fits any project."""
    text = (REPOSITORY / "Pulumi.dev.yaml").read_text(encoding="utf-8")
    config = configuration("dev")
    theirs = ["gcp:project", "fastyle:project_number", "fastyle:billing_account"]
    assert text.count(config["gcp:project"]) == 1
    for key in theirs:
        with pytest.raises(ConfigError, match=key):
            load_config(as_the_engine_gives_it({k: v for k, v in config.items() if k != key}))


def test_production_is_what_the_architecture_promises() -> None:
    prod = load_config(as_the_engine_gives_it(configuration("prod")))
    assert prod.orchestrator is Orchestrator.COMPOSER
    assert prod.database.availability is Availability.REGIONAL
    assert prod.deletion_protection
    assert prod.monitoring is not None
    assert prod.monitoring.slos


def test_dev_sleeps() -> None:
    dev = load_config(as_the_engine_gives_it(configuration("dev")))
    assert dev.orchestrator is Orchestrator.SCHEDULER
    assert dev.database.night_stop is not None
    shapes = dev.workloads
    assert [w.minimum_instances for w in (shapes.pos_api, shapes.inventory_sync, shapes.api, shapes.pipeline)] == [
        0
    ] * 4


BAD: list[tuple[str, str, Any, str]] = [
    # stack, key, value (... takes it out), words that the line must hold
    ("dev", "gcp:project", ..., "gcp:project is missing; the Google Cloud project to deploy to"),
    ("dev", "gcp:project", "My Project", "gcp:project is 'My Project'"),
    ("dev", "gcp:region", ..., "gcp:region is missing"),
    ("dev", "project", "x", "write gcp:project instead"),
    ("dev", "project_number", "fastyle-dev", "service agents cannot be granted"),
    ("dev", "billing_account", "my-account", "012345-6789AB-CDEF01"),
    ("dev", "environment", "staging", "fastyle:environment is 'staging'"),
    ("dev", "timezone", "Mars/Olympus", "no IANA time zone"),
    ("dev", "timezone", "../../etc/passwd", "no IANA time zone"),
    ("dev", "currency", "dollars", "sales in another one are refused"),
    ("dev", "bugdet", {"monthly_amount": 5}, "did you mean budget?"),
    ("dev", "budget", ..., "fastyle:budget is missing; without it nobody hears of an overspend"),
    ("dev", "budget.monthly_amount", ..., "fastyle:budget.monthly_amount is missing"),
    ("dev", "budget.monthly_amount", "lots", "fastyle:budget.monthly_amount is 'lots'"),
    ("dev", "budget.monthly_amount", 0, "greater than or equal to 1"),
    ("dev", "budget.thresholds", [0.9, 0.5], "do not ascend"),
    ("dev", "budget.thresholds", [50, 90, 100], "write 0.5 for half"),
    ("dev", "budget.emails", ["nobody"], "fastyle:budget.emails.0"),
    ("dev", "budget.emails", [f"p{n}@example.com" for n in range(6)], "at most 5 items"),
    ("dev", "lake.delete_after_days", ..., "without it the lake grows for ever"),
    ("dev", "lake.delete_after_days", 0, "fastyle:lake.delete_after_days is 0"),
    ("dev", "lake.replay_days", 365, "a replay would miss what was deleted"),
    ("prod", "lake.coldline_after_days", 20, "coldline_after_days (20) is not after nearline_after_days (30)"),
    ("prod", "lake.nearline_after_days", 4000, "is not after nearline_after_days"),
    ("dev", "lake.soft_delete_days", 3, "write 7 or more, or 0"),
    ("dev", "lake.coldline_days", 90, "did you mean coldline_after_days?"),
    ("dev", "warehouse.raw_retention_days", 7, "would be counted again"),
    ("dev", "warehouse.maximum_bytes_billed", 1000, "BigQuery's smallest bill"),
    ("dev", "warehouse.analysts", {"a": "somebody"}, "fastyle:warehouse.analysts.a"),
    ("dev", "streams.retention_days", 32, "how long a stopped consumer loses nothing"),
    ("dev", "streams.lake_batch_seconds", 30, "how long an event waits for its lake file"),
    ("dev", "streams.max_delivery_attempts", 3, "deliveries before an event is a dead letter"),
    ("dev", "database.tier", ..., "fastyle:database.tier is missing"),
    ("dev", "database.disk_gb", 5, "fastyle:database.disk_gb is 5"),
    ("dev", "database.availability", "HA", "fastyle:database.availability is 'HA'"),
    ("dev", "database.night_stop.stop_cron", "22:00", "when the database stops"),
    ("dev", "pipeline.cron", "0 3 * * *", "when database.night_stop has stopped the database"),
    ("dev", "orchestrator", "composer", "nothing would run the pipeline"),
    ("dev", "orchestrator", "airflow", "fastyle:orchestrator is 'airflow'"),
    ("prod", "composer.image_version", "composer-3-airflow-3", "a moving version would upgrade by itself"),
    ("dev", "workloads.api.minimum_instances", 9, "is over maximum_instances"),
    ("dev", "workloads.api.memory", "lots", "memory of an instance"),
    ("dev", "workloads.pos.cpu", "1", "did you mean pos_api?"),
    ("dev", "access.api_auth", "token", "nobody would get in"),
    ("dev", "inventory.reorder_point", "ten", "fastyle:inventory.reorder_point is 'ten'"),
    ("dev", "inventory", "{not json", "not valid JSON"),
    ("dev", "deletion_protection", "perhaps", "whether a mistaken destroy is refused"),
    ("dev", "deletion_protection", "true", "one of them would be ignored"),
    ("dev", "labels", {"Team": "data"}, "fastyle:labels.Team"),
    ("prod", "database.availability", "ZONAL", "a zone's outage stops live inventory"),
    ("prod", "database.backups.point_in_time_recovery", False, "a mistake costs up to a day of trade"),
    ("prod", "database.night_stop", {}, "shops open while it sleeps"),
    ("prod", "database.client_sslmode", "prefer", "a server without TLS"),
    ("prod", "deletion_protection", "false", "one mistaken destroy loses the trade"),
    ("prod", "simulator.enabled", True, "invented sales would mix with real ones"),
    ("prod", "budget.emails", [], "an overspend would wait"),
    ("local", "database.night_stop.stop_hour", 3, "unknown key"),
    ("prod", "monitoring", ..., "nobody hears of an outage"),
    ("prod", "monitoring.emails", [], "whom alerts wake"),
    ("prod", "ci.repository_id", "fastyle", "a renamed repository's successor could deploy"),
]


@pytest.mark.parametrize(("stack", "key", "value", "words"), BAD, ids=[f"{s}-{k}-{v!r}"[:60] for s, k, v, _ in BAD])
def test_a_mistake_is_one_line_with_key_consequence_and_mend(stack: str, key: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(changed(stack, key, value))
    lines = str(caught.value).splitlines()
    assert len(lines) == 1, lines
    assert words in lines[0]
    assert lines[0].startswith(("fastyle:", "gcp:"))
    assert ";" in lines[0], "a mend follows"


def test_several_mistakes_are_told_at_once() -> None:
    config = changed("prod", "database.availability", "ZONAL")
    config["fastyle:simulator"] = json.dumps({"enabled": True})
    with pytest.raises(ConfigError) as caught:
        load_config(config)
    assert len(str(caught.value).splitlines()) == 2


def test_the_guard_only_tells_in_production() -> None:
    config = changed("prod", "budget.guard", "act")
    with pytest.raises(ConfigError, match="a late notice would stop what shops sell with"):
        load_config(config)


def test_a_loaded_config_cannot_be_changed() -> None:
    config = load_config(as_the_engine_gives_it(configuration("dev")))
    with pytest.raises(ValueError, match="frozen"):
        config.lake.delete_after_days = 1  # type: ignore[misc]


@pytest.mark.parametrize("field", StackConfig.model_fields)
def test_every_key_says_what_depends_on_it(field: str) -> None:
    assert StackConfig.model_fields[field].description
    assert StackConfig.model_fields[field].examples


@pytest.mark.parametrize(
    ("cron", "stop", "start", "hour"),
    [
        ("0 3 * * *", "0 22 * * *", "0 6 * * *", 3),
        ("0 23 * * *", "0 22 * * *", "0 6 * * *", 23),
        ("0 6 * * *", "0 22 * * *", "0 6 * * *", None),
        ("59 21 * * *", "0 22 * * *", "0 6 * * *", None),
        ("*/30 * * * *", "0 22 * * *", "0 6 * * *", 0),
        ("0 8-18/2 * * *", "0 22 * * *", "0 6 * * *", None),
        ("0 1,7 * * 1", "0 0 * * *", "0 5 * * *", 1),
        ("0 12 * * *", "0 22 * * *", "0 6,12 * * *", None),  # several starts: not judged
        ("@daily x * * *", "0 22 * * *", "0 6 * * *", None),  # not understood: left to Cloud Scheduler
    ],
)
def test_a_run_while_the_database_sleeps_is_seen(cron: str, stop: str, start: str, hour: int | None) -> None:
    assert clash(cron, stop, start) == hour

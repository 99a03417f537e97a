"""The stack's configuration: good ones load, every mistake gets one clear line with key, consequence and mend."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastyle_components import Availability

from infra.config import ConfigError, StackConfig, load_config
from infra.crons import clash
from infra.settings import Orchestrator
from ops.stacks import stack_names
from tests.support.configuration import REPOSITORY, as_the_engine_gives_it, changed, configuration
from workloads.api.interface import ApiAuth


@pytest.mark.parametrize("stack", stack_names())
def test_the_stacks_of_this_checkout_load(stack: str) -> None:
    given = configuration(stack)
    assert load_config(as_the_engine_gives_it(given)).environment == given["fastyle:environment"]


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


def test_protection_is_a_key_and_the_environment_a_free_label() -> None:
    """No name protects: a stack called anything is held to what `protected` demands, and one called prod without it is not."""
    for environment in ("staging", "prod"):
        assert load_config(changed("dev", "environment", environment)).environment == environment
    with pytest.raises(ConfigError) as caught:
        load_config(changed("dev", "protected", True))
    demands = str(caught.value).splitlines()
    assert all(line.endswith("(protected is true)") for line in demands)
    keys = {line.partition(" is ")[0].removeprefix("fastyle:") for line in demands}
    assert keys == {
        "database.availability",
        "database.backups.point_in_time_recovery",
        "database.night_stop",
        "deletion_protection",
        "simulator.enabled",
        "budget.emails",
        "budget.guard",
        "monitoring",
    }
    relabelled = changed("prod", "environment", "live") | {"fastyle:simulator": '{"enabled": true}'}
    with pytest.raises(ConfigError, match=r"fastyle:simulator\.enabled is true; .* \(protected is true\)"):
        load_config(relabelled)


def test_tokens_of_the_api_are_refused_by_who_enters_and_not_by_a_label() -> None:
    """The platform's check and the API's own read one header: where the platform lets somebody in, tokens stop them."""
    assert load_config(changed("local", "environment", "laptop")).access.api_auth is ApiAuth.TOKEN
    for access in ({"people": {"staff": "group:s@example.com"}}, {"programs": {"erp": "serviceAccount:e@p.example"}}):
        for label in ("local", "dev"):
            config = changed("dev", "environment", label)
            with pytest.raises(ConfigError, match=r"access\.api_auth is token; people's browsers"):
                load_config(config | {"fastyle:access": json.dumps({"api_auth": "token", **access})})


def test_dev_sleeps() -> None:
    dev = load_config(as_the_engine_gives_it(configuration("dev")))
    assert dev.orchestrator is Orchestrator.SCHEDULER
    assert dev.database.night_stop is not None
    shapes = dev.workloads
    assert [w.minimum_instances for w in (shapes.pos_api, shapes.inventory_sync, shapes.api, shapes.pipeline)] == [
        0
    ] * 4


# One mistake a row: stack, key, value (... takes the key out), and the whole line that it gets.
BAD: list[tuple[str, str, Any, str]] = [
    (
        "dev",
        "gcp:project",
        ...,
        'gcp:project is missing; the Google Cloud project to deploy to; write for instance gcp:project: "my-project"',
    ),
    (
        "dev",
        "gcp:project",
        "My Project",
        "gcp:project is 'My Project', not of that form; the Google Cloud project to deploy to; write for instance gcp:project: \"my-project\"",
    ),
    (
        "dev",
        "gcp:region",
        ...,
        'gcp:region is missing; where everything runs; write for instance gcp:region: "us-central1"',
    ),
    ("dev", "project", "x", "fastyle:project: the provider would not see it; write gcp:project instead"),
    (
        "dev",
        "project_number",
        "fastyle-dev",
        "fastyle:project_number is 'fastyle-dev', not of that form; without it service agents cannot be granted anything; write for instance fastyle:project_number: \"123456789012\"",
    ),
    (
        "dev",
        "billing_account",
        "my-account",
        "fastyle:billing_account is 'my-account', not of that form; without it no budget watches the costs; write for instance fastyle:billing_account: \"012345-6789AB-CDEF01\"",
    ),
    (
        "dev",
        "environment",
        "Staging",
        "fastyle:environment is 'Staging', not of that form; a label of your own: bills are split by it; write for instance fastyle:environment: \"dev\"",
    ),
    (
        "dev",
        "brand",
        "東京",
        "fastyle:brand: '東京' has no Latin letter or digit; the label `application` would say nothing; write the name in Latin letters",
    ),
    (
        "dev",
        "brand",
        "<b>",
        "fastyle:brand is '<b>', not of that form; the business's name: in the dashboard, the APIs' titles, alerts and the label `application`; write for instance fastyle:brand: \"Fastyle\"",
    ),
    (
        "dev",
        "locale",
        "german",
        "fastyle:locale is 'german', not of that form; how the dashboard writes numbers and dates; its words are English; write for instance fastyle:locale: \"de-DE\"",
    ),
    (
        "dev",
        "simulator.catalogue",
        "asia",
        "fastyle:simulator.catalogue: ops/data has no catalogue 'asia'; the POS API would not start; write one of catalogue, catalogue-europe",
    ),
    (
        "dev",
        "timezone",
        "Mars/Olympus",
        "fastyle:timezone: 'Mars/Olympus' is no IANA time zone; business dates could not be cut; write for instance America/New_York",
    ),
    (
        "dev",
        "timezone",
        "../../etc/passwd",
        "fastyle:timezone: '../../etc/passwd' is no IANA time zone; business dates could not be cut; write for instance America/New_York",
    ),
    (
        "dev",
        "currency",
        "dollars",
        "fastyle:currency is 'dollars', not of that form; sales in another one are refused; write for instance fastyle:currency: \"USD\"",
    ),
    (
        "dev",
        "bugdet",
        {"monthly_amount": 5},
        "fastyle:bugdet: unknown key, it would change nothing; did you mean budget?",
    ),
    (
        "dev",
        "budget",
        ...,
        'fastyle:budget is missing; without it nobody hears of an overspend; write for instance fastyle:budget: {"monthly_amount": 50}',
    ),
    (
        "dev",
        "budget.monthly_amount",
        ...,
        "fastyle:budget.monthly_amount is missing; without it nobody hears of an overspend; write for instance fastyle:budget.monthly_amount: 50",
    ),
    (
        "dev",
        "budget.monthly_amount",
        "lots",
        "fastyle:budget.monthly_amount is 'lots', no whole number; without it nobody hears of an overspend; write for instance fastyle:budget.monthly_amount: 50",
    ),
    (
        "dev",
        "budget.monthly_amount",
        0,
        "fastyle:budget.monthly_amount is 0, under 1; without it nobody hears of an overspend; write for instance fastyle:budget.monthly_amount: 50",
    ),
    (
        "dev",
        "budget.thresholds",
        [0.9, 0.5],
        "fastyle:budget: thresholds [0.9, 0.5] do not ascend from above 0; Pulumi would see a difference for ever; write thresholds: [0.5, 0.9, 1.0, 1.2]",
    ),
    (
        "dev",
        "budget.thresholds",
        [50, 90, 100],
        "fastyle:budget: thresholds [50.0, 90.0, 100.0] are shares, not per cent; nobody would ever be told; write 0.5 for half",
    ),
    (
        "dev",
        "budget.emails",
        ["nobody"],
        "fastyle:budget.emails.0 is 'nobody', not of that form; who is told beside the billing administrators; write for instance fastyle:budget.emails: [\"finance@example.com\"]",
    ),
    (
        "dev",
        "budget.emails",
        ["p0@example.com", "p1@example.com", "p2@example.com", "p3@example.com", "p4@example.com", "p5@example.com"],
        "fastyle:budget.emails is ['p0@example.com', 'p1@example.com', 'p2@example.com', 'p3@example.com', 'p4@example.com', 'p5@example.com'], more than 5; who is told beside the billing administrators; write for instance fastyle:budget.emails: [\"finance@example.com\"]",
    ),
    (
        "dev",
        "lake.delete_after_days",
        ...,
        "fastyle:lake.delete_after_days is missing; without it the lake grows for ever; write for instance fastyle:lake.delete_after_days: 400",
    ),
    (
        "dev",
        "lake.delete_after_days",
        0,
        "fastyle:lake.delete_after_days is 0, under 1; without it the lake grows for ever; write for instance fastyle:lake.delete_after_days: 400",
    ),
    (
        "dev",
        "lake.replay_days",
        365,
        "fastyle:lake: delete_after_days (30) is under replay_days (365); a replay would miss what was deleted; write delete_after_days: 365 or promise less",
    ),
    (
        "prod",
        "lake.coldline_after_days",
        20,
        "fastyle:lake: coldline_after_days (20) is not after nearline_after_days (30); objects would skip a class that you pay the move to; write coldline_after_days: 60 or more",
    ),
    (
        "prod",
        "lake.nearline_after_days",
        4000,
        "fastyle:lake: coldline_after_days (90) is not after nearline_after_days (4000); objects would skip a class that you pay the move to; write coldline_after_days: 4030 or more",
    ),
    (
        "dev",
        "lake.soft_delete_days",
        3,
        "fastyle:lake: soft_delete_days is under 7; Cloud Storage refuses it; write 7 or more, or 0 for off",
    ),
    (
        "dev",
        "lake.coldline_days",
        90,
        "fastyle:lake.coldline_days: unknown key, it would change nothing; did you mean coldline_after_days?",
    ),
    (
        "dev",
        "warehouse.raw_retention_days",
        7,
        "fastyle:warehouse.raw_retention_days (7) is not over streams.retention_days (7); an event delivered late would be counted again; write warehouse.raw_retention_days: 14 or more",
    ),
    (
        "dev",
        "warehouse.maximum_bytes_billed",
        1000,
        "fastyle:warehouse.maximum_bytes_billed is 1000, under 10485760; without it one query may bill a whole history; at least 10485760, BigQuery's smallest bill; write for instance fastyle:warehouse.maximum_bytes_billed: 10737418240",
    ),
    (
        "dev",
        "warehouse.analysts",
        {"a": "somebody"},
        'fastyle:warehouse.analysts.a is \'somebody\', not of that form; who reads the marts; write for instance fastyle:warehouse.analysts: {"analysts": "group:a@example.com"}',
    ),
    (
        "dev",
        "streams.retention_days",
        32,
        "fastyle:streams.retention_days is 32, over 31; how long a stopped consumer loses nothing; write for instance fastyle:streams.retention_days: 7",
    ),
    (
        "dev",
        "streams.lake_batch_seconds",
        30,
        "fastyle:streams.lake_batch_seconds is 30, under 60; how long an event waits for its lake file; write for instance fastyle:streams.lake_batch_seconds: 300",
    ),
    (
        "dev",
        "streams.max_delivery_attempts",
        3,
        "fastyle:streams.max_delivery_attempts is 3, under 5; deliveries before an event is a dead letter; write for instance fastyle:streams.max_delivery_attempts: 100",
    ),
    (
        "dev",
        "database.tier",
        ...,
        'fastyle:database.tier is missing; the size that Cloud SQL bills by the hour; write for instance fastyle:database.tier: "db-f1-micro"',
    ),
    (
        "dev",
        "database.disk_gb",
        5,
        "fastyle:database.disk_gb is 5, under 10; the disk at the start; it grows by itself, a later change does nothing; write for instance fastyle:database.disk_gb: 10",
    ),
    (
        "dev",
        "database.availability",
        "HA",
        "fastyle:database.availability is 'HA', none of 'ZONAL' or 'REGIONAL'; REGIONAL survives a zone's outage, at twice the price; write for instance fastyle:database.availability: ZONAL",
    ),
    (
        "dev",
        "database.night_stop.stop_cron",
        "22:00",
        "fastyle:database.night_stop.stop_cron: '22:00' is no cron line, it would never run; write minute, hour, day, month, weekday: \"0 22 * * *\"",
    ),
    (
        "dev",
        "pipeline.cron",
        "0 3 * * *",
        "fastyle:pipeline.cron '0 3 * * *' runs on Monday at 03:00, when database.night_stop has stopped the database; the run would fail; move one of them",
    ),
    (
        "dev",
        "orchestrator",
        "composer",
        "fastyle:composer is missing although orchestrator is composer; nothing would run the pipeline; write its image_version under composer, or orchestrator: scheduler",
    ),
    (
        "dev",
        "orchestrator",
        "airflow",
        "fastyle:orchestrator is 'airflow', none of 'scheduler' or 'composer'; what runs the pipeline; write for instance fastyle:orchestrator: \"scheduler\"",
    ),
    (
        "prod",
        "composer.image_version",
        "composer-3-airflow-3",
        "fastyle:composer.image_version is 'composer-3-airflow-3', not of that form; a moving version would upgrade by itself; write for instance fastyle:composer.image_version: \"composer-3-airflow-3.3.1-build.10\"",
    ),
    (
        "dev",
        "workloads.api.minimum_instances",
        9,
        "fastyle:workloads.api: minimum_instances (9) is over maximum_instances (2); Cloud Run would refuse the revision; write maximum_instances: 9 or more",
    ),
    (
        "dev",
        "workloads.api.memory",
        "lots",
        "fastyle:workloads.api.memory is 'lots', not of that form; memory of an instance; write for instance fastyle:workloads.api.memory: \"512Mi\"",
    ),
    (
        "dev",
        "workloads.pos.cpu",
        "1",
        "fastyle:workloads.pos: unknown key, it would change nothing; did you mean pos_api?",
    ),
    (
        "prod",
        "access.api_auth",
        "token",
        "fastyle:access.api_auth is token; people's browsers and Cloud Run's own check both use that header, nobody would get in; write access.api_auth: platform",
    ),
    (
        "dev",
        "inventory.reorder_point",
        True,
        "fastyle:inventory.reorder_point is True, no whole number; a SKU with at most so many on hand is low; write for instance fastyle:inventory.reorder_point: 20",
    ),
    (
        "prod",
        "composer.worker_cpu",
        True,
        "fastyle:composer.worker_cpu is True, no number; vCPUs of a worker; write for instance fastyle:composer.worker_cpu: 0.5",
    ),
    (
        "prod",
        "ci.branch",
        "",
        "fastyle:ci.branch is '', not of that form; the branch that may deploy; write for instance fastyle:ci.branch: \"main\"",
    ),
    (
        "dev",
        "database.flags",
        {"log min": "1000"},
        'fastyle:database.flags.log min is \'log min\', not of that form; PostgreSQL settings; write for instance fastyle:database.flags: {"log_min_duration_statement": "1000"}',
    ),
    (
        "dev",
        "inventory.reorder_point",
        "ten",
        "fastyle:inventory.reorder_point is 'ten', no whole number; a SKU with at most so many on hand is low; write for instance fastyle:inventory.reorder_point: 20",
    ),
    (
        "dev",
        "inventory",
        "{not json",
        "fastyle:inventory: not valid JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1)); nothing of it would be used; write it as YAML",
    ),
    (
        "dev",
        "deletion_protection",
        "perhaps",
        "fastyle:deletion_protection is 'perhaps', neither true nor false; whether a mistaken destroy is refused; write for instance fastyle:deletion_protection: true",
    ),
    (
        "dev",
        "deletion_protection",
        "true",
        "fastyle:force_destroy is true although deletion_protection is; one of them would be ignored; write force_destroy: false",
    ),
    (
        "dev",
        "labels",
        {"Team": "data"},
        'fastyle:labels.Team is \'Team\', not of that form; labels on everything; write for instance fastyle:labels: {"team": "data"}',
    ),
    (
        "prod",
        "database.availability",
        "ZONAL",
        "fastyle:database.availability is ZONAL; a zone's outage stops live inventory; write database.availability: REGIONAL (protected is true)",
    ),
    (
        "prod",
        "database.backups.point_in_time_recovery",
        False,
        "fastyle:database.backups.point_in_time_recovery is off; a mistake costs up to a day of trade; write point_in_time_recovery: true (protected is true)",
    ),
    (
        "prod",
        "database.night_stop",
        {},
        "fastyle:database.night_stop is set; shops open while it sleeps; leave it out (protected is true)",
    ),
    (
        "prod",
        "database.client_sslmode",
        "prefer",
        "fastyle:database.client_sslmode is prefer; a client would talk to a server without TLS; write database.client_sslmode: require (protected is true)",
    ),
    (
        "prod",
        "deletion_protection",
        "false",
        "fastyle:deletion_protection is off; one mistaken destroy loses the trade; write deletion_protection: true, or, to remove the stack, follow docs/operations/removal.md (protected is true)",
    ),
    (
        "prod",
        "decommission",
        "fastyle-dev-example",
        "fastyle:decommission is 'fastyle-dev-example' and the project fastyle-prod-example; another stack may be meant; write decommission: fastyle-prod-example, or leave it out",
    ),
    (
        "prod",
        "composer.deletion_protection",
        False,
        "fastyle:composer.deletion_protection is false although orchestrator is composer; what runs the pipeline could be deleted; write orchestrator: scheduler first, or leave it out",
    ),
    (
        "prod",
        "simulator.enabled",
        True,
        "fastyle:simulator.enabled is true; invented sales would mix with real ones; write simulator.enabled: false (protected is true)",
    ),
    (
        "prod",
        "budget.emails",
        [],
        "fastyle:budget.emails is empty; an overspend would wait for the billing administrators; write budget.emails: [finance@example.com] (protected is true)",
    ),
    (
        "local",
        "database.night_stop.stop_hour",
        3,
        "fastyle:database.night_stop.stop_hour: unknown key, it would change nothing; did you mean stop_cron?",
    ),
    (
        "prod",
        "monitoring",
        ...,
        "fastyle:monitoring is missing; nobody hears of an outage; write monitoring.emails: [oncall@example.com] (protected is true)",
    ),
    (
        "prod",
        "monitoring.emails",
        [],
        'fastyle:monitoring.emails is [], fewer than 1; whom alerts wake; write for instance fastyle:monitoring.emails: ["oncall@example.com"]',
    ),
    (
        "prod",
        "ci.repository_id",
        "fastyle",
        "fastyle:ci.repository_id is 'fastyle', not of that form; a renamed repository's successor could deploy; write for instance fastyle:ci.repository_id: \"123456789\"",
    ),
    (
        "dev",
        "gcp:region",
        "us-centra1",
        "gcp:region: 'us-centra1' is no region known here, the deployment would stop half-way; did you mean us-central1? (a newer one: add it to infra/codes.py)",
    ),
    (
        "dev",
        "gcp:region",
        "moon-base1",
        "gcp:region: 'moon-base1' is no region known here, the deployment would stop half-way; write for instance us-central1 (a newer one: add it to infra/codes.py)",
    ),
    (
        "dev",
        "currency",
        "XYZ",
        "fastyle:currency: 'XYZ' is no ISO 4217 code; every sale would be refused; write for instance USD",
    ),
    (
        "dev",
        "lake",
        5,
        "fastyle:lake is '5', no keys with values; without it the lake grows for ever; write for instance fastyle:lake: {\"delete_after_days\": 400}",
    ),
    (
        "dev",
        "labels.team",
        "Data & Co",
        'fastyle:labels.team is \'Data & Co\', not of that form; labels on everything; write for instance fastyle:labels: {"team": "data"}',
    ),
    (
        "dev",
        "streams.retention_days",
        "7d",
        "fastyle:streams.retention_days is '7d', no whole number; how long a stopped consumer loses nothing; write for instance fastyle:streams.retention_days: 7",
    ),
    (
        "dev",
        "simulator.enabled",
        "maybe",
        "fastyle:simulator.enabled is 'maybe', neither true nor false; whether POST /v1/simulate trades invented sales; write for instance fastyle:simulator.enabled: false",
    ),
    (
        "dev",
        "budget.thresholds",
        ["half"],
        "fastyle:budget.thresholds.0 is 'half', no number; shares of the amount at which people are told; write for instance fastyle:budget.thresholds: [0.5, 0.9, 1.0, 1.2]",
    ),
    (
        "dev",
        "budget.thresholds",
        [],
        "fastyle:budget: thresholds [] do not ascend from above 0; Pulumi would see a difference for ever; write thresholds: [0.5, 0.9, 1.0, 1.2]",
    ),
    (
        "dev",
        "budget.guard",
        "stop",
        "fastyle:budget.guard is 'stop', none of 'tell' or 'act'; whether a function acts on notices; write for instance fastyle:budget.guard: \"tell\"",
    ),
    (
        "prod",
        "budget.guard",
        "act",
        "fastyle:budget.guard is act; a late notice would stop what shops sell with; write budget.guard: tell (protected is true)",
    ),
    (
        "prod",
        "budget.emails",
        ["finance@example.com", "finance@example.com"],
        "fastyle:budget.emails: finance@example.com is named twice; both would be one resource, and the deployment stop; name it once",
    ),
    (
        "dev",
        "workloads.api.ingress",
        "public",
        "fastyle:workloads.api.ingress is 'public', none of 'all', 'internal' or 'internal-and-load-balancer'; from where requests may come; write for instance fastyle:workloads.api.ingress: internal",
    ),
    (
        "dev",
        "workloads.api.cpu",
        "three",
        "fastyle:workloads.api.cpu is 'three', not of that form; vCPUs of an instance; write for instance fastyle:workloads.api.cpu: \"1\"",
    ),
    (
        "dev",
        "workloads.api.cpu",
        "3",
        "fastyle:workloads.api: Cloud Run would refuse the revision; cpu 3 is no size of Cloud Run; use 1, 2, 4, 6, 8 or less than one",
    ),
    (
        "dev",
        "workloads.api.cpu",
        "0.5",
        "fastyle:workloads.api: Cloud Run would refuse the revision; concurrency is 80; use 1 to 1 (1 under one CPU)",
    ),
    (
        "dev",
        "workloads.api.memory",
        "16Gi",
        "fastyle:workloads.api: Cloud Run would refuse the revision; memory 16Gi does not go with 1 CPU; use 128Mi to 4096Mi, or more CPU",
    ),
    (
        "dev",
        "workloads.api.minimum_instances",
        -1,
        "fastyle:workloads.api.minimum_instances is -1, under 0; instances paid for when idle; write for instance fastyle:workloads.api.minimum_instances: 0",
    ),
    (
        "dev",
        "workloads.api.maximum_instances",
        0,
        "fastyle:workloads.api.maximum_instances is 0, under 1; what bounds the cost of a flood; write for instance fastyle:workloads.api.maximum_instances: 5",
    ),
    (
        "dev",
        "workloads.pipeline.timeout_seconds",
        7200,
        "fastyle:workloads.pipeline.timeout_seconds is 7200, over 3600; the longest request; write for instance fastyle:workloads.pipeline.timeout_seconds: 300",
    ),
    (
        "dev",
        "services",
        ["pubsub"],
        "fastyle:services.0 is 'pubsub', not of that form; the APIs that must be on; write for instance fastyle:services: [\"pubsub.googleapis.com\"]",
    ),
    (
        "dev",
        "database.night_stop",
        "always",
        'fastyle:database.night_stop is \'always\', no keys with values; whether it sleeps at night; write for instance fastyle:database.night_stop: {"stop_cron": "0 22 * * *"}',
    ),
    (
        "dev",
        "database.tier",
        "db-n1-standard-1",
        "fastyle:database.tier: Cloud SQL has no tier 'db-n1-standard-1'; use db-f1-micro, db-g1-small or db-custom-<vCPU>-<MB>",
    ),
    (
        "dev",
        "database.tier",
        "db-custom-3-8192",
        "fastyle:database.tier: Cloud SQL has no tier 'db-custom-3-8192': 3 vCPU; use 1 or an even number up to 96",
    ),
    (
        "dev",
        "database.tier",
        "db-custom-2-4000",
        "fastyle:database.tier: Cloud SQL has no tier 'db-custom-2-4000': 4000 MB; use a multiple of 256, at least 3840, 0.9 to 6.5 GB a vCPU",
    ),
    (
        "dev",
        "database.availability",
        "REGIONAL",
        "fastyle:database: availability is REGIONAL with tier db-f1-micro; shared cores are outside the SLA, a standby would cost and buy nothing; write tier: db-custom-2-7680",
    ),
    (
        "dev",
        "database.disk_limit_gb",
        5,
        "fastyle:database: disk_limit_gb (5) is under disk_gb (10); the disk could never grow; write disk_limit_gb: 20, or 0 for no limit",
    ),
    (
        "prod",
        "database.backups.kept",
        3,
        "fastyle:database: backups.kept (3) is under backups.log_days (7); a restore to a second starts from a backup that would be gone; write backups.kept: 7 or more",
    ),
    (
        "dev",
        "database.maintenance_day",
        8,
        "fastyle:database.maintenance_day is 8, over 7; when Google may restart it, 1 is Monday; write for instance fastyle:database.maintenance_day: 7",
    ),
    (
        "dev",
        "network.subnet_cidr",
        "10.10.0.0",
        "fastyle:network.subnet_cidr: Cloud Run cannot enter by 10.10.0.0; direct VPC egress needs a private /26 or larger, within one of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 240.0.0.0/4",
    ),
    (
        "dev",
        "network.subnet_cidr",
        "10.10.0.0/27",
        "fastyle:network.subnet_cidr: Cloud Run cannot enter by 10.10.0.0/27; direct VPC egress needs a private /26 or larger, within one of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 240.0.0.0/4",
    ),
    (
        "dev",
        "network.subnet_cidr",
        "10.10.0.1/24",
        "fastyle:network.subnet_cidr: Cloud Run cannot enter by '10.10.0.1/24': 10.10.0.1/24 has host bits set; write for instance 10.10.0.0/24",
    ),
    (
        "dev",
        "network.subnet_cidr",
        "8.8.8.0/24",
        "fastyle:network.subnet_cidr: Cloud Run cannot enter by 8.8.8.0/24; direct VPC egress needs a private /26 or larger, within one of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, 240.0.0.0/4",
    ),
    (
        "dev",
        "workloads.api.maximum_instances",
        40,
        "fastyle:network.subnet_cidr 10.10.0.0/26 has 60 addresses and the services' maximum_instances take 86; a flood would be refused; write a /25 or larger",
    ),
    (
        "dev",
        "network.services_prefix_length",
        28,
        "fastyle:network.services_prefix_length is 28, over 24; the size of the range for Cloud SQL; write for instance fastyle:network.services_prefix_length: 20",
    ),
    (
        "dev",
        "network.nat",
        "yes please",
        "fastyle:network.nat is 'yes please', neither true nor false; whether private addresses reach the Internet; it is billed by the hour; write for instance fastyle:network.nat: false",
    ),
    (
        "prod",
        "lake.delete_after_days",
        100,
        "fastyle:lake: delete_after_days (100) is under replay_days (730); a replay would miss what was deleted; write delete_after_days: 730 or promise less",
    ),
    (
        "prod",
        "lake.coldline_after_days",
        40,
        "fastyle:lake: objects would leave NEARLINE after 10 days and be billed for 30; raise the next step to 60 days or leave nearline_after_days out",
    ),
    (
        "prod",
        "lake.replay_days",
        2000,
        "fastyle:lake: delete_after_days (1095) is under replay_days (2000); a replay would miss what was deleted; write delete_after_days: 2000 or promise less",
    ),
    (
        "dev",
        "warehouse.max_time_travel_hours",
        24,
        "fastyle:warehouse.max_time_travel_hours is 24, under 48; how far back a table can be read; write for instance fastyle:warehouse.max_time_travel_hours: 168",
    ),
    (
        "dev",
        "pipeline.cron",
        "daily",
        "fastyle:pipeline.cron: 'daily' is no cron line, it would never run; write minute, hour, day, month, weekday: \"0 22 * * *\"",
    ),
    (
        "dev",
        "pipeline.cron",
        "0 25 * * *",
        "fastyle:pipeline.cron: '0 25 * * *' is no cron line, it would never run; write minute, hour, day, month, weekday: \"0 22 * * *\"",
    ),
    (
        "dev",
        "access.operators",
        {"me": "me@example.com"},
        'fastyle:access.operators.me is \'me@example.com\', not of that form; who runs pipelines, replays and redrives; write for instance fastyle:access.operators: {"ops": "group:ops@example.com"}',
    ),
    (
        "dev",
        "access.people",
        {"all": "allUsers"},
        'fastyle:access.people.all is \'allUsers\', not of that form; who opens the dashboard; write for instance fastyle:access.people: {"staff": "group:s@example.com"}',
    ),
    (
        "prod",
        "workloads.api.ingress",
        "internal",
        "fastyle:access.people is given while workloads.api.ingress is internal; no browser would get as far as the sign-in; write workloads.api.ingress: all",
    ),
    (
        "prod",
        "monitoring.emails",
        ["oncall"],
        "fastyle:monitoring.emails.0 is 'oncall', not of that form; whom alerts wake; write for instance fastyle:monitoring.emails: [\"oncall@example.com\"]",
    ),
    (
        "prod",
        "monitoring.freshness_hours",
        24,
        "fastyle:monitoring.freshness_hours is 24, over 23; how long no new marts may come out; write for instance fastyle:monitoring.freshness_hours: 20",
    ),
    (
        "prod",
        "composer",
        ...,
        "fastyle:composer is missing although orchestrator is composer; nothing would run the pipeline; write its image_version under composer, or orchestrator: scheduler",
    ),
    (
        "prod",
        "composer.maintenance_days",
        ["SUNDAY"],
        'fastyle:composer.maintenance_days.0 is \'SUNDAY\', not of that form; 12 hours a week are Google\'s; write for instance fastyle:composer.maintenance_days: ["SA", "SU"]',
    ),
    (
        "prod",
        "composer.worker_memory_gb",
        32,
        "fastyle:composer: worker_memory_gb (32) does not go with worker_cpu (0.5); Composer would refuse the environment; write 1 to 8 GB a vCPU, at most 4 here",
    ),
    (
        "prod",
        "composer.environment_size",
        "HUGE",
        "fastyle:composer.environment_size is 'HUGE', not of that form; the size of its database; write for instance fastyle:composer.environment_size: \"SMALL\"",
    ),
    (
        "prod",
        "ci.roles",
        ["roles/owner"],
        "fastyle:ci.roles.0: roles/owner would let a workflow do anything; name the roles that it needs",
    ),
    (
        "prod",
        "ci.roles",
        ["pubsub.admin"],
        "fastyle:ci.roles.0: 'pubsub.admin' is no role, the grant would be refused; write for instance roles/pubsub.admin",
    ),
    (
        "prod",
        "ci.repository",
        "platform",
        "fastyle:ci.repository is 'platform', not of that form; any repository could deploy; write for instance fastyle:ci.repository: \"fastyle/platform\"",
    ),
    (
        "dev",
        "log_retention_days",
        4000,
        "fastyle:log_retention_days is '4000', over 3650; how long logs can be read; 30 are in the price; write for instance fastyle:log_retention_days: 30",
    ),
    (
        "dev",
        "inventory.max_days_of_cover",
        0,
        "fastyle:inventory.max_days_of_cover is 0, under 1; stock that lasts longer is overstock; write for instance fastyle:inventory.max_days_of_cover: 60",
    ),
    (
        "dev",
        "force_destroy",
        "sometimes",
        "fastyle:force_destroy is 'sometimes', neither true nor false; whether destroying also deletes data that Pulumi did not make; write for instance fastyle:force_destroy: false",
    ),
]


@pytest.mark.parametrize(("stack", "key", "value", "line"), BAD, ids=[f"{s}-{k}-{v!r}"[:60] for s, k, v, _ in BAD])
def test_a_mistake_is_one_line_with_key_consequence_and_mend(stack: str, key: str, value: Any, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(changed(stack, key, value))
    assert str(caught.value) == line
    assert line.startswith(("fastyle:", "gcp:"))
    assert ";" in line, "a mend follows"


def test_the_table_is_long_and_has_no_row_twice() -> None:
    assert len({(stack, key, repr(value)) for stack, key, value, _ in BAD}) == len(BAD) >= 100
    assert len({line for *_, line in BAD}) > len(BAD) - 5, "different mistakes, different lines"


def services(stack: str, *, without: str = "", more: str = "") -> dict[str, str]:
    """`stack` with another list of APIs."""
    given = [api for api in configuration(stack)["fastyle:services"] if api != without]
    return changed(stack, "services", [*given, more] if more else given)


@pytest.mark.parametrize(
    ("stack", "api", "what"),
    [
        ("dev", "eventarc", "budget.guard"),
        ("dev", "cloudscheduler", "a schedule"),
        ("dev", "cloudresourcemanager", "every stack"),
        ("dev", "logging", "every stack"),
        ("prod", "composer", "orchestrator"),
        ("prod", "iap", "access.people"),
        ("prod", "sts", "ci"),
        ("prod", "iamcredentials", "ci"),
    ],
)
def test_an_api_that_something_needs_is_missed_before_the_deployment_stops(stack: str, api: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(services(stack, without=f"{api}.googleapis.com"))
    assert str(caught.value) == (
        f"fastyle:services lacks {api}.googleapis.com, which {what} needs; the deployment would stop half-way; add it"
    )


def test_an_api_named_twice_is_one_too_many() -> None:
    with pytest.raises(ConfigError, match=r"^fastyle:services names run\.googleapis\.com twice; .*; name it once$"):
        load_config(services("dev", more="run.googleapis.com"))


def test_without_a_list_of_apis_somebody_else_switches_them_on() -> None:
    assert load_config(changed("dev", "services", [])).services == []


def test_several_mistakes_are_told_at_once() -> None:
    config = changed("prod", "database.availability", "ZONAL")
    config["fastyle:simulator"] = json.dumps({"enabled": True})
    config["fastyle:deletion_protection"] = "false"
    with pytest.raises(ConfigError) as caught:
        load_config(config)
    lines = str(caught.value).splitlines()
    assert [line.partition(" ")[0] for line in lines] == [
        "fastyle:database.availability",
        "fastyle:deletion_protection",
        "fastyle:simulator.enabled",
    ]


def test_mistakes_of_different_kinds_are_told_at_once() -> None:
    config = changed("dev", "database.tier", "huge")
    config["fastyle:bugdet"] = "{}"
    config["fastyle:currency"] = "XYZ"
    del config["gcp:project"]
    with pytest.raises(ConfigError) as caught:
        load_config(config)
    assert len(str(caught.value).splitlines()) == 4


def test_a_loaded_config_cannot_be_changed() -> None:
    config = load_config(as_the_engine_gives_it(configuration("dev")))
    with pytest.raises(ValueError, match="frozen"):
        config.lake.delete_after_days = 1  # type: ignore[misc]


@pytest.mark.parametrize("field", StackConfig.model_fields)
def test_every_key_says_what_depends_on_it(field: str) -> None:
    assert StackConfig.model_fields[field].description
    assert StackConfig.model_fields[field].examples


@pytest.mark.parametrize(
    ("cron", "stop", "start", "run"),
    [
        ("0 3 * * *", "0 22 * * *", "0 6 * * *", "Mon 03:00"),
        ("0 23 * * *", "0 22 * * *", "0 6 * * *", "Mon 23:00"),
        ("0 22 * * *", "0 22 * * *", "0 6 * * *", "Mon 22:00"),
        ("0 6 * * *", "0 22 * * *", "0 6 * * *", None),
        ("59 21 * * *", "0 22 * * *", "0 6 * * *", None),
        ("*/30 * * * *", "0 22 * * *", "0 6 * * *", "Mon 00:00"),
        ("0 8-18/2 * * *", "0 22 * * *", "0 6 * * *", None),
        ("0 1,7 * * 1", "0 0 * * *", "0 5 * * *", "Mon 01:00"),
        # Weekdays count: awake from Monday's start to Friday's stop alone.
        ("0 9 * * *", "0 20 * * *", "0 8 * * 1-5", "Sat 09:00"),
        ("0 9 * * 1-5", "0 20 * * *", "0 8 * * 1-5", None),
        ("0 9 * * 0", "0 20 * * *", "0 8 * * 1-5", "Sun 09:00"),
        ("0 9 * * *", "0 20 * * 5", "0 8 * * 1", "Sat 09:00"),
        ("0 3 * * 2", "0 20 * * 5", "0 8 * * 1", None),  # no stop between Monday and Friday
        ("0 9 1 * *", "0 20 * * *", "0 8 * * 1-5", "Sat 09:00"),  # in June
        ("0 12 * * *", "0 22 * * *", "0 6,12 * * *", None),
        ("0 11 * * *", "0 10,22 * * *", "0 6,12 * * *", "Mon 11:00"),
    ],
)
def test_a_run_while_the_database_sleeps_is_seen(cron: str, stop: str, start: str, run: str | None) -> None:
    clashes = clash(cron, stop, start)
    assert (f"{clashes:%a %H:%M}" if clashes else None) == run

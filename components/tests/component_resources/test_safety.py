"""What every component promises whatever it is asked for: bounds, refusals, and safe defaults. Named by invariant."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pulumi
import pulumi_gcp as gcp
import pytest
from fastyle_components import (
    COMPONENTS,
    ArgsError,
    Budget,
    BudgetGuard,
    EventStream,
    Function,
    FunctionBuild,
    Ingress,
    Monitoring,
    Network,
    OperationalDatabase,
    Orchestration,
    ProjectServices,
    RawLake,
    Schedule,
    Secrets,
    Service,
    Warehouse,
    WorkloadArchive,
    WorkloadIdentityFederation,
)

from component_resources.examples import WHO, declared, example
from component_resources.recorder import declare

ARCHIVE = Path(__file__)


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda c: c.__name__)
def test_nothing_is_public_unless_it_is_named(component: type[pulumi.ComponentResource]) -> None:
    closed = declare(example(Function, ARCHIVE, allow_unauthenticated=False)) if component is Function else None
    text = json.dumps((closed or declared(component)).resources, default=str)
    assert "allUsers" not in text
    assert "allAuthenticatedUsers" not in text


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda c: c.__name__)
def test_no_primitive_role_no_key_no_default_account(component: type[pulumi.ComponentResource]) -> None:
    recorder = declared(component)
    assert not [key for key in recorder.resources if "serviceaccount/key" in key]
    text = json.dumps(recorder.resources, default=str)
    assert not re.search(r'"roles/(owner|editor|viewer)"', text.replace("roles/viewer", "", 1))
    assert "compute@developer" not in text


def test_every_bucket_is_private_and_its_objects_end() -> None:
    buckets = [
        inputs
        for component in COMPONENTS
        for key, inputs in declared(component).resources.items()
        if key.startswith("gcp:storage/bucket:")
    ]
    assert len(buckets) == 4
    for bucket in buckets:
        assert bucket["publicAccessPrevention"] == "enforced"
        assert bucket["uniformBucketLevelAccess"] is True
        assert bucket["forceDestroy"] is False
        actions = [rule["action"]["type"] for rule in bucket["lifecycleRules"]]
        assert "Delete" in actions
        assert "AbortIncompleteMultipartUpload" in actions


def test_lake_objects_age_once_and_end_last() -> None:
    rules = declared(RawLake).one("c-bucket")["lifecycleRules"]
    ages = [rule["condition"]["age"] for rule in rules if rule["action"]["type"] != "AbortIncompleteMultipartUpload"]
    assert ages == sorted(set(ages))


def test_versions_of_a_versioned_lake_end_too() -> None:
    rules = declare(example(RawLake, ARCHIVE, versioning=True)).one("c-bucket")["lifecycleRules"]
    assert {"daysSinceNoncurrentTime": 30} in [rule["condition"] for rule in rules]


def test_no_subscription_expires_and_each_has_its_dead_letters_and_grants() -> None:
    """Unset, Pub/Sub deletes a subscription after 31 idle days; without its two grants it never dead-letters."""
    recorder = declared(EventStream)
    agent = "serviceAccount:service-123@gcp-sa-pubsub.iam.gserviceaccount.com"
    for name in ("c-to-bigquery", "c-to-lake", "c-to-shop"):
        subscription = recorder.one(name)
        assert subscription["expirationPolicy"] == {"ttl": ""}
        assert subscription["deadLetterPolicy"] == {
            "deadLetterTopic": "projects/shop-1/topics/sales-dead-letter",
            "maxDeliveryAttempts": 100,
        }
        assert recorder.one(f"{name}-agent") == {
            "subscription": subscription["name"],
            "role": "roles/pubsub.subscriber",
            "member": agent,
        }
    assert recorder.one(f"c-dead-letter-publisher-{agent}")["role"] == "roles/pubsub.publisher"
    assert recorder.one("c-dead-letter-hold")["topic"] == "projects/shop-1/topics/sales-dead-letter"
    assert recorder.one("c-dead-letter-hold")["expirationPolicy"] == {"ttl": ""}


def test_a_lake_file_is_written_before_its_events_are_given_up() -> None:
    lake = declared(EventStream).one("c-to-lake")
    assert int(lake["cloudStorageConfig"]["maxDuration"].removesuffix("s")) <= lake["ackDeadlineSeconds"]


def test_without_a_schema_the_table_s_own_is_used() -> None:
    export = declare(example(EventStream, ARCHIVE, schema_definition=...)).one("c-to-bigquery")["bigqueryConfig"]
    assert (export["useTopicSchema"], export["useTableSchema"]) == (False, True)


def test_the_database_has_no_public_address_and_no_password() -> None:
    recorder = declared(OperationalDatabase)
    settings = recorder.one("c-instance")["settings"]
    assert settings["ipConfiguration"]["ipv4Enabled"] is False
    assert settings["ipConfiguration"]["sslMode"] == "ENCRYPTED_ONLY"
    assert settings["edition"] == "ENTERPRISE"
    assert settings["backupConfiguration"]["enabled"] is True
    assert settings["deletionProtectionEnabled"] is recorder.one("c-instance")["deletionProtection"] is True
    assert "password" not in json.dumps(recorder.resources).lower()
    assert recorder.one("c-user-api")["name"] == "api@shop-1.iam"
    assert recorder.one("c-user-staff")["name"] == "staff@example.com"


def test_secrets_carry_no_value_but_the_placeholder() -> None:
    recorder = declared(Secrets)
    versions = [key for key in recorder.resources if "secretVersion" in key]
    assert versions == ["gcp:secretmanager/secretVersion:SecretVersion::c-tills-first"]


def test_a_service_is_bounded_and_pins_what_it_runs() -> None:
    template = declared(Service).one("c-service")["template"]
    assert template["scaling"] == {"minInstanceCount": 0, "maxInstanceCount": 5}
    container = template["containers"][0]
    assert container["image"] == "scratch"
    assert container["sourceCode"]["cloudStorageSource"]["generation"] == "7"
    assert container["resources"]["cpuIdle"] is True
    assert [env["name"] for env in container["envs"]] == ["A", "B"], "one order, or every preview differs"


def test_a_service_may_run_an_image_instead() -> None:
    service = declare(example(Service, ARCHIVE, source=..., image="europe-docker.pkg.dev/p/r/i@sha256:0", subnet=...))
    container = service.one("c-service")["template"]["containers"][0]
    assert container["image"].endswith("sha256:0")
    assert not {"sourceCode", "baseImageUri", "commands", "args"} & set(container)
    assert "vpcAccess" not in service.one("c-service")["template"]


def test_a_function_on_a_topic_retries_and_its_trigger_may_call_it() -> None:
    changes: dict[str, Any] = {"topic": "projects/p/topics/t", "trigger_service_account_email": "g@x"}
    recorder = declare(example(Function, ARCHIVE, allow_unauthenticated=..., **changes))
    assert recorder.one("c-function")["eventTrigger"]["retryPolicy"] == "RETRY_POLICY_RETRY"
    assert recorder.one("c-invoker-trigger")["member"] == "serviceAccount:g@x"


def test_a_build_reads_the_copy_that_cloud_functions_makes_and_nothing_beside_it() -> None:
    """Without it a build ends with "Access to bucket gcf-v2-sources-… denied"; the bucket comes with the function."""
    grant = declared(FunctionBuild).one("c-reads-sources")
    assert grant["role"] == "roles/storage.objectViewer"
    assert grant["condition"]["expression"] == (
        'resource.name.startsWith("projects/_/buckets/gcf-v2-sources-123-us-central1")'
    )


def test_an_agent_that_is_asked_for_gets_its_usual_role() -> None:
    """Made by a service's first use it would get it by itself; without it Pub/Sub signs no token for a push."""
    grant = declared(ProjectServices).one("c-pubsub-agent-role")
    assert grant["role"] == "roles/pubsub.serviceAgent"
    assert grant["member"] == "serviceAccount:service-123@gcp-sa-pubsub.iam.gserviceaccount.com"


def test_a_budget_guard_may_pause_and_stop_and_nothing_else() -> None:
    recorder = declared(BudgetGuard)
    assert recorder.one("c-role")["permissions"] == [
        *("cloudscheduler.jobs.enable", "cloudscheduler.jobs.get", "cloudscheduler.jobs.pause"),
        *("cloudsql.instances.get", "cloudsql.instances.update"),
    ]
    assert recorder.one("c-acts")["role"] == "projects/shop-1/roles/budgetGuard"
    roles = {inputs["role"] for inputs in recorder.resources.values() if "role" in inputs}
    assert roles == {"projects/shop-1/roles/budgetGuard", "roles/storage.objectUser", "roles/storage.objectViewer"}
    assert recorder.one("c-memory")["versioning"] == {"enabled": True}
    jobs_only = declare(example(BudgetGuard, ARCHIVE, stops_databases=False)).one("c-role")["permissions"]
    assert not [permission for permission in jobs_only if "sql" in permission]


def test_a_used_up_budget_is_an_alert_once_a_day() -> None:
    policy = declared(Monitoring).one("c-budget")
    assert policy["alertStrategy"]["notificationRateLimit"] == {"period": "86400s"}
    (condition,) = policy["conditions"]  # a log match stands alone in its policy
    assert 'jsonPayload.event = "budget_guard"' in condition["conditionMatchedLog"]["filter"]
    others = declare(example(Monitoring, ARCHIVE, budget_guard=..., late_filter=...)).resources
    assert not [key for key in others if key.endswith(("::c-budget", "::c-late"))]
    assert not [key for key, inputs in others.items() if "notificationRateLimit" in str(inputs)], "only for log matches"


def test_a_late_run_is_an_alert_made_of_its_log_line() -> None:
    policy = declared(Monitoring).one("c-late")
    assert policy["alertStrategy"]["notificationRateLimit"] == {"period": "3600s"}
    (condition,) = policy["conditions"]
    assert condition["conditionMatchedLog"]["filter"] == 'textPayload:"late"'


def test_a_stale_mart_is_an_alert_though_nothing_was_ever_published() -> None:
    """An absence begins with a metric's first point, and a zero ends it: publications are counted instead."""
    policy = declare(example(Monitoring, ARCHIVE, freshness_hours=20)).one("c-freshness")
    (condition,) = policy["conditions"]
    assert "conditionAbsent" not in condition
    query = condition["conditionPrometheusQueryLanguage"]
    # What counts for half an hour and then must be missed for the rest: 20 hours since the last publication.
    assert query["duration"] == f"{19 * 3600 + 1800}s"
    name = "logging_googleapis_com:user_c_marts_published"
    assert query["query"] == (
        f'(sum(increase({name}{{monitored_resource="cloud_composer_environment"}}[30m])) or vector(0))'
        f' + (sum(increase({name}{{monitored_resource="cloud_run_revision"}}[30m])) or vector(0)) == 0'
    )
    assert int(query["evaluationInterval"].removesuffix("s")) < 1800, "or a publication would pass unseen"


def test_a_build_begins_when_its_grants_hold() -> None:
    def program() -> None:
        slow = gcp.pubsub.Topic("slow", name="slow")
        build = example(FunctionBuild, ARCHIVE, wait_for=[slow.name])()
        example(Function, ARCHIVE, build_service_account=build.service_account)()

    waits = set(declare(program).options["gcp:cloudfunctionsv2/function:Function::c-function"]["after"])
    assert {"slow", "c-writes-repository", "c-reads-archives", "c-reads-sources", "c-writes-logs"} <= waits


def test_an_alert_on_a_metric_of_its_own_is_made_when_the_metric_is_known() -> None:
    """Cloud Monitoring answers 404 for up to ten minutes: the alert waits for what takes as long, and looks nothing up."""

    def program() -> None:
        slow = gcp.pubsub.Topic("slow", name="slow")
        example(Monitoring, ARCHIVE, wait_for=[slow.name])()

    recorder = declare(program)
    on_own_metrics = {
        key: recorder.options[key]
        for key, inputs in recorder.resources.items()
        if "alertPolicy" in key and "user" in str(inputs["conditions"])
    }
    assert [key.rpartition("::")[2] for key in on_own_metrics] == ["c-freshness"]
    for key, options in on_own_metrics.items():
        assert {"slow", "c-marts-published"} <= set(options["after"]), key
        (condition,) = recorder.resources[key]["conditions"]
        assert condition["conditionPrometheusQueryLanguage"]["disableMetricValidation"] is True


def test_an_access_list_names_roles_as_the_api_gives_them_back() -> None:
    """roles/bigquery.dataEditor comes back as WRITER: the grant would differ, and be replaced, at every update."""
    entries = [v for k, v in declared(Warehouse).resources.items() if "datasetAccess" in k]
    assert {entry["role"] for entry in entries if "role" in entry} == {"WRITER", "READER"}


def test_a_source_runs_on_the_runtime_s_own_python_at_whatever_stage_its_features_are() -> None:
    """python3 is Ubuntu's own in that base image, of another version; a stage that is named differs for ever."""
    service = declared(Service).one("c-service")
    (container,) = service["template"]["containers"]
    assert (container["commands"], container["args"]) == (["python"], ["main.py"])
    assert "launchStage" not in service


@pytest.mark.parametrize(
    "cidr", ["10.8.0.0/24", "172.31.0.0/24", "192.168.0.0/24", "100.64.0.0/24", "100.127.255.0/26", "240.0.0.0/24"]
)
def test_a_subnet_has_any_range_that_cloud_run_enters_a_network_by(cidr: str) -> None:
    assert declare(example(Network, ARCHIVE, subnet_cidr=cidr)).one("c-subnet")["ipCidrRange"] == cidr


def test_a_nat_exists_only_where_asked_for() -> None:
    recorder = declare(example(Network, ARCHIVE, nat=...))
    assert not [key for key in recorder.resources if "Router" in key]


def test_streams_are_no_slow_answers() -> None:
    """Cloud Run counts a stream of five minutes as an answer that took five minutes, without a label of its path."""

    def program() -> None:
        slow = gcp.pubsub.Topic("slow", name="slow")
        example(Monitoring, ARCHIVE, api_streams=["/v1/stream", "/v1/tail"], latency_ms=500, wait_for=[slow.name])()

    recorder = declare(program)
    metric = recorder.one("c-api-latency")
    assert metric["filter"].endswith(
        'service_name = "api" AND log_id("run.googleapis.com/requests") '
        'AND NOT httpRequest.requestUrl:("/v1/stream" OR "/v1/tail")'
    )
    buckets = metric["bucketOptions"]["exponentialBuckets"]
    ends = [buckets["scale"] * buckets["growthFactor"] ** n for n in range(int(buckets["numFiniteBuckets"]) + 1)]
    assert 0.5 in ends, "or how many of a bucket are over the limit would be guessed"
    assert ends[-1] > 300, "as long as a request may take"
    cut = recorder.one("c-answering")["requestBasedSli"]["distributionCut"]
    assert cut["range"] == {"max": 0.5}
    assert 'metric.type = "logging.googleapis.com/user/c-api-latency"' in cut["distributionFilter"]
    (condition,) = recorder.one("c-latency")["conditions"]
    query = condition["conditionPrometheusQueryLanguage"]
    assert query["disableMetricValidation"] is True
    assert query["query"] == (
        "histogram_quantile(0.99, sum by (le) (increase(logging_googleapis_com:user_c_api_latency_bucket"
        '{monitored_resource="cloud_run_revision"}[5m]))) > 0.5'
    )
    assert "user/c-api-latency" in recorder.one("c-dashboard")["dashboardJson"]
    for key in ("gcp:monitoring/slo:Slo::c-answering", "gcp:monitoring/alertPolicy:AlertPolicy::c-latency"):
        assert {"slow", "c-api-latency"} <= set(recorder.options[key]["after"]), key


def test_a_burn_alert_needs_both_windows() -> None:
    """One window alone wakes people for what is over already, or too late."""
    policy = declared(Monitoring).one("c-burn-accepting")
    assert policy["combiner"] == "AND"
    filters = [condition["conditionThreshold"]["filter"] for condition in policy["conditions"]]
    assert [f.rpartition('"')[0].rpartition('"')[2] for f in filters] == ["3600s", "300s"]


def test_alerts_name_what_to_do_and_reach_somebody() -> None:
    recorder = declare(example(Monitoring, ARCHIVE, runbook_url="https://runbooks/#"))
    policies = {k: v for k, v in recorder.resources.items() if "alertPolicy" in k}
    assert len(policies) == 12
    for key, policy in policies.items():
        assert policy["notificationChannels"] == ["projects/shop-1/notificationChannels/c-email-a@example.com"], key
        assert f"https://runbooks/#{key.rpartition('::c-')[2]}" in policy["documentation"]["content"]


def test_any_number_of_subscriptions_is_watched_by_policies_of_six_conditions() -> None:
    """Cloud Monitoring takes six conditions in a policy; those of the first six stay where they are, for ever."""

    def conditions(number: int) -> dict[str, list[str]]:
        subscriptions = [f"s-{n}" for n in range(number)]
        recorder = declare(example(Monitoring, ARCHIVE, subscriptions=subscriptions, runbook_url="https://r/#"))
        return {
            key.rpartition("::c-")[2]: [condition["displayName"].split()[0] for condition in policy["conditions"]]
            for key, policy in recorder.resources.items()
            if "alertPolicy" in key and "::c-backlog" in key and "(https://r/#backlog)" in str(policy["documentation"])
        }

    six = {"backlog": [f"s-{n}" for n in range(6)]}
    assert conditions(6) == six
    assert conditions(13) == six | {"backlog-2": [f"s-{n}" for n in range(6, 12)], "backlog-3": ["s-12"]}


def test_each_delivery_objective_is_on_the_subscription_that_it_names() -> None:
    wanted = {"delivering": "b-to-shop", "delivering-b": "c-to-shop"}
    recorder = declare(example(Monitoring, ARCHIVE, subscriptions=["a", *wanted.values()], delivery_objectives=wanted))
    for key, subscription in wanted.items():
        indicator = recorder.one(f"c-{key}")["windowsBasedSli"]["metricMeanInRange"]["timeSeries"]
        assert f'subscription_id = "{subscription}"' in indicator
        assert recorder.one(f"c-burn-{key}")["severity"] == "CRITICAL"


def test_a_dashboard_has_no_zero_position() -> None:
    """Cloud Monitoring drops zeros: with them every preview would differ."""
    text = declared(Monitoring).one("c-dashboard")["dashboardJson"]
    tiles = json.loads(text)["mosaicLayout"]["tiles"]
    assert all(tile.get("xPos") != 0 and tile.get("yPos") != 0 for tile in tiles)
    places = {(tile.get("xPos", 0), tile.get("yPos", 0)) for tile in tiles}
    assert len(places) == len(tiles)


def test_only_approved_jobs_of_one_branch_of_one_repository_may_deploy() -> None:
    recorder = declared(WorkloadIdentityFederation)
    assert recorder.one("c-provider")["attributeCondition"] == (
        "assertion.repository_id == '42' && assertion.repository == 'shop/platform' && assertion.ref == 'refs/heads/main' "
        "&& ((assertion.environment == 'prod' && assertion.event_name in ['push', 'workflow_dispatch']) || "
        "(assertion.environment == 'prod-drift' && assertion.event_name in ['schedule', 'workflow_dispatch']))"
    )
    assert recorder.one("c-provider")["attributeMapping"]["attribute.environment"] == "assertion.environment"
    deployer = recorder.one("c-becomes-account")
    assert deployer["member"].endswith("/workloadIdentityPools/github/attribute.environment/prod")
    assert deployer["serviceAccountId"].endswith("/deploy-ci@shop-1.iam.gserviceaccount.com")
    reader = recorder.one("c-prod-drift-becomes-looks@shop-1.iam.gserviceaccount.com")
    assert reader["member"].endswith("/attribute.environment/prod-drift")
    assert reader["serviceAccountId"].endswith("shop-1/serviceAccounts/looks@shop-1.iam.gserviceaccount.com")


def test_a_pull_request_becomes_the_account_of_its_own_environment_alone() -> None:
    """What is not merged yet must become neither who deploys nor who looks, whatever environment it names."""
    usual = declared(WorkloadIdentityFederation).one("c-provider")["attributeCondition"]
    account = "try@shop-1.iam.gserviceaccount.com"
    recorder = declare(example(WorkloadIdentityFederation, ARCHIVE, previews={"dev-preview": account}))
    repository, _, merged = usual.partition(" && assertion.ref == ")
    assert recorder.one("c-provider")["attributeCondition"] == (
        f"{repository} && ((assertion.ref == {merged}) || (assertion.environment == 'dev-preview' && "
        "assertion.event_name == 'pull_request' && assertion.ref.startsWith('refs/pull/')))"
    )
    assert "pull_request" not in usual
    grant = recorder.one(f"c-dev-preview-becomes-{account}")
    assert grant["member"].endswith("/attribute.environment/dev-preview")
    assert grant["serviceAccountId"] == f"projects/shop-1/serviceAccounts/{account}"


def test_without_readers_nobody_looks() -> None:
    recorder = declare(example(WorkloadIdentityFederation, ARCHIVE, readers=None))
    assert "schedule" not in recorder.one("c-provider")["attributeCondition"]
    assert len([key for key in recorder.resources if key.startswith("gcp:serviceaccount/iAMMember")]) == 1


def test_a_repository_of_any_name_has_a_subject_that_google_takes() -> None:
    """GitHub's own has the names of owner and repository, with their ids since July 2026: 128 bytes or more here."""
    program = example(WorkloadIdentityFederation, ARCHIVE, repository=f"shop/{'x' * 95}")
    mapped = declare(program).one("c-provider")["attributeMapping"]["google.subject"]
    assert mapped == "'repository:' + assertion.repository_id + ':environment:' + assertion.environment"


@pytest.mark.parametrize(("letters", "taken"), [(101, True), (102, False)])
def test_a_subject_that_google_does_not_take_is_refused(letters: int, taken: bool) -> None:
    """`repository:42:environment:…` of 127 bytes is the longest."""
    program = example(WorkloadIdentityFederation, ARCHIVE, environment="x" * letters, readers=None)
    if taken:
        declare(program)
    else:
        with pytest.raises(ArgsError, match=r"subject repository:42:environment:x+ has 128 bytes and Google takes 127"):
            declare(program)


def _of_a_table(kind: str = "STRING", **more: Any) -> dict[str, Any]:
    table = {"schema": json.dumps([{"name": "a", "type": kind}]), "description": "t", **more}
    return {"datasets": {"d": {"description": "d", "tables": {"t": table}}}}


REFUSED: list[tuple[type[pulumi.ComponentResource], dict[str, Any], str]] = [
    (RawLake, {"coldline_after_days": 40}, "leave NEARLINE after 10 days and be billed for 30"),
    (RawLake, {"delete_after_days": 500}, "leave ARCHIVE after 135 days and be billed for 365"),
    (RawLake, {"nearline_after_days": 0}, "0 would match every object"),
    (RawLake, {"delete_after_days": 100}, "must be larger than archive_after_days"),
    (RawLake, {"soft_delete_days": 3}, "soft_delete_days is 3"),
    (Warehouse, {"datasets": {"d": {"description": "d", "authorized_datasets": ["x"]}}}, "names 'x'"),
    (Warehouse, {"datasets": {"d": {"description": "d", "max_time_travel_hours": 24}}}, "max_time_travel_hours is 24"),
    (Warehouse, _of_a_table(schema="{"), "not a JSON array"),
    (Warehouse, _of_a_table(clustering=["b"]), "column 'b' is not in the schema"),
    (Warehouse, _of_a_table(partition_field="a"), "is no date or time"),
    (Warehouse, _of_a_table(partition_field="b"), "column 'b' is not in the schema"),
    *(
        (
            EventStream,
            {"push": {key: {"endpoint": "https://x/push", "service_account_email": "p@x", "audience": "x"}}},
            f"{key!r} has the name of an export",
        )
        for key in ("bigquery", "lake")
    ),
    (EventStream, {"retention_days": 32}, "retention_days is 32"),
    (EventStream, {"max_delivery_attempts": 4}, "max_delivery_attempts is 4"),
    (EventStream, {"minimum_backoff_seconds": 60, "maximum_backoff_seconds": 30}, "maximum_backoff_seconds is 30"),
    (EventStream, {"storage": {"bucket": "b", "batch_seconds": 30}}, "storage.batch_seconds is 30"),
    (
        EventStream,
        {"push": {"lake": {"endpoint": "e", "service_account_email": "a", "audience": "x"}}},
        "has the name of an export",
    ),
    (Service, {"image": "i"}, "source or image"),
    (Service, {"source": ...}, "source or image"),
    (Service, {"service_name": "Shop_1"}, "at most 49"),
    (Service, {"service_name": "shop-"}, "no hyphen last"),
    (Service, {"cpu": "0.5"}, "concurrency is 80"),
    (Service, {"cpu": "many"}, "no number of vCPUs"),
    (Service, {"cpu": "0.5", "concurrency": 1, "cpu_always_allocated": True}, "needs a whole CPU"),
    (Service, {"minimum_instances": 9}, "maximum_instances is 5"),
    (Service, {"timeout_seconds": 4000}, "timeout_seconds is 4000"),
    (Service, {"environment": {"PORT": "1"}}, "PORT is set by Cloud Run"),
    (Service, {"iap_project_number": ...}, "would let nobody in"),
    (Service, {"memory": "5Gi"}, "does not go with 1 CPU"),
    (Service, {"cpu": "4", "memory": "1Gi"}, "use 2048Mi to 16384Mi"),
    (Service, {"cpu": "6", "memory": "25Gi"}, "use 4096Mi to 24576Mi"),
    (Service, {"cpu": "8", "memory": "33Gi"}, "use 4096Mi to 32768Mi"),
    (Service, {"cpu": "3"}, "is no size of Cloud Run"),
    (Service, {"memory": "lots"}, "is no amount"),
    (Function, {"memory": "8G"}, "does not go with 1 CPU"),
    (Function, {"cpu": "0.5", "concurrency": 2}, "concurrency is 2"),
    *(
        (Function, {"environment": {variable: "x"}}, "Cloud Functions' own")
        for variable in (
            *("PORT", "FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE", "FUNCTION_NAME", "FUNCTION_REGION"),
            *("X_GOOGLE_X", "K_SERVICE"),
        )
    ),
    (Function, {"environment": {"THREADS": "4"}}, "follows from concurrency"),
    (Function, {"function_name": "api"}, "4 to 63"),
    (Function, {"topic": "t"}, "belong together"),
    (Function, {"topic": "t", "trigger_service_account_email": "a"}, "needs no public entrance"),
    (Function, {"timeout_seconds": 4000}, "timeout_seconds is 4000"),
    (Schedule, {"cron": "daily"}, "has not five fields"),
    (Schedule, {"google_api": True}, "one of the two"),
    (Schedule, {"audience": ...}, "one of the two"),
    (Schedule, {"deadline_seconds": 3600}, "deadline_seconds is 3600"),
    (Schedule, {"retries": 9}, "retries is 9"),
    (OperationalDatabase, {"tier": "db-n1-standard-1"}, "db-custom-<vCPU>-<MB>"),
    (OperationalDatabase, {"tier": "db-custom-3-8192"}, "3 vCPU"),
    (OperationalDatabase, {"tier": "db-custom-2-4000"}, "multiple of 256"),
    (OperationalDatabase, {"availability": "REGIONAL"}, "outside Cloud SQL's SLA"),
    (OperationalDatabase, {"tier": "db-g1-small", "availability": "REGIONAL"}, "outside Cloud SQL's SLA"),
    (OperationalDatabase, {"backups_kept": 3}, "at least log_days"),
    (OperationalDatabase, {"backup_hour": 24}, "backup_hour is 24"),
    (OperationalDatabase, {"instance_name": "x" * 95}, "over 98 characters"),
    (Network, {"subnet_cidr": "10.0.0.0/27"}, "/26 or larger"),
    (Network, {"subnet_cidr": "8.8.8.0/24"}, "within one of 10.0.0.0/8, 172.16.0.0/12"),
    (Network, {"subnet_cidr": "0.0.0.0/8"}, "within one of"),
    (Network, {"subnet_cidr": "127.0.0.0/24"}, "within one of"),
    (Network, {"subnet_cidr": "169.254.0.0/24"}, "within one of"),
    (Network, {"subnet_cidr": "100.0.0.0/8"}, "within one of"),
    (Network, {"subnet_cidr": "172.17.3.0/24"}, "Docker's own bridge"),
    (Network, {"subnet_cidr": "172.16.0.0/12"}, "Docker's own bridge"),
    (Network, {"subnet_cidr": "10.0.0.1/24"}, "host bits"),
    (Budget, {"thresholds": [1.0, 0.5]}, "ascending"),
    (Budget, {"thresholds": [50, 100]}, "0.5 for half"),
    (Budget, {"display_name": "x" * 61}, "at most 60"),
    (Budget, {"emails": [f"{n}@x.de" for n in range(6)]}, "takes five"),
    (Budget, {"project_number": "shop-1"}, "is no number"),
    (Budget, {"monthly_amount": 0}, "at least 1"),
    (ProjectServices, {"services": ["pubsub"]}, "write it in full"),
    (ProjectServices, {"agents": ["pubsub"]}, "write it in full"),
    (ProjectServices, {"agents": ["iap.googleapis.com"]}, "add it to services"),
    (ProjectServices, {"agents": ["run.googleapis.com"]}, "is not known"),
    (ProjectServices, {"project_number": ...}, "named by number"),
    (BudgetGuard, {"pauses_jobs": False, "stops_databases": False}, "only tells"),
    (Orchestration, {"image_version": "composer-3-airflow-3"}, "in full"),
    (Orchestration, {"maintenance_days": ["MO", "TU", "WE", "TH"]}, "one to three"),
    (Orchestration, {"worker_memory_gb": 16.0}, "1 to 8 GB a vCPU"),
    (Orchestration, {"environment": {"AIRFLOW__CORE__X": "1"}}, "airflow_overrides"),
    # https://cloud.google.com/composer/docs/composer-3/set-environment-variables, "Reserved variables"
    *(
        (Orchestration, {"environment": {variable: "1"}}, "Composer's own")
        for variable in (
            *("AIRFLOW_HOME", "C_FORCE_ROOT", "CONTAINER_NAME", "DAGS_FOLDER", "GCP_PROJECT", "GCS_BUCKET"),
            *(
                "GKE_CLUSTER_NAME",
                "SQL_DATABASE",
                "SQL_INSTANCE",
                "SQL_PASSWORD",
                "SQL_PROJECT",
                "SQL_REGION",
                "SQL_USER",
            ),
        )
    ),
    (Orchestration, {"packages": {"PyYAML": "==6"}}, "lower-case"),
    (Orchestration, {"environment_name": "Air"}, "at most 64"),
    (Monitoring, {"emails": []}, "reach nobody"),
    (Monitoring, {"subscriptions": []}, "subscriptions is empty"),
    (Monitoring, {"dead_letter_subscriptions": ["a", "a"]}, "names one twice"),
    (Monitoring, {"delivery_objectives": {"accepting": "a"}}, "another objective's id"),
    (Monitoring, {"freshness_hours": 24}, "lasts longer"),
    (Monitoring, {"api_streams": ['/v1/"stream']}, "is no path"),
    (WorkloadIdentityFederation, {"repository": "platform"}, "owner/name"),
    (WorkloadIdentityFederation, {"repository_id": "shop"}, "is no number"),
    (WorkloadIdentityFederation, {"branch": "main' || true || '"}, "plain name"),
    (WorkloadIdentityFederation, {"pool_id": "gcp-x"}, "not gcp-"),
    (WorkloadIdentityFederation, {"environment": "prod' || true || '"}, "name it by letters"),
    (WorkloadIdentityFederation, {"readers": {"prod": "a@shop-1.iam.gserviceaccount.com"}}, "give the look one of its"),
    (WorkloadIdentityFederation, {"readers": {"look": "a@example.com"}}, "a service account's e-mail"),
    (WorkloadIdentityFederation, {"previews": {"try": "a@example.com"}}, "previews.try is 'a@example.com'"),
    (
        WorkloadIdentityFederation,
        {"readers": {"x": "a@shop-1.iam.gserviceaccount.com"}, "previews": {"x": "a@shop-1.iam.gserviceaccount.com"}},
        "'x' is in readers and previews",
    ),
    (WorkloadIdentityFederation, {"project_roles": ["roles/owner"]}, "do anything"),
    (WorkloadIdentityFederation, {"project_roles": ["roles/editor"]}, "do anything"),
    (WorkloadArchive, {"path": "/nowhere/shop.zip"}, "build it first"),
    (WorkloadArchive, {"path": "/nowhere/shop.exe"}, "no .tar.gz and no .zip"),
]


@pytest.mark.parametrize(
    ("component", "changes", "words"),
    REFUSED,
    ids=[f"{c.__name__}-{'-'.join(a)}-{n}" for n, (c, a, _) in enumerate(REFUSED)],
)
def test_what_the_cloud_would_refuse_is_refused_in_one_line(
    component: type[pulumi.ComponentResource], changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ArgsError) as caught:
        declare(example(component, ARCHIVE, **changes))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert component.__name__ in str(caught.value)


def test_an_archive_is_named_by_its_content_which_a_digest_in_its_file_s_name_stands_for(tmp_path: Path) -> None:
    read, named = tmp_path / "shop-1.zip", tmp_path / f"shop-{'a1' * 32}.zip"
    for path, digest in ((read, hashlib.sha256(b"archive").hexdigest()), (named, "a1" * 32)):
        path.write_bytes(b"archive")
        declared_archive = declare(example(WorkloadArchive, path)).one("c-object")
        assert declared_archive["name"] == f"c/{digest[:16]}.zip"


def test_an_invoker_is_a_member_of_one_service_only() -> None:
    grant = declared(Service).one(f"c-invoker-{WHO}")
    assert grant == {
        "name": "shop",
        "project": "shop-1",
        "location": "us-central1",
        "role": "roles/run.invoker",
        "member": WHO,
    }


@pytest.mark.parametrize(
    ("ingress", "service", "function"),
    [
        (Ingress.ALL, "INGRESS_TRAFFIC_ALL", "ALLOW_ALL"),
        (Ingress.INTERNAL, "INGRESS_TRAFFIC_INTERNAL_ONLY", "ALLOW_INTERNAL_ONLY"),
        (Ingress.INTERNAL_AND_LOAD_BALANCER, "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER", "ALLOW_INTERNAL_AND_GCLB"),
    ],
)
def test_requests_come_from_where_they_are_said_to(ingress: Ingress, service: str, function: str) -> None:
    made = declare(example(Service, ARCHIVE, ingress=ingress)).one("c-service")
    assert made["ingress"] == service
    made = declare(example(Function, ARCHIVE, ingress=ingress)).one("c-function")
    assert made["serviceConfig"]["ingressSettings"] == function


def test_a_function_of_a_topic_is_triggered_in_its_region_and_tries_again() -> None:
    topic = "projects/shop-1/topics/notices"
    changes = {"topic": topic, "trigger_service_account_email": "t@x", "allow_unauthenticated": ...}
    made = declare(example(Function, ARCHIVE, **changes))
    assert made.one("c-function")["eventTrigger"] == {
        "eventType": "google.cloud.pubsub.topic.v1.messagePublished",
        "triggerRegion": "us-central1",
        "pubsubTopic": topic,
        "retryPolicy": "RETRY_POLICY_RETRY",
        "serviceAccountEmail": "t@x",
    }


@pytest.mark.parametrize("concurrency", [1, 80])
def test_a_function_has_a_thread_for_each_request_it_lets_in(concurrency: int) -> None:
    """The framework's own four threads once served a declared concurrency of 80: eight slow requests were an outage."""
    shape = declare(example(Function, ARCHIVE, concurrency=concurrency)).one("c-function")["serviceConfig"]
    assert int(shape["environmentVariables"]["THREADS"]) == shape["maxInstanceRequestConcurrency"] == concurrency


def test_without_a_path_the_port_is_probed() -> None:
    (container,) = declare(example(Service, ARCHIVE, health_path=...)).one("c-service")["template"]["containers"]
    assert container["startupProbe"]["tcpSocket"] == {"port": 8080}


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "DATETIME"])
def test_a_table_is_partitioned_by_any_date_or_time(kind: str) -> None:
    made = declare(example(Warehouse, ARCHIVE, **_of_a_table(kind, partition_field="a"))).one("c-d-t")
    assert made["timePartitioning"]["field"] == "a"


def test_a_dataset_s_tables_expire_and_its_owner_is_listed_as_the_api_says_it() -> None:
    grants = {"boss": {"role": "roles/bigquery.dataOwner", "member": WHO}}
    dataset = {"description": "d", "table_expiration_days": 30, "grants": grants, "authorized_datasets": ["marts"]}
    made = declare(example(Warehouse, ARCHIVE, datasets={"d": dataset, "marts": {"description": "m"}}))
    assert made.one("c-d")["defaultTableExpirationMs"] == 30 * 24 * 60 * 60 * 1000
    assert made.one(f"c-d-owner-{WHO}")["role"] == "OWNER"

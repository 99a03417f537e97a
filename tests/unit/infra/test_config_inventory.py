"""What the program composes is what each stack's inventory says, as Pulumi's mocks record it.

The engine's own word on the same is in tests/plans; this one takes a second a stack, and so can judge mutants too.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest

from component_resources.recorder import PROJECT, Recorder
from tests.support.configuration import REPOSITORY, configuration
from tests.support.inventory import INVENTORIES, differences, inventory
from tests.support.program import composed
from workloads.events import STREAMS


@pytest.fixture(scope="module", params=INVENTORIES)
def made(request: pytest.FixtureRequest) -> tuple[str, Recorder]:
    return request.param, composed(request.param)


def runs_airflow(stack: str) -> bool:
    return bool(configuration(stack)["fastyle:orchestrator"] == "composer")


def environment(service: Mapping[str, Any]) -> dict[str, Any]:
    """The variables of a Cloud Run service's one container."""
    [container] = service["template"]["containers"]
    return {env["name"]: env.get("value") for env in container["envs"]}


def test_counts_are_exactly_those_of_the_inventory(made: tuple[str, Recorder]) -> None:
    stack, recorder = made
    counts = Counter(key.partition("::")[0] for key in recorder.resources)
    del counts["gcp:storage/bucketObject:BucketObject"]  # as many as there are files to deliver
    expected = inventory(stack)["counts"]
    del expected["pulumi:pulumi:Stack"]
    assert counts == expected, (
        "after a meant change UPDATE_INVENTORIES=1 uv run pytest tests/plans/test_plans_inventory.py"
    )


def test_values_are_those_of_the_inventory(made: tuple[str, Recorder]) -> None:
    stack, recorder = made
    project = configuration(stack)["gcp:project"]
    planned = json.loads(json.dumps(recorder.resources, default=str).replace(PROJECT, project))
    assert [
        difference
        for key, expected in inventory(stack)["values"].items()
        for difference in differences(expected, planned.get(key, "nothing of that name"), key)
    ] == []


def test_what_a_guard_switches_an_update_leaves_as_it_is(made: tuple[str, Recorder]) -> None:
    stack, recorder = made
    ignored = {
        key.partition("::")[2]: options["ignores"]
        for key, options in recorder.options.items()
        if {"paused", "settings.activationPolicy"} & set(options.get("ignores", []))
    }
    jobs = ("database-start-job", "database-stop-job", "pipeline-run-job")
    acting = {
        **{job: ["paused"] for job in jobs},
        "database-instance": ["settings.diskSize", "settings.activationPolicy"],
    }
    assert ignored == (acting if configuration(stack)["fastyle:budget"].get("guard") == "act" else {})


def test_the_budget_is_made_by_a_provider_that_bills_its_calls_to_the_project(made: tuple[str, Recorder]) -> None:
    _, recorder = made
    assert recorder.options["gcp:billing/budget:Budget::budget-budget"]["provider"] == "billing"


def test_a_guard_acts_on_this_budget_alone(made: tuple[str, Recorder]) -> None:
    """By the name that Google gives it, which a plan does not know yet."""
    _, recorder = made
    guards = [
        inputs["serviceConfig"]["environmentVariables"]["GUARD_BUDGET"]
        for key, inputs in recorder.resources.items()
        if key.startswith("gcp:cloudfunctionsv2/function:Function::budget-guard")
    ]
    assert [name for name in guards if not name.endswith("/budgets/budget-budget")] == []


def test_airflow_finds_its_dag_its_plugin_and_the_statements(made: tuple[str, Recorder]) -> None:
    stack, recorder = made
    names = [inputs["name"] for key, inputs in recorder.resources.items() if "bucketObject" in key]
    delivered = {name.partition("/")[0] for name in names} & {"dags", "plugins"}
    assert delivered == ({"dags", "plugins"} if runs_airflow(stack) else set())
    if runs_airflow(stack):
        tables = [path.parent for path in (REPOSITORY / "sql" / "bigquery").glob("*/*/table.yaml")]
        wanted = {f"dags/{folder.relative_to(REPOSITORY).as_posix()}/table.yaml" for folder in tables}
        wanted |= {"dags/fastyle_pipeline.py", "dags/.airflowignore", "plugins/fastyle_deadline.py"}
        assert sorted(wanted - set(names)) == []


def test_credentials_begin_with_nobody(made: tuple[str, Recorder]) -> None:
    """What a service reads before an operator has added anything: a list that it can read, and that lets nobody in."""
    _, recorder = made
    first = [str(inputs) for key, inputs in recorder.resources.items() if "secretVersion" in key]
    assert first
    assert [text for text in first if '{"credentials": []}' not in text] == []


def test_every_subscription_is_watched(made: tuple[str, Recorder]) -> None:
    stack, recorder = made
    alerts = [str(inputs) for key, inputs in recorder.resources.items() if "monitoring/alertPolicy" in key]
    assert bool(alerts) is bool(configuration(stack).get("fastyle:monitoring", {}).get("emails"))
    names = [inputs["name"] for key, inputs in recorder.resources.items() if "pubsub/subscription:Sub" in key]
    assert len(names) == sum(1 + len(stream.subscriptions) for stream in STREAMS.values()), "one holds dead letters"
    assert [name for name in names if alerts and not any(name in alert for alert in alerts)] == []
    ci = configuration(stack).get("fastyle:ci")  # whose repository holds the pages that alerts link to
    link = f"https://github.com/{ci['repository']}/blob/main/docs/operations" if ci else ""
    assert [alert for alert in alerts if link not in alert] == []


def test_every_workload_knows_its_project_and_how_much_to_log(made: tuple[str, Recorder]) -> None:
    stack, recorder = made
    project, seen = configuration(stack)["gcp:project"], 0
    for key, inputs in recorder.resources.items():
        if key.startswith("gcp:cloudrunv2/service:Service::"):
            variables = environment(inputs)
        elif key.startswith("gcp:cloudfunctionsv2/function:Function::"):
            variables = inputs["serviceConfig"]["environmentVariables"]
        else:
            continue
        seen += 1
        assert variables["GOOGLE_CLOUD_PROJECT"] == project, key
        assert variables["LOG_LEVEL"] in ("INFO", "DEBUG"), key
    assert seen == (5 if configuration(stack)["fastyle:budget"].get("guard") else 4)


def test_what_a_push_sends_is_what_its_service_asks_for(made: tuple[str, Recorder]) -> None:
    _, recorder = made
    service = recorder.one("inventory-sync-service")
    asked = environment(service)
    pushes = [inputs["pushConfig"]["oidcToken"] for inputs in recorder.resources.values() if inputs.get("pushConfig")]
    assert len(pushes) == 2
    for token in pushes:
        assert token["audience"] == asked["PUSH_AUDIENCE"]
        assert token["audience"] in service["customAudiences"]
        assert token["serviceAccountEmail"] == asked["PUSH_SERVICE_ACCOUNT"]


def test_live_streams_leave_room_for_readers(made: tuple[str, Recorder]) -> None:
    """On Cloud Run a stream is a request, for as long as it is open: of more than fit, readers would get 429."""
    _, recorder = made
    service = recorder.one("api-service")
    assert int(environment(service)["MAX_STREAMS"]) == service["template"]["maxInstanceRequestConcurrency"] * 3 // 4


def test_each_service_is_healthy_by_its_own_word_and_reaches_the_database(made: tuple[str, Recorder]) -> None:
    stack, recorder = made
    given = configuration(stack)
    project, region = given["gcp:project"], given["gcp:region"]
    prefix = f"{given['fastyle:name_prefix']}-" if given.get("fastyle:name_prefix") else ""
    for name in ("inventory-sync", "api", "pipeline"):
        template = recorder.one(f"{name}-service")["template"]
        [container] = template["containers"]
        assert container["startupProbe"]["httpGet"]["path"] == "/health"
        [interface] = template["vpcAccess"]["networkInterfaces"]
        assert interface["subnetwork"].endswith(f"/subnetworks/{prefix}fastyle-{region}")
    roles = environment(recorder.one("inventory-sync-service"))["DATABASE_ROLES"]
    writers = ["composer", "pipeline"] if runs_airflow(stack) else ["pipeline"]
    expected = {"fastyle-api": "reader", **dict.fromkeys(writers, "writer")}
    assert json.loads(roles) == {f"{prefix}{account}@{project}.iam": role for account, role in expected.items()}


def test_airflow_runs_as_an_account_of_its_own() -> None:
    """roles/composer.worker reaches far: nobody's service that the Internet reaches holds it."""
    for runs_as, account in ((None, "composer"), ("pipeline", "pipeline")):
        config = configuration("prod")
        if runs_as:
            config["fastyle:composer"] = {**config["fastyle:composer"], "runs_as": runs_as}
        recorder = composed(config)
        email = f"{account}@{PROJECT}.iam.gserviceaccount.com"
        settings = recorder.one("orchestration-environment")["config"]
        assert settings["nodeConfig"]["serviceAccount"] == email
        assert (
            quote(f"{account}@{config['gcp:project']}.iam", safe="")
            in settings["softwareConfig"]["envVariables"]["DATABASE_URL"]
        )
        workers = [g["member"] for g in recorder.resources.values() if g.get("role") == "roles/composer.worker"]
        assert workers == [f"serviceAccount:{email}"]
        services = [
            r["template"]["serviceAccount"] for k, r in recorder.resources.items() if "cloudrunv2/service:" in k
        ]
        assert (email in services) is (runs_as == "pipeline")

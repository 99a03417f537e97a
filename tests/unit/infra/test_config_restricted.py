"""A stack in an organisation that grants nothing outside itself: the default of those made since 2024.

The local cloud's own rule is the judge: with the policy switched on it must admit everything that is declared.
"""

from __future__ import annotations

import copy
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastyle_localcloud.provider.admission import INVOKER, MEMBERS, admit, switch_policy
from fastyle_localcloud.provider.clock import Clock
from fastyle_localcloud.provider.errors import Refused
from fastyle_localcloud.provider.records import Records
from fastyle_policies.configuration import stack_config, validated
from fastyle_policies.rules import RULES

from component_resources.recorder import Recorder
from infra.config import ConfigError
from policy_rules.table import recorded, said, violations
from tests.support.configuration import REPOSITORY, configuration, put
from tests.support.program import composed, program
from workloads.events import STREAMS
from workloads.packaging.archives import load

OF_FUNCTIONS = ("roles/artifactregistry.admin", "roles/cloudfunctions.admin", "roles/eventarc.admin")


def restricted(stack: str) -> dict[str, Any]:
    """A stack's configuration with both ways around grants to strangers."""
    config = copy.deepcopy(configuration(stack))
    put(config, "access.entrance", "service")
    put(config, "budget.notices", False)
    put(config, "budget.emails", ["finance@example.com"])
    config["fastyle:budget"].pop("guard", None)
    if "fastyle:ci" in config:  # nothing is built any more, and nothing triggered
        roles = config["fastyle:ci"]["roles"]
        config["fastyle:ci"]["roles"] = [role for role in roles if role not in OF_FUNCTIONS]
    return config


def refused(recorder: Recorder, policy: str) -> list[str]:
    """Names of the resources that the organisation would not have."""
    records = Records(":memory:")
    switch_policy(records, policy, on=True)
    names = []
    for key, inputs in recorder.resources.items():
        token, _, name = key.partition("::")
        try:
            admit(token, inputs, records, Clock(records))
        except Refused as refusal:
            if policy in str(refusal):  # a metric or a table that is not there yet is another rule's matter
                names.append(name)
    records.close()
    return sorted(names)


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_two_keys_take_a_stack_into_an_organisation_that_refuses_strangers(stack: str) -> None:
    usual = composed(stack)
    assert refused(usual, MEMBERS) == ["budget-notices-publisher", "pos-api-invoker-allUsers"]
    assert refused(usual, INVOKER) == []
    made = composed(restricted(stack))
    assert refused(made, MEMBERS) == []
    assert refused(made, INVOKER) == ["pos-api-service"], (
        "an organisation that forbids this, too, must make an exception"
    )


def test_tills_get_in_by_a_service_that_asks_them_itself_and_nothing_is_built() -> None:
    resources = composed(restricted("prod")).resources
    usual = composed("prod").one("pos-api-function")
    service = resources["gcp:cloudrunv2/service:Service::pos-api-service"]
    assert service["invokerIamDisabled"] is True
    template = service["template"]
    (container,) = template["containers"]
    # The same code under the same account, with the same settings and secret.
    assert {env["name"]: env["value"] for env in container["envs"]} == usual["serviceConfig"]["environmentVariables"]
    assert template["serviceAccount"] == usual["serviceConfig"]["serviceAccountEmail"]
    (mount,) = container["volumeMounts"]
    assert mount["mountPath"] == usual["serviceConfig"]["secretVolumes"][0]["mountPath"]
    kinds = {key.partition("::")[0] for key in resources}
    assert not kinds & {
        "gcp:cloudfunctionsv2/function:Function",
        "gcp:artifactregistry/repository:Repository",
        "fastyle:index:FunctionBuild",
    }
    watched = [key for key, inputs in resources.items() if "alertPolicy" in key and '"pos-entrance"' in str(inputs)]
    assert {key.partition("::")[2] for key in watched} == {"monitoring-errors"}


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_no_policy_objects(stack: str) -> None:
    given = stack_config(REPOSITORY / "policies", RULES)(stack)
    resources = recorded(composed(restricted(stack)).resources, stack)
    for rule in RULES:
        parameters = validated(rule, given.get(rule.id, {}), REPOSITORY / "policies")
        assert said(violations(rule, resources, parameters)) == [], rule.id


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("budget.guard", "act", r"budget: guard is act while notices is false; .*write notices: true"),
        ("budget.emails", [], r"budget: notices is false and emails is empty; .*write emails"),
    ],
)
def test_a_budget_that_would_tell_nobody_is_refused(key: str, value: Any, words: str, tmp_path: Path) -> None:
    config = restricted("dev")
    put(config, key, value)
    with pytest.raises(ConfigError, match=words):
        program(config, tmp_path)


@pytest.mark.slow
def test_the_service_is_the_function_under_google_s_framework(tmp_path: Path) -> None:
    entry = load("pos_entrance").entry.replace(":", " import ")
    (tmp_path / "credentials.json").write_text('{"credentials": []}', encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "GOOGLE_CLOUD_PROJECT": "p",
        "TIMEZONE": "Europe/Berlin",
        "CURRENCY": "EUR",
        "BRAND": "Bookshop",
        **{f"{stream.upper()}_TOPIC": f"projects/p/topics/{stream}" for stream in STREAMS},
        "CREDENTIALS_FILE": str(tmp_path / "credentials.json"),
        "PUBSUB_EMULATOR_HOST": "127.0.0.1:9",
    }
    place = {"PATH": os.environ["PATH"], "HOST": "127.0.0.1", "PORT": str(port)}
    command = [sys.executable, "-c", f"from {entry}; main()"]

    lacking = {**place, **settings, "SALES_TOPIC": "sales"}
    stopped = subprocess.run(command, env=lacking, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert stopped.returncode != 0
    assert "environment variable SALES_TOPIC" in stopped.stderr

    process = subprocess.Popen(command, env={**place, **settings}, cwd=REPOSITORY)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                answer = httpx.post(f"http://127.0.0.1:{port}/v1/transactions", json=[], trust_env=False)
                break
            except httpx.TransportError:
                assert process.poll() is None, "it ended at its start"
                assert time.monotonic() < deadline, "it never listened"
                time.sleep(0.1)
        assert answer.status_code == 401
    finally:
        process.terminate()
        process.wait(10)

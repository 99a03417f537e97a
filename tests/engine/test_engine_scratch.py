"""The real engine, our language host and the stand-in provider, on scratch stacks that exist nowhere else."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastyle_localcloud.engine import bootstrap

from tests.support.plans import REPOSITORY, Project, provider

PROGRAM = """
import pulumi
import pulumi_gcp as gcp

config = pulumi.Config("scratch")
topic = gcp.pubsub.Topic("orders", name=config.get("topic") or "orders", project="p", labels={"a": config.get("label") or "b"})
account = gcp.serviceaccount.Account("till", account_id="till-account", project="p")
gcp.pubsub.TopicIAMMember("publish", project="p", topic=topic.name, role="roles/pubsub.publisher", member=account.member)
secret = gcp.secretmanager.Secret("key", secret_id="key", project="p", replication={"auto": {}})
gcp.secretmanager.SecretVersion("key-1", secret=secret.id, secret_data=pulumi.Output.secret("hush-hush"))
if config.get_bool("broken"):
    raise ValueError("the program's own mistake")
if config.get_bool("unlisted"):
    gcp.redis.Instance("cache", name="cache", memory_size_gb=1, region="us-central1", project="p")
pulumi.export("topic", topic.id)
pulumi.export("email", account.email)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with provider() as port:
        yield Project(tmp_path_factory.mktemp("scratch"), port, PROGRAM, plain=True)


def run(project: Project, *arguments: str, ok: bool = True) -> str:
    done = project.pulumi(*arguments)
    output = done.stdout + done.stderr
    assert (done.returncode == 0) is ok, output
    assert "Traceback" not in output or not ok, output
    return output


def summary(project: Project, *arguments: str) -> dict[str, int]:
    done = project.pulumi("preview", "--json", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout)["changeSummary"])


def test_a_stack_lives_from_up_to_destroy(project: Project) -> None:
    stack = ("--stack", "scratch-life")
    run(project, "stack", "init", "scratch-life")
    assert "6 created" in run(project, "up", *stack, "--yes", "--skip-preview")
    assert summary(project, *stack) == {"same": 6}
    outputs = json.loads(run(project, "stack", "output", "--json", *stack))
    assert outputs == {"topic": "projects/p/topics/orders", "email": "till-account@p.iam.gserviceaccount.com"}

    run(project, "config", "set", "scratch:label", "c", *stack)
    assert summary(project, *stack) == {"same": 5, "update": 1}
    run(project, "up", *stack, "--yes", "--skip-preview")
    run(project, "config", "set", "scratch:topic", "orders-2", *stack)
    assert summary(project, *stack) == {"same": 4, "replace": 2}, "the topic, and the grant on it"
    run(project, "up", *stack, "--yes", "--skip-preview")

    assert "6 unchanged" in run(project, "refresh", *stack, "--yes", "--skip-preview")
    state = run(project, "stack", "export", *stack)
    assert "hush-hush" not in state
    assert "6 deleted" in run(project, "destroy", *stack, "--yes", "--skip-preview")


def test_another_stack_can_be_previewed_but_never_changed(project: Project) -> None:
    run(project, "stack", "init", "staging")
    assert summary(project, "--stack", "staging")["create"] == 6
    output = run(project, "up", "--stack", "staging", "--yes", "--skip-preview", ok=False)
    assert "stack staging lives on Google Cloud and this is the local cloud" in output


def test_stack_local_is_refused_by_a_provider_without_a_cloud(project: Project) -> None:
    run(project, "stack", "init", "local")
    output = run(project, "up", "--stack", "local", "--yes", "--skip-preview", ok=False)
    assert "the local cloud is not running" in output
    assert "python -m fastyle_localcloud up" in output


def test_a_mistake_of_the_program_is_shown_and_ends_the_run(project: Project) -> None:
    run(project, "stack", "init", "scratch-broken")
    run(project, "config", "set", "scratch:broken", "true", "--stack", "scratch-broken")
    output = run(project, "preview", "--stack", "scratch-broken", ok=False)
    assert "ValueError: the program's own mistake" in output
    assert "language_host.py" not in output, "only the user's frames are shown"


def test_an_unlisted_type_is_an_error_with_a_sentence(project: Project) -> None:
    run(project, "stack", "init", "scratch-unlisted")
    run(project, "config", "set", "scratch:unlisted", "true", "--stack", "scratch-unlisted")
    output = run(project, "preview", "--stack", "scratch-unlisted", ok=False)
    assert "the local cloud does not know gcp:redis/instance:Instance" in output


def test_the_policy_pack_stops_a_bad_stack_in_its_own_words(project: Project) -> None:
    run(project, "stack", "init", "scratch-policies")
    output = run(
        project, "preview", "--stack", "scratch-policies", "--policy-pack", str(REPOSITORY / "policies"), ok=False
    )
    assert re.search(r"\[mandatory\].*budget-present", output), output
    assert "Mend:" in output


# --- another program's environment ---

FOREIGN = """
import pulumi
import their_own_package

pulumi.export("from", their_own_package.__file__)
pulumi.export("pulumi", pulumi.__file__)
if pulumi.Config("scratch").get_bool("broken"):
    raise ValueError("the other program's own mistake")
"""


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Another company's program: Pulumi and a package of their own in an environment of their own."""
    with provider() as port:
        project = Project(tmp_path_factory.mktemp("foreign"), port, FOREIGN, plain=True)
        environment = project.folder / "their-venv"
        subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, environment], check=True)
        pulumi = f"pulumi=={importlib.metadata.version('pulumi')}"
        install = ["uv", "pip", "install", "--quiet", "--python", str(environment / "bin" / "python"), pulumi]
        subprocess.run(install, check=True)
        (packages,) = environment.glob("lib/python*/site-packages")
        (packages / "their_own_package.py").touch()
        yield project


def use_environment(project: Project, name: str | None) -> None:
    options = f"\n  options: {{virtualenv: {name}}}" if name else ""
    (project.folder / "Pulumi.yaml").write_text(f"name: fastyle\nruntime:\n  name: python{options}\n")


@pytest.mark.parametrize("way", ["named in Pulumi.yaml", "active"])
def test_a_program_runs_in_its_own_environment(foreign: Project, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It used to run on this checkout's packages, without a word."""
    stack = f"scratch-{way.split()[0]}"
    active = str(foreign.folder / "their-venv") if way == "active" else "/nonexistent"
    monkeypatch.setitem(foreign.environment, "VIRTUAL_ENV", active)
    use_environment(foreign, None if way == "active" else "their-venv")
    run(foreign, "stack", "init", stack)
    run(foreign, "up", "--stack", stack, "--yes", "--skip-preview")
    outputs = json.loads(run(foreign, "stack", "output", "--json", "--stack", stack))
    assert all(path.startswith(f"{foreign.folder}/their-venv/") for path in outputs.values()), outputs
    run(foreign, "config", "set", "scratch:broken", "true", "--stack", stack)
    output = run(foreign, "preview", "--stack", stack, ok=False)
    assert "ValueError: the other program's own mistake" in output
    assert "program_runner.py" not in output, "only the user's frames are shown"


def test_a_program_without_an_environment_is_told_how_to_name_one(
    foreign: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(foreign, "stack", "init", "scratch-lost")
    use_environment(foreign, "no-venv")
    output = run(foreign, "preview", "--stack", "scratch-lost", ok=False)
    assert "no-venv (runtime option virtualenv) is no Python environment; make it" in output
    use_environment(foreign, None)
    monkeypatch.delitem(foreign.environment, "VIRTUAL_ENV")
    output = run(foreign, "preview", "--stack", "scratch-lost", ok=False)
    assert "names no Python environment and none is active; write runtime:" in output


def test_an_environment_without_the_programs_packages_is_named(
    foreign: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = foreign.folder / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    run(foreign, "stack", "init", "scratch-bare")
    use_environment(foreign, "bare")
    output = run(foreign, "preview", "--stack", "scratch-bare", ok=False)
    assert "bare/bin/python cannot run the program (ModuleNotFoundError: No module named 'pulumi'" in output
    assert "install the program's packages there" in output


def test_the_engine_comes_from_the_cache_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    engine = bootstrap.ensure_engine(said.append)
    assert said == []
    version = subprocess.run([engine.pulumi, "version"], capture_output=True, text=True, check=True).stdout.strip()
    assert version.lstrip("v").split(".")[0] == "3"


def test_without_go_and_without_a_network_the_message_says_what_to_install(tmp_path: Path) -> None:
    """An empty PATH, an empty cache and a dead proxy: what a locked-down machine has."""
    environment: dict[str, Any] = {
        "PATH": str(tmp_path),
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "UV_OFFLINE": "1",
        "PYTHONPATH": str(REPOSITORY),
    }
    done = subprocess.run(
        [sys.executable, "-m", "fastyle_localcloud.engine.bootstrap"],
        env=environment,
        cwd=os.fspath(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
    )
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in output, output
    assert re.search(r"go|Go", output), output

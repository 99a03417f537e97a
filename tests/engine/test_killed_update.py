"""docs/operations/drift.md, "After a killed update", step by step: an update dies, and the next ones finish its work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

from fastyle_localcloud.provider.records import Records

from tests.support.plans import Project, provider

STACK = "scratch-killed"
PROGRAM = """
import time

import pulumi
import pulumi_gcp as gcp
from fastyle_components import WorkloadIdentity, WorkloadIdentityArgs

till = WorkloadIdentity("till", WorkloadIdentityArgs(account_id="till-account", project="shop-1"))
topic = gcp.pubsub.Topic("sales", name="sales", project="shop-1")


def wait(made):
    if not pulumi.Config("scratch").get_bool("go"):
        open("waiting", "w").close()
        time.sleep(120)
    return made


gcp.pubsub.Topic("stock", name=pulumi.Output.all(topic.name, till.email).apply(lambda _: wait("stock")), project="shop-1")
"""
LOST = ("till-account", "sales")
"""Logical names of what Google had made, and the killed update had not yet recorded."""


def pulumi(project: Project, *arguments: str, ok: bool = True) -> str:
    done = project.pulumi(*arguments, *(() if arguments[:2] == ("stack", "init") else ("--stack", STACK)))
    assert (done.returncode == 0) is ok, done.stdout + done.stderr
    return done.stdout + done.stderr


def killed(project: Project) -> None:
    """Start an update, and kill all of it half-way."""
    command = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", STACK]
    update = subprocess.Popen(
        command, cwd=project.folder, env=project.environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 60
        while not (project.folder / "waiting").exists():
            assert time.monotonic() < deadline, "the update never came to where it waits"
            assert update.poll() is None, "the update ended by itself"
            time.sleep(0.1)
    finally:
        os.killpg(update.pid, signal.SIGKILL)
        update.wait()


def test_the_way_back_leads_to_a_whole_stack(tmp_path: Path) -> None:
    records = tmp_path / "records.sqlite"
    with provider(records) as port:
        project = Project(tmp_path, port, program=PROGRAM, plain=True)
        pulumi(project, "stack", "init", STACK)
        killed(project)
        assert {"till-account", "sales"} <= {_name(record.outputs) for record in Records(records).all()}
        pulumi(project, "config", "set", "scratch:go", "true")
        assert "locked" in pulumi(project, "up", "--yes", "--skip-preview", ok=False)

        pulumi(project, "cancel", "--yes")
        for resource in json.loads(_export(project))["deployment"]["resources"]:
            if resource["urn"].rpartition("::")[2] in LOST:
                pulumi(project, "state", "delete", resource["urn"], "--yes", "--force", "--target-dependents")
        pulumi(project, "refresh", "--yes", "--skip-preview", "--clear-pending-creates")
        refused = pulumi(project, "up", "--yes", "--skip-preview", ok=False)
        assert "projects/shop-1/topics/sales already exists" in refused
        assert "till-account@shop-1.iam.gserviceaccount.com already exists" not in refused

        pulumi(project, "preview", "--import-file", "adopt.json")
        path = project.folder / "adopt.json"
        listed = json.loads(path.read_text(encoding="utf-8"))
        kept = [{**e, "id": "projects/shop-1/topics/sales"} for e in listed["resources"] if e["name"] == "sales"]
        path.write_text(json.dumps({**listed, "resources": kept}), encoding="utf-8")
        pulumi(project, "import", "--file", "adopt.json", "--generate-code=false", "--protect=false", "--yes")
        pulumi(project, "up", "--yes", "--skip-preview")
        pulumi(project, "preview", "--expect-no-changes")


def _name(outputs: dict[str, object]) -> object:
    return outputs.get("accountId") or outputs.get("name")


def _export(project: Project) -> str:
    return project.pulumi("stack", "export", "--stack", STACK).stdout

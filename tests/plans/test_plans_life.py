"""What only the engine can show: nothing to do after `up`, renames that replace nothing, order, protection, errors.

Scratch stacks: the stand-in provider records what they make and nothing lives.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastyle_localcloud.provider.records import Records

from tests.support.configuration import configuration
from tests.support.plans import REPOSITORY, Project, provider

INSTANCE = "gcp:sql/databaseInstance:DatabaseInstance"
HEAD = """\
import pulumi
from fastyle_components import EventStream, EventStreamArgs, RawLake, RawLakeArgs

lake_args = RawLakeArgs(bucket_name="shop-1-lake", location="us-central1", delete_after_days=90, deletion_protection=False)
stream_args = EventStreamArgs(topic="book-sales", project_number="123", deletion_protection=False)
"""
BEFORE = HEAD + 'RawLake("lake", lake_args)\nEventStream("sales", stream_args)\n'
RENAMED = HEAD + (
    'RawLake("raw", lake_args, pulumi.ResourceOptions(aliases=[pulumi.Alias(name="lake")]))\n'
    'EventStream("trade", stream_args, pulumi.ResourceOptions(aliases=[pulumi.Alias(name="sales")]))\n'
)
MOVED = HEAD + (
    'area = pulumi.ComponentResource("shop:index:Area", "area")\n'
    "aliases = [pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)]\n"
    'RawLake("lake", lake_args, pulumi.ResourceOptions(parent=area, aliases=aliases))\n'
    'EventStream("sales", stream_args, pulumi.ResourceOptions(parent=area, aliases=aliases))\n'
)
FORGOTTEN = HEAD + 'RawLake("raw", lake_args)\nEventStream("sales", stream_args)\n'


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with provider() as number:
        yield number


def changes(project: Project, stack: str) -> tuple[dict[str, str], int]:
    """What a preview would do with the provider's resources, by name, and how many it would leave as they are."""
    done = project.pulumi("preview", "--stack", stack, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    preview = json.loads(done.stdout[done.stdout.find("{") :])
    steps = [step for step in preview.get("steps", []) if "::gcp:" in step["urn"].replace("$", "::")]
    touched = {step["urn"].rpartition("::")[2]: step["op"] for step in steps if step["op"] != "same"}
    return touched, preview["changeSummary"].get("same", 0)


@pytest.fixture(scope="module")
def shop(port: int, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("shop"), port, program=BEFORE)
    assert project.pulumi("stack", "init", "scratch-shop").returncode == 0
    project.change("scratch-shop", {"gcp:project": "shop-1", "gcp:region": "us-central1"})
    done = project.pulumi("up", "--yes", "--skip-preview", "--stack", "scratch-shop")
    assert done.returncode == 0, done.stdout + done.stderr
    return project


@pytest.mark.parametrize("program", [BEFORE, RENAMED, MOVED], ids=["unchanged", "renamed", "moved"])
def test_an_alias_on_the_component_keeps_every_child(shop: Project, program: str) -> None:
    """A bucket that is replaced takes its objects with it."""
    (shop.folder / "__main__.py").write_text(program, encoding="utf-8")
    touched, same = changes(shop, "scratch-shop")
    assert touched == {}
    assert same >= 8, "five of the provider's, two components, the stack"


def test_without_the_alias_the_engine_would_replace(shop: Project) -> None:
    """So that the test above cannot pass for another reason."""
    (shop.folder / "__main__.py").write_text(FORGOTTEN, encoding="utf-8")
    touched, _ = changes(shop, "scratch-shop")
    assert touched == {"lake-bucket": "delete", "raw-bucket": "create"}


def everything() -> dict[str, Any]:
    """What dev's configuration leaves off: every optional feature, switched on."""
    prod = configuration("prod")
    who = "user:ada@example.com"
    return {
        "fastyle:services": prod["fastyle:services"],
        "fastyle:network": {**configuration("dev")["fastyle:network"], "nat": True},
        "fastyle:composer": {**prod["fastyle:composer"], "standby": True},
        "fastyle:monitoring": prod["fastyle:monitoring"],
        "fastyle:ci": prod["fastyle:ci"],
        "fastyle:access": {key: {"ada": who} for key in ("people", "programs", "operators")},
        "fastyle:warehouse": {**configuration("dev")["fastyle:warehouse"], "analysts": {"ada": who}},
    }


def test_everything_switched_on_leaves_nothing_to_do_and_goes_while_it_sleeps(tmp_path: Path) -> None:
    records, stack = tmp_path / "records.sqlite", "scratch-dev"
    with provider(records) as cloud:  # of its own: every stack names its database `fastyle`
        project = Project(tmp_path, cloud)
        project.configure(stack, like="dev", overrides=everything())
        up = project.pulumi("up", "--yes", "--skip-preview", "--stack", stack)
        assert up.returncode == 0, up.stdout + up.stderr
        again = project.pulumi("preview", "--diff", "--expect-no-changes", "--stack", stack)
        assert again.returncode == 0, again.stdout + again.stderr
        _stop_everything(Records(records))
        # The nightly look at the cloud, while the database sleeps: .github/workflows/up.yml
        again = project.pulumi("preview", "--refresh", "--diff", "--expect-no-changes", "--stack", stack)
        assert again.returncode == 0, again.stdout + again.stderr
        _change_at_night(project, Records(records), stack)
        destroy = project.pulumi("destroy", "--yes", "--skip-preview", "--stack", stack)
        assert destroy.returncode == 0, destroy.stdout + destroy.stderr
        state = json.loads(project.pulumi("stack", "export", "--stack", stack).stdout)
        assert state["deployment"].get("resources", []) == []
        assert [record.id for record in Records(records).all()] == [], "what the cloud still has"


def _change_at_night(project: Project, records: Records, stack: str) -> None:
    """A change of the database: without a refresh the provider would send what it was at the update before."""
    hour = "fastyle:database.maintenance_hour"
    project.change(stack, {hour: 5})
    stale = project.pulumi("up", "--yes", "--skip-preview", "--stack", stack)
    assert "the disk size cannot decrease. Current size: 17 GB, requested: 10 GB" in stale.stdout
    options = yaml.safe_load((REPOSITORY / "Pulumi.yaml").read_text(encoding="utf-8"))["options"]
    with (project.folder / "Pulumi.yaml").open("a", encoding="utf-8") as file:
        file.write(yaml.safe_dump({"options": options}))
    assert _settings_after_an_up(project, records, stack) == ("NEVER", 17, 5)
    paused = [job.outputs["paused"] for job in records.all("gcp:cloudscheduler/job:Job") if "start" in job.id]
    assert paused == [True], "what the budget guard paused"

    # And by day: the state still has what the night's update found.
    (instance,) = records.all(INSTANCE)
    instance.outputs["settings"]["activationPolicy"] = "ALWAYS"
    records.put(instance)
    project.change(stack, {hour: 6})
    assert _settings_after_an_up(project, records, stack) == ("ALWAYS", 17, 6)
    instance.outputs["settings"] |= {"activationPolicy": "NEVER", "maintenanceWindow": {"day": 7, "hour": 6}}
    records.put(instance)  # asleep again


def _settings_after_an_up(project: Project, records: Records, stack: str) -> tuple[str, int, int]:
    up = project.pulumi("up", "--yes", "--skip-preview", "--stack", stack)
    assert up.returncode == 0, up.stdout + up.stderr
    (instance,) = records.all(INSTANCE)
    settings = instance.outputs["settings"]
    return settings["activationPolicy"], settings["diskSize"], settings["maintenanceWindow"]["hour"]


def _stop_everything(records: Records) -> None:
    """What the cloud looks like after a while: a grown disk, and what the budget guard did: jobs paused, no database."""
    changed = []
    for record in records.all():
        outputs = record.outputs
        if outputs.get("name") in ("pipeline-run", "fastyle-start") and "schedule" in outputs:
            outputs["paused"] = True
        elif record.token == INSTANCE:
            outputs["settings"] |= {"activationPolicy": "NEVER", "diskSize": 17}  # grown by itself
        else:
            continue
        records.put(record)
        changed.append(record.id)
    assert len(changed) == 3


def test_a_mistake_in_the_configuration_stops_the_preview_with_its_line(port: int, tmp_path: Path) -> None:
    project = Project(tmp_path, port)
    project.configure("dev", like="dev", overrides={"fastyle:budget": None, "fastyle:bugdet": {"monthly_amount": 5}})
    plan = project.preview("dev")
    assert plan.exit_code != 0
    assert "fastyle:budget is missing; without it nobody hears of an overspend" in plan.output
    assert "fastyle:bugdet: unknown key, it would change nothing; did you mean budget?" in plan.output
    assert "Traceback" not in plan.output


def test_a_component_s_refusal_is_one_line_too(port: int, tmp_path: Path) -> None:
    project = Project(tmp_path, port)
    """A rule of Google's that the configuration does not have: a subject of at most 127 bytes."""
    ci = {"repository": "shop/platform", "repository_id": "1", "environment": "e" * 130, "roles": ["roles/run.admin"]}
    services = configuration("prod")["fastyle:services"]
    project.configure("dev", like="dev", overrides={"fastyle:ci": ci, "fastyle:services": services})
    plan = project.preview("dev")
    assert plan.exit_code != 0
    assert "every token would be refused; shorten the environment's name" in plan.output
    assert "Traceback" not in plan.output


@pytest.fixture(scope="module")
def bookshop(port: int, tmp_path_factory: pytest.TempPathFactory) -> Project:
    example = REPOSITORY / "components" / "examples" / "minimal" / "__main__.py"
    project = Project(tmp_path_factory.mktemp("bookshop"), port, program=example.read_text(encoding="utf-8"))
    assert project.pulumi("stack", "init", "scratch-bookshop").returncode == 0
    config = {
        "gcp:project": "bookshop-1",
        "fastyle:project_number": "123456789012",
        "fastyle:billing_account": "000000-000000-000000",
    }
    project.change("scratch-bookshop", config)
    return project


def test_another_retailer_s_example_keeps_the_policies(bookshop: Project) -> None:
    pack = str(REPOSITORY / "policies")
    settings = bookshop.folder / "our-policies.json"
    settings.write_text(json.dumps({"alerts-present": {"protected": False}}), encoding="utf-8")  # nobody is on call
    done = bookshop.pulumi(
        *("preview", "--stack", "scratch-bookshop", "--policy-pack", pack, "--policy-pack-config", str(settings))
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[mandatory]" not in done.stdout


def test_another_retailer_s_example_comes_up(bookshop: Project) -> None:
    up = bookshop.pulumi("up", "--yes", "--skip-preview", "--stack", "scratch-bookshop")
    assert up.returncode == 0, up.stdout + up.stderr
    again = bookshop.pulumi("preview", "--expect-no-changes", "--stack", "scratch-bookshop")
    assert again.returncode == 0, again.stdout + again.stderr


def test_other_languages_get_the_schema_from_the_folder(bookshop: Project) -> None:
    done = bookshop.pulumi("package", "get-schema", str(REPOSITORY / "components"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fastyle:index:RawLake" in json.loads(done.stdout)["resources"]
    path = bookshop.folder / "schema.json"
    path.write_text(done.stdout, encoding="utf-8")
    checked = bookshop.pulumi("schema", "check", str(path))
    assert checked.returncode == 0, checked.stdout + checked.stderr

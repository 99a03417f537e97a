"""A policy rule, added to a copy of this checkout by `fastyle new rule` alone: no file is edited by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fastyle_policies.rules import RULES

from ops.errors import OperatorError
from ops.new_rule import write_rule
from tests.policies.accepting_provider import accepting_provider
from tests.support.checkout import REPOSITORY, Checkout, contents
from tests.support.plans import Project, policy_events

NAME = "bucket-storage-class"


@pytest.fixture(scope="module")
def copy_with_rule(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkout, list[str]]:
    """A copy with a rule more, and the files that the command wrote."""
    copy = Checkout.copy_to(tmp_path_factory.mktemp("checkout"))
    before = contents(copy.root)
    command = [sys.executable, "-c", "from ops.cli import main; main()", "new", "rule", NAME]
    subprocess.run(command, cwd=copy.root, check=True, capture_output=True)
    after = contents(copy.root)
    return copy, sorted(name for name in after if after[name] != before.get(name))


def pytest_in(copy: Checkout, *arguments: str) -> str:
    """What pytest prints in the copy, on the copy's own modules."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", "--no-header", *arguments]
    return copy.run(*command, env={"PYTHONPATH": str(copy.root / "policies")}).stdout


def test_the_command_writes_two_modules_and_a_row_of_the_page(copy_with_rule: tuple[Checkout, list[str]]) -> None:
    copy, written = copy_with_rule
    assert written == [
        "docs/policies.md",
        "policies/fastyle_policies/rules/bucket_storage_class.py",
        "policies/tests/policy_rules/cases/bucket_storage_class.py",
    ]
    page, before = ((root / "docs/policies.md").read_text(encoding="utf-8") for root in (copy.root, REPOSITORY))
    [row] = [line for line in page.splitlines() if line.startswith(f"| `{NAME}` |")]
    assert "`allowed` = " in row
    assert [line for line in before.splitlines() if line not in page] == []


def test_its_cases_are_judged_and_the_committed_stacks_keep_it(copy_with_rule: tuple[Checkout, list[str]]) -> None:
    tables = ["policies/tests/policy_rules/test_rules.py", "tests/policies/test_reference.py"]
    told = pytest_in(
        copy_with_rule[0],
        *tables,
        "tests/unit/infra/test_config_policies.py",
        "-k",
        f"{NAME} or reference or every_rule",
    )
    for kind in ("wrong", "passes", "unset", "unknown"):
        assert f"-{kind}] PASSED" in "\n".join(line for line in told.splitlines() if NAME in line), told
    assert f"test_no_policy_objects[dev-{NAME}] PASSED" in told


PROGRAM = """\
import pulumi

for key, kind in {"fast": "STANDARD", "cold": "COLDLINE"}.items():
    inputs = {"name": f"shop-1-{key}", "location": "us-central1", "storageClass": kind}
    pulumi.CustomResource("gcp:storage/bucket:Bucket", key, inputs)
"""


def test_the_engine_refuses_a_plan_that_breaks_it(copy_with_rule: tuple[Checkout, list[str]], tmp_path: Path) -> None:
    """The pack of the copy, as `pulumi preview` runs it; every other rule is switched off."""
    copy, log = copy_with_rule[0], tmp_path / "events.ndjson"
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({rule.id: "disabled" for rule in RULES}), encoding="utf-8")
    with accepting_provider() as port:
        project = Project(tmp_path, port, PROGRAM)
        assert project.pulumi("stack", "init", "scratch-new-rule").returncode == 0
        pack = ("--policy-pack", str(copy.root / "policies"), "--policy-pack-config", str(settings))
        done = project.pulumi("preview", *pack, "--event-log", str(log))
    assert done.returncode != 0
    [event] = policy_events(log)
    assert (event["policyName"], event["enforcementLevel"]) == (NAME, "mandatory")
    assert "Bucket 'cold' has storageClass COLDLINE; allowed: STANDARD" in event["message"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bucket", "'bucket' is no name of a rule; write words in lower case and hyphens"),
        ("Bucket-Class", "is no name of a rule"),
        ("bucket-lifecycle", "rule bucket-lifecycle is there already, in .*rules/storage.py"),
    ],
)
def test_a_name_that_cannot_be_is_one_sentence(name: str, words: str) -> None:
    with pytest.raises(OperatorError, match=words):
        write_rule(name, REPOSITORY)


def test_outside_a_checkout_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="run this in a checkout"):
        write_rule(NAME, tmp_path)
    assert list(tmp_path.iterdir()) == []

"""`fastyle stack new`: the files it writes are a stack that plans, beside the one that it was made after."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import fastyle_policies.pricing
import pytest
import yaml
from click.testing import CliRunner
from fastyle_policies.configuration import stack_config, validated
from fastyle_policies.pricing import read_usage
from fastyle_policies.rules import RULES

from infra.config import load_config
from ops import stack_new
from ops.cli import cli
from ops.errors import OperatorError
from ops.stack_new import POLICY_SETTINGS, USAGE, create
from ops.stacks import stack_names
from policy_rules.table import recorded, said, violations
from tests.support.configuration import REPOSITORY, as_the_engine_gives_it
from tests.support.program import composed


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that tell of stacks."""
    for path in REPOSITORY.glob("Pulumi*.yaml"):
        shutil.copy(path, tmp_path)
    (tmp_path / "policies").mkdir()
    shutil.copy(REPOSITORY / "policies" / "config.json", tmp_path / "policies")
    for folder in (POLICY_SETTINGS, USAGE):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    return tmp_path


def config_of(checkout: Path, stack: str) -> dict[str, object]:
    return dict(yaml.safe_load((checkout / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))["config"])


@pytest.mark.parametrize("source", ["dev", "prod", "local"])
def test_it_is_the_source_with_a_prefix_and_without_what_the_project_has_once(checkout: Path, source: str) -> None:
    made = create("Anna-2", source, repository=checkout)
    assert made.files == (Path("Pulumi.Anna-2.yaml"), POLICY_SETTINGS / "Anna-2.json", USAGE / "Anna-2.yaml")
    before, after = config_of(checkout, source), config_of(checkout, "Anna-2")
    once = {"fastyle:services", "fastyle:ci", "fastyle:log_retention_days", "fastyle:continuous_deployment"}
    assert after == {k: v for k, v in before.items() if k not in once} | {"fastyle:name_prefix": "anna2"}
    text, original = ((checkout / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8") for stack in ("Anna-2", source))
    assert "encryptionsalt" not in text
    kept = [line for line in original.splitlines() if line.lstrip().startswith("#")]
    assert [line for line in kept if line not in text] == [], "comments are what a stack file says why"
    assert "Anna-2" in stack_names(checkout)


@pytest.mark.parametrize("source", ["dev", "prod"])
def test_its_usage_file_speaks_of_what_it_has(checkout: Path, source: str) -> None:
    """A line for what the project has once would be of a resource that it does not have."""
    create("anna", source, prefix="anna", repository=checkout)
    resources = recorded(composed(config_of(checkout, "anna")).resources, "anna")
    usage = read_usage(checkout / USAGE / "anna.yaml")
    notes = fastyle_policies.pricing.estimate(resources, usage, region="us-central1").notes
    assert [note for note in notes if "matches no resource" in note] == []
    lines = ((checkout / USAGE / f"{name}.yaml").read_text(encoding="utf-8").splitlines() for name in (source, "anna"))
    before, after = map(list, lines)
    assert [line for line in before if "logs-default" not in line] == after


def test_no_policy_objects_to_it_by_its_own_settings(checkout: Path) -> None:
    create("anna", "dev", repository=checkout)
    resources = recorded(composed(config_of(checkout, "anna")).resources, "anna")
    given = stack_config(checkout / "policies", RULES)("anna")
    for rule in RULES:
        parameters = validated(rule, given.get(rule.id, {}), checkout / "policies")
        assert said(violations(rule, resources, parameters)) == [], rule.id


def test_one_made_after_a_prefixed_one_has_its_own_prefix_alone(checkout: Path) -> None:
    create("anna", "dev", repository=checkout)
    create("ben", "anna", repository=checkout)
    assert config_of(checkout, "ben")["fastyle:name_prefix"] == "ben"
    settings = json.loads((checkout / POLICY_SETTINGS / "ben.json").read_text(encoding="utf-8"))
    assert sorted(settings["no-public-grant"]["public"]) == ["ben-pos-api", "ben-pos-entrance"]
    assert settings["all"] == {"protected": False, "usage": "ben"}


def test_secrets_of_the_source_are_not_taken_along(checkout: Path) -> None:
    path = checkout / "Pulumi.dev.yaml"
    text = path.read_text(encoding="utf-8").replace(" 000000-000000-000000", "\n    secure: v1:abc")
    path.write_text(f"encryptionsalt: v1:salt\n{text}", encoding="utf-8")
    made = create("anna", "dev", repository=checkout)
    assert "secure" not in (checkout / "Pulumi.anna.yaml").read_text(encoding="utf-8")
    assert made.notes == ("secret, hence unknown to the plan, which takes an example instead: fastyle:billing_account",)
    load_config(as_the_engine_gives_it(config_of(checkout, "anna")))


@pytest.mark.parametrize(
    ("name", "source", "prefix", "words"),
    [
        ("anna", "dve", None, "stack dve does not exist; .* did you mean dev?"),
        ("an na", "dev", None, "'an na' is no name of a stack"),
        ("../anna", "dev", None, "is no name of a stack"),
        ("prod", "dev", "anna", r"Pulumi\.prod\.yaml exists; choose another name"),
        ("12", "dev", None, "no name prefix can be made of '12'; give one with --prefix"),
        ("sales", "dev", None, "fastyle:name_prefix: 'sales' begins names"),
        ("anna", "dev", "An", "fastyle:name_prefix .* not of that form"),
        ("anna", "dev", "", "fastyle:name_prefix is '', not of that form"),
        ("anna", "dev", "goog1", "'goog1' begins with goog or contains google"),
        ("my-google", "dev", None, "'mygoogle' begins with goog or contains google"),
        ("anna", "dev", "taken", "stack other of project fastyle-dev-example has name prefix 'taken'"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_writes_nothing(
    name: str, source: str, prefix: str | None, words: str, checkout: Path
) -> None:
    create("other", "dev", prefix="taken", repository=checkout)
    before = sorted(checkout.rglob("*"))
    with pytest.raises(OperatorError, match=words):
        create(name, source, prefix=prefix, repository=checkout)
    assert sorted(checkout.rglob("*")) == before


def test_the_command_says_what_it_wrote_and_what_is_next(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_new.create, "__kwdefaults__", {"prefix": None, "repository": checkout})
    done = CliRunner().invoke(cli, ["stack", "new", "anna", "--from", "dev"])
    assert done.exit_code == 0, done.output
    assert done.output == (
        "wrote Pulumi.anna.yaml, policies/config/anna.json, policies/usage/anna.yaml\n"
        "every name begins with anna; next: make plan STACK=anna\n"
    )


def test_the_list_says_which_stacks_are_protected_and_which_a_merge_deploys() -> None:
    """A line a stack for people, the same for workflows."""
    told = CliRunner().invoke(cli, ["stack", "list"])
    rows = json.loads(CliRunner().invoke(cli, ["stack", "list", "--json"]).output)
    assert [row["name"] for row in rows] == stack_names()
    lines = {line.split()[0]: line for line in told.output.splitlines()}
    assert list(lines) == stack_names()
    for row in rows:
        assert row["project"] in lines[row["name"]]
        assert ("protected" in lines[row["name"]]) is row["protected"]
        assert ("deployed by merges" in lines[row["name"]]) is row["continuous_deployment"]
    assert {(row["protected"], row["continuous_deployment"]) for row in rows} >= {(True, True), (False, False)}

"""The command `fastyle-policies`: the folder of a pack, the rules, the cost of anybody's plan."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml
from fastyle_policies.command import main
from fastyle_policies.configuration import stack_config
from fastyle_policies.rules import RULES

PREVIEW = Path(__file__).parent / "policy_pricing" / "foreign" / "preview.json"


def test_the_folder_of_a_pack_is_written_once_with_settings_that_the_rules_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "guard"
    assert main(["init", str(folder)]) == 0
    assert f"pulumi preview --policy-pack {folder}" in capsys.readouterr().out
    assert stack_config(folder, RULES)("any")["spend-ceiling"] == {"protected": True, "maximum": 100}
    (folder / "config.json").write_text("{}", encoding="utf-8")
    assert main(["init", str(folder)]) == 1
    assert (
        capsys.readouterr().err
        == f"error: {folder / 'PulumiPolicy.yaml'} exists; remove it, or choose another folder\n"
    )
    assert (folder / "config.json").read_text(encoding="utf-8") == "{}"


@pytest.mark.parametrize(
    ("environment", "runtime"),
    [
        ("shop/.venv", {"name": "python", "options": {"virtualenv": "../.venv"}}),
        ("elsewhere/venv", "python"),
    ],
)
def test_the_pack_runs_in_the_environment_of_its_project_else_in_the_active_one(
    environment: str, runtime: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / environment))
    assert main(["init", str(tmp_path / "shop" / "policies")]) == 0
    written = yaml.safe_load((tmp_path / "shop" / "policies" / "PulumiPolicy.yaml").read_text(encoding="utf-8"))
    assert written["runtime"] == runtime


def test_every_rule_is_listed_with_its_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules"]) == 0
    listed = capsys.readouterr().out
    assert [rule.id for rule in RULES if f"| `{rule.id}` |" not in listed] == []


def test_a_plan_is_priced_with_a_usage_file_a_month_and_a_variable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A GiB of standard storage in us-central1 is 0.020 a month, five are free: 995 x 0.020 = 19.90, 1,995 x 0.020 = 39.90."""
    plan, usage = tmp_path / "export.json", tmp_path / "usage.yaml"
    bucket = {
        "urn": "urn:pulumi:any::shop::gcp:storage/bucket:Bucket::lake",
        "type": "gcp:storage/bucket:Bucket",
        "custom": True,
        "inputs": {"location": "US-CENTRAL1", "name": "shop-lake"},
    }
    plan.write_text(json.dumps({"version": 3, "deployment": {"resources": [bucket]}}), encoding="utf-8")
    usage.write_text(
        "version: 1\ncalendar: {quiet: {quiet: 30}, sale: {sale: 30}}\n"
        "variables:\n  kept: {quiet: 1000 / 30, sale: 2000 / 30}\nresource_usage:\n  lake: {storage_gib: kept}\n",
        encoding="utf-8",
    )

    def total(*options: str) -> str:
        assert main(["cost", str(plan), "--format", "json", *options]) == 0
        return str(json.loads(capsys.readouterr().out)["monthly"]["total"])

    assert float(total()) == 0
    assert float(total("--usage", str(usage), "--month", "quiet")) == 19.9
    assert float(total("--usage", str(usage), "--month", "sale")) == 39.9
    assert float(total("--usage", str(usage), "--var", "kept=105")) == 2
    assert main(["cost", str(plan), "--usage", str(usage), "--month", "quiet", "--explain", "lake"]) == 0
    assert "x 0.02" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no-such.json"], "no-such.json: cannot be read (No such file or directory)"),
        ([str(PREVIEW), "--month", "sale"], "give one with --usage"),
        ([str(PREVIEW), "--var", "visits"], "'visits' is not of the form KEY=VALUE"),
        ([str(PREVIEW), "--var", "visits=many"], "visits=many: 'many' is no number"),
        ([str(PREVIEW), "--explain", "nothing of that name"], "nothing of that name"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", *arguments]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("error: ")
    assert words in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""

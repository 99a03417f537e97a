"""Between the SDK and the rules: unknown values, configuration by stack, and what a wrong one says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from fastyle_policies.bridge import plain, schema_of
from fastyle_policies.configuration import (
    FLAG,
    WrongConfiguration,
    check_engine_config,
    engine_config_files,
    given_files,
    stack_config,
    validated,
)
from fastyle_policies.model import UNKNOWN
from fastyle_policies.rules import RULES
from pulumi_policy.proxy import unknown_checking_proxy

UNKNOWN_ON_THE_WIRE = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
BY_ID = {rule.id: rule for rule in RULES}


def test_a_value_that_the_sdk_would_raise_on_is_unknown_and_the_rest_is_read() -> None:
    proxied = unknown_checking_proxy(
        {"a": UNKNOWN_ON_THE_WIRE, "b": {"c": [1.0, UNKNOWN_ON_THE_WIRE, 0.5], "d": None}, "e": "text", "f": True}
    )
    assert plain(proxied) == {"a": UNKNOWN, "b": {"c": [1, UNKNOWN, 0.5], "d": None}, "e": "text", "f": True}


def config(tmp_path: Path, **content: Any) -> dict[str, Any]:
    (tmp_path / "config").mkdir(exist_ok=True)
    (tmp_path / "config" / "dev.json").write_text(json.dumps(content), encoding="utf-8")
    return stack_config(tmp_path, RULES)("dev")


def test_what_a_file_says_for_all_rules_holds_for_each_unless_it_says_otherwise(tmp_path: Path) -> None:
    settings = config(tmp_path, all={"protected": False}, labels={"required": ["team"], "protected": True})
    assert settings["labels"] == {"protected": True, "required": ["team"]}
    assert settings["budget-present"] == {"protected": False}
    assert sorted(settings) == sorted(BY_ID)


def test_what_a_file_says_for_all_rules_holds_for_those_that_take_it(tmp_path: Path) -> None:
    settings = config(tmp_path, all={"public": {"shop": "it asks for a token"}, "replay_days": 30})
    assert settings["no-public-grant"] == {"public": {"shop": "it asks for a token"}}
    assert settings["lake-retention"] == {"replay_days": 30}
    assert settings["bucket-private"] == {}
    with pytest.raises(WrongConfiguration, match=r"dev\.json: all\.replay_day: no rule has such a parameter; did you"):
        config(tmp_path, all={"replay_day": 30})


def test_what_holds_for_every_stack_is_in_one_file_and_a_stacks_own_goes_over_it(tmp_path: Path) -> None:
    every = {"all": {"protected": False}, "labels": {"required": ["team"]}, "lake-retention": {"replay_days": 30}}
    (tmp_path / "config.json").write_text(json.dumps(every), encoding="utf-8")
    own = config(tmp_path, **{"all": {"protected": True}, "lake-retention": {"replay_days": 90}})
    assert own["labels"] == {"required": ["team"], "protected": True}
    assert own["lake-retention"] == {"replay_days": 90, "protected": True}
    assert stack_config(tmp_path, RULES)("other")["lake-retention"] == {"replay_days": 30, "protected": False}
    (tmp_path / "config.json").write_text(json.dumps({"lables": {}}), encoding="utf-8")
    with pytest.raises(WrongConfiguration, match=r"config\.json: no rule is named lables; did you mean labels\?$"):
        stack_config(tmp_path, RULES)


def test_a_usage_file_lies_in_the_packs_folder_by_its_name_or_path(tmp_path: Path) -> None:
    (tmp_path / "usage").mkdir()
    for path in ("usage/shop.yaml", "own.yaml"):
        (tmp_path / path).write_text("version: 1\n", encoding="utf-8")
    rule = BY_ID["spend-ceiling"]
    for name, path in (("shop", "usage/shop.yaml"), ("own.yaml", "own.yaml"), ("usage/shop.yaml", "usage/shop.yaml")):
        parameters: Any = validated(rule, {"usage": name}, tmp_path)
        assert parameters.usage == str(tmp_path / path)
    with pytest.raises(WrongConfiguration, match=r"spend-ceiling\.usage: .*other\.yaml: No such file"):
        validated(rule, {"usage": "other.yaml"}, tmp_path)


def test_a_stack_without_a_file_has_the_strict_defaults(tmp_path: Path) -> None:
    config(tmp_path, labels={"required": []})
    assert stack_config(tmp_path, RULES)("staging") == {}


def test_a_rule_that_does_not_exist_is_named_with_those_that_do(tmp_path: Path) -> None:
    with pytest.raises(WrongConfiguration, match=r"dev\.json: no rule is named stickers; known: alert-tells, .*labels"):
        config(tmp_path, stickers={})
    with pytest.raises(WrongConfiguration, match=r"dev\.json: no rule is named lables; did you mean labels\?$"):
        config(tmp_path, lables={})


@pytest.mark.parametrize(
    ("rule", "parameters", "words"),
    [
        (
            "labels",
            {"requried": []},
            r"labels\.requried: the rule has no such parameter; it takes protected, required, .*; did you mean required\?$",
        ),
        ("idle-instances", {"maximum": "many"}, r"dev\.json: idle-instances\.maximum: Input should be a valid integer"),
        (
            "labels",
            {"waivers": [{"resource": "a", "reason": "because", "until": "2026-01-01"}]},
            r"dev\.json: labels\.waivers\.0\.reason: String should have at least 10 characters",
        ),
        (
            "labels",
            {"waivers": [{"resource": "a", "reason": "drained by hand"}]},
            r"dev\.json: labels\.waivers\.0\.until: Field required",
        ),
    ],
)
def test_a_parameter_that_does_not_exist_or_fit_is_named(
    tmp_path: Path, rule: str, parameters: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        config(tmp_path, **{rule: parameters})


def test_what_the_engine_hands_on_is_held_against_the_rule() -> None:
    assert validated(BY_ID["labels"], {"required": ["team"]}).model_dump()["required"] == ["team"]
    with pytest.raises(WrongConfiguration, match=rf"^{FLAG}: labels\.required: Input should be a valid list$"):
        validated(BY_ID["labels"], {"required": "team"})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"lables": {"required": []}}, "no rule is named lables; did you mean labels?"),
        ({"labels": {"requried": []}}, "labels.requried: the rule has no such parameter; it takes"),
        ({"grants-surplus": {"expcted": []}}, "grants-surplus.expcted: the rule has no such parameter"),
        ({"labels": {"required": "team"}}, "labels.required: Input should be a valid list"),
        ({"labels": {"waivers": [{"resource": "a"}]}}, "labels.waivers.0.reason: Field required"),
        ({"spend-ceiling": {"usage": "nowhere.yaml"}}, "spend-ceiling.usage: Value error, "),
        ({"labels": "nonsense"}, 'labels: "nonsense" is no enforcement level; write one of advisory, mandatory'),
        ({"labels": 5}, "labels: 5 is no enforcement level"),
        ({"labels": {"enforcementLevel": "mandatry"}}, 'labels: "mandatry" is no enforcement level'),
        (
            {"all": {"protected": False}},
            "all: the engine takes an enforcement level for all rules and no parameters; give them to each rule, or "
            "write them into config/<stack>.json in the pack's folder",
        ),
    ],
)
def test_what_the_engine_is_given_is_refused_by_name(tmp_path: Path, content: Any, words: str) -> None:
    file = tmp_path / "given.json"
    file.write_text(json.dumps(content | {"budget-present": {"required": False}}), encoding="utf-8")
    with pytest.raises(WrongConfiguration) as refusal:
        check_engine_config(file, RULES, tmp_path)
    assert str(refusal.value).startswith(f"{FLAG} {file}: {words}")
    assert "budget-present" not in str(refusal.value)


def test_every_mistake_has_its_line(tmp_path: Path) -> None:
    file = tmp_path / "given.json"
    file.write_text(json.dumps({"lables": {}, "labels": {"requried": [], "protected": 5}}), encoding="utf-8")
    with pytest.raises(WrongConfiguration) as refusal:
        check_engine_config(file, RULES, tmp_path)
    lines = str(refusal.value).splitlines()
    assert [line.removeprefix(f"{FLAG} {file}: ").partition(":")[0] for line in lines] == [
        "no rule is named lables; did you mean labels?",
        "labels.protected",
        "labels.requried",
    ]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"all": "advisory", "labels": "disabled"},
        {"all": {"enforcementLevel": "mandatory"}, "labels": {"enforcementLevel": "advisory", "required": ["team"]}},
    ],
)
def test_what_the_engine_takes_passes(tmp_path: Path, content: Any) -> None:
    file = tmp_path / "given.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    check_engine_config(file, RULES, tmp_path)


def test_a_relative_path_among_parameters_is_read_from_the_packs_folder(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("version: 1\n", encoding="utf-8")
    given = {"spend-ceiling": {"usage": "own.yaml"}}
    file = tmp_path / "given.json"
    file.write_text(json.dumps(given), encoding="utf-8")
    check_engine_config(file, RULES, tmp_path)
    assert config(tmp_path, **given)["spend-ceiling"] == {"usage": "own.yaml"}
    (tmp_path / "config.json").write_text(json.dumps(given), encoding="utf-8")
    assert stack_config(tmp_path, RULES)("another")["spend-ceiling"] == {"usage": "own.yaml"}


@pytest.mark.parametrize("text", ["[]", "{", '"labels"'])
def test_a_file_that_is_no_configuration_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "given.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(WrongConfiguration, match=re.escape(f"{file}: it ")):
        check_engine_config(file, RULES, tmp_path)


@pytest.mark.parametrize(
    ("line", "files"),
    [
        (["pulumi", "up", FLAG, "a.json", "--yes"], ["a.json"]),
        (["pulumi", "up", f"{FLAG}=a.json,b.json"], ["a.json", "b.json"]),
        (["pulumi", "up", FLAG, "a.json", FLAG, "b.json"], ["a.json", "b.json"]),
        (["pulumi", "up", "--policy-pack", "policies"], []),
        (["pulumi", "up", FLAG], []),
    ],
)
def test_the_files_on_a_command_line_are_found(line: list[str], files: list[str]) -> None:
    assert given_files(line) == files


def test_the_pack_reads_what_an_engine_above_it_was_given(tmp_path: Path) -> None:
    """A process with the flag, whose grandchild asks: as engine, language host and pack are related."""
    asks = "from fastyle_policies.configuration import engine_config_files"
    asks += "; print(*engine_config_files(), sep=chr(10))"
    host = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {asks!r}], check=True)"
    command = [sys.executable, "-c", host, FLAG, "given.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(tmp_path / "given.json")]
    assert engine_config_files() == []


@pytest.mark.parametrize("flag", [[FLAG, "a.json,b.json"], [f"{FLAG}=a.json,b.json"]])
def test_paths_given_to_an_engine_are_read_from_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: list[str]
) -> None:
    """Command lines of processes that this test does not start, in either form of the flag."""
    engine = SimpleNamespace(cmdline=lambda: ["pulumi", "up", *flag], cwd=lambda: str(tmp_path))
    shell = SimpleNamespace(cmdline=lambda: ["bash"], cwd=lambda: "/")
    monkeypatch.setattr(psutil, "Process", lambda: SimpleNamespace(parents=lambda: [shell, engine, shell]))
    assert engine_config_files() == [tmp_path / "a.json", tmp_path / "b.json"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_schema_that_the_engine_checks_has_no_references_and_no_defaults(rule: Any) -> None:
    """The engine resolves none, and would fill defaults in over what a stack's file says."""
    schema = schema_of(rule.parameters).properties
    assert set(schema) == set(rule.parameters.model_fields)
    assert "$ref" not in json.dumps(schema)
    assert all("default" not in described for described in schema.values())

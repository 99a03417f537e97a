"""A stack is previewed once: `make cost` after `make plan` takes its preview, and a pull request's comment each one once."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fastyle_policies.pricing import documents

import ops.plan
import ops.plan_cache
import tools.pull_request
from ops.advice.stack import Asked, advised
from ops.cli import cli
from ops.cost import Request, estimated, priced
from ops.errors import OperatorError
from ops.plan import StackPlan, plan
from ops.plan_cache import Kept
from tools.pull_request import comment, told

PREVIEW: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "policies" / "tests" / "policy_pricing" / "foreign" / "preview.json").read_text(
        encoding="utf-8"
    )
)


@pytest.fixture
def previews(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """Previews that an engine was asked for; it answers with the web shop of another company."""
    asked: list[list[str]] = []

    def pulumi(arguments: list[str], cwd: Path, env: dict[str, str], *, check: bool = True) -> Any:
        if arguments[0] == "preview":
            asked.append(arguments)
        return subprocess.CompletedProcess(arguments, 0, json.dumps(PREVIEW), "")

    @contextmanager
    def provider(work: Path) -> Iterator[tuple[str, dict[str, str]]]:
        yield "a provider", {"PATH": ""}

    monkeypatch.setattr(ops.plan, "_pulumi", pulumi)
    monkeypatch.setattr(ops.plan, "_provider", provider)
    monkeypatch.setattr(ops.plan_cache, "KEPT", tmp_path / "plans")
    return asked


def test_cost_after_plan_previews_nothing(previews: list[list[str]]) -> None:
    first = plan("dev")
    assert estimated(Request(stack="dev")).total == priced(documents.read(first.document), Request(stack="dev")).total
    assert len(previews) == 1
    plan("dev")
    assert len(previews) == 2, "policies judge a preview anew"


def test_something_tried_out_is_a_preview_of_its_own(previews: list[list[str]]) -> None:
    estimated(Request(stack="prod"))
    for _ in range(2):
        estimated(Request(stack="prod", overrides=["orchestrator=scheduler"]))
    assert len(previews) == 2


@pytest.mark.slow
def test_plans_of_one_process_share_a_provider_and_one_that_ended_is_started_again() -> None:
    port = ops.plan._stand_in_port()
    assert ops.plan._stand_in_port() == port
    process, _ = ops.plan._stand_in()
    process.kill()
    process.wait()
    again = ops.plan._stand_in_port()
    with socket.create_connection(("127.0.0.1", int(again)), timeout=20):
        assert ops.plan._stand_in()[0].pid != process.pid


def test_what_is_tried_out_is_set_by_one_command_of_each_kind() -> None:
    """Each command is a start of the engine. A part of a structure is set after the whole of it."""
    overrides = {
        "fastyle:database.tier": "small",
        "fastyle:database": "{}",
        "fastyle:lake.days": None,
        "gcp:region": "eu",
    }
    assert list(ops.plan._config_commands(overrides)) == [
        ["rm-all", "--path", "fastyle:lake.days"],
        ["set-all", "--plaintext", "fastyle:database={}", "--plaintext", "gcp:region=eu"],
        ["set-all", "--path", "--plaintext", "fastyle:database.tier=small"],
    ]


def test_a_preview_is_kept_for_the_files_that_it_was_made_of(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "infra").mkdir(parents=True)
    (tree / "docs").mkdir()
    subprocess.run(["git", "init", "--quiet", str(tree)], check=True)
    (tree / "infra" / "main.py").write_text("1")
    kept = Kept.of("dev", {}, tree, tmp_path)
    assert kept.read() is None
    kept.write({"document": {"steps": []}})
    assert Kept.of("dev", {}, tree, tmp_path).read() == {"document": {"steps": []}}
    (tree / "docs" / "page.md").write_text("a page")
    assert Kept.of("dev", {}, tree, tmp_path) == kept, "no preview reads the documents"
    assert Kept.of("prod", {}, tree, tmp_path) != kept
    assert Kept.of("dev", {"fastyle:orchestrator": None}, tree, tmp_path) != kept
    (tree / "infra" / "main.py").write_text("2")
    assert Kept.of("dev", {}, tree, tmp_path) != kept
    (tree / "infra" / "main.py").write_text("1")
    (tree / "infra" / "new.py").write_text("not committed yet")
    assert Kept.of("dev", {}, tree, tmp_path) != kept


def test_without_git_and_without_a_place_to_write_nothing_is_kept_and_nothing_fails(tmp_path: Path) -> None:
    assert Kept.of("dev", {}, tmp_path, tmp_path).path is None
    Kept.of("dev", {}, tmp_path, tmp_path).write({})
    (tmp_path / "file").write_text("no folder")
    kept = Kept(tmp_path / "file" / "x.json")
    kept.write({"document": {}})
    assert kept.read() is None


def test_the_newest_previews_are_kept(tmp_path: Path) -> None:
    for number in range(ops.plan_cache.MOST + 3):
        Kept(tmp_path / f"{number}.json").write({"n": number})
    assert len(list(tmp_path.iterdir())) == ops.plan_cache.MOST


def test_a_preview_is_saved(previews: list[list[str]], tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["plan", "--stack", "dev", "--save", str(tmp_path / "plan.json")])
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "plan.json").read_text()) == PREVIEW
    done = CliRunner().invoke(cli, ["plan", "--stack", "dev", "--save", str(tmp_path)])
    assert done.exit_code == 1
    assert "cannot be written" in done.output


def planned(stack: str, violations: list[dict[str, Any]] | None = None) -> StackPlan:
    return StackPlan(stack, "a provider", 1.0, [{"type": "gcp:x:Y"}], violations or [], document=PREVIEW)


@pytest.fixture
def pull_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """A base branch without a part of the shop, and a policy that prod violates."""
    violation = {
        "enforcementLevel": "mandatory",
        "policyName": "spend-ceiling",
        "resourceUrn": "urn:pulumi:prod::shop::x::web",
        "message": "dear\nvery",
    }
    fewer = {**PREVIEW, "steps": [s for s in PREVIEW["steps"] if "Address" not in s["urn"]]}
    monkeypatch.setattr(
        tools.pull_request, "plan", lambda stack: planned(stack, [violation] if stack == "prod" else [])
    )
    monkeypatch.setattr(
        tools.pull_request,
        "before",
        lambda request, against: priced(documents.read(fewer), Request(stack=request.stack)),
    )
    monkeypatch.setattr(tools.pull_request, "advised", lambda asked: advised(Asked(request=Request(plan=_file()))))


def _file() -> Path:
    return Path(__file__).parents[3] / "policies" / "tests" / "policy_pricing" / "foreign" / "preview.json"


@pytest.mark.usefixtures("pull_request")
def test_one_comment_has_costs_changes_policies_and_advice_of_both_stacks() -> None:
    stacks = [told(stack, "origin/main") for stack in ("dev", "prod")]
    assert [summary.sound for summary in stacks] == [True, False]
    text = comment(stacks, "origin/main")
    head = text.partition("####")[0]
    assert head.startswith("### Plan and cost against `origin/main`\n")
    assert "| dev | 1 | kept |" in head
    assert "| prod | 1 | 1 violated, 0 advisory |" in head
    assert "- **mandatory** `spend-ceiling`: web: dear very" in text
    assert "| component | before | after | change |" in text
    assert "| outside components |" in text
    assert "+3.65" in text, "an address: 730 h x 0.005"
    assert text.count("<summary>Advice</summary>") == 2
    assert "minInstanceCount: 1 -> 0" in text


@pytest.mark.usefixtures("pull_request")
def test_what_cannot_be_told_says_why_and_keeps_nothing_else_from_being_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any) -> Any:
        raise OperatorError("git worktree: no such revision")

    monkeypatch.setattr(tools.pull_request, "before", none)
    summary = told("dev", "origin/gone")
    assert not summary.sound
    text = comment([summary], "origin/gone")
    assert "**failed**: cost at origin/gone: git worktree: no such revision" in text
    assert "<summary>Advice</summary>" in text
    monkeypatch.setattr(tools.pull_request, "plan", none)
    assert "| dev | - | - | - | - | - | - |" in comment([told("dev", "origin/gone")], "origin/gone")

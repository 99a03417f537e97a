"""Verbs against a stack in the caller's own backend: the engine that set-up made, and stacks that do not exist."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from fastyle_localcloud.engine.bootstrap import ensure_engine

from ops import stacks
from ops.cli import cli
from ops.errors import OperatorError
from tests.support.configuration import REPOSITORY

pytestmark = pytest.mark.slow  # the engine starts for each


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with files of three stacks, of which dev and another are in the backend; its PATH has no pulumi."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "state").mkdir()
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml"):
        shutil.copy(REPOSITORY / name, folder / name)
    environment = os.environ | {"PULUMI_BACKEND_URL": f"file://{folder}/state", "PULUMI_CONFIG_PASSPHRASE": "theirs"}
    for stack in ("dev", "training"):
        command = [str(ensure_engine(print).pulumi), "stack", "init", stack, "--non-interactive"]
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return folder


@pytest.fixture(autouse=True)
def shell(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's shell: logged in to their backend, without the engine on PATH."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{checkout}/state")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "theirs")
    monkeypatch.setenv("PATH", os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if not _holds(p)))


def _holds(folder: str) -> bool:
    return (Path(folder) / "pulumi").exists()


def test_the_engine_of_set_up_is_used_with_the_caller_s_backend(checkout: Path) -> None:
    assert shutil.which("pulumi") is None
    assert stacks.outputs("dev", checkout) == {}


@pytest.mark.parametrize("stack", ["deev", "acme/fastyle/deev"])
def test_a_misspelt_stack_does_not_exist_and_those_that_do_are_named(checkout: Path, stack: str) -> None:
    with pytest.raises(OperatorError) as refusal:
        stacks.outputs(stack, checkout)
    words = str(refusal.value)
    assert f"stack {stack} does not exist" in words
    assert "dev, prod, training" in words
    assert words.endswith("did you mean dev?")


def test_a_stack_with_a_file_alone_is_not_deployed(checkout: Path) -> None:
    with pytest.raises(OperatorError, match=r"stack prod is not deployed: .*holds dev, training") as refusal:
        stacks.outputs("prod", checkout)
    assert "first-deployment.md" in str(refusal.value)


def test_without_a_backend_a_misspelt_stack_is_still_told(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}/nowhere")
    with pytest.raises(
        OperatorError, match=r"stack deev does not exist; those that have a file here: dev, prod, training; did"
    ):
        stacks.outputs("deev", checkout)
    with pytest.raises(OperatorError, match=r"outputs of stack dev cannot be read: .*nowhere"):
        stacks.outputs("dev", checkout)


@pytest.mark.parametrize("verb", [["status"], ["pipeline", "run"], ["replay"], ["redrive", "sales"]])
def test_every_verb_says_it_in_one_line(verb: list[str]) -> None:
    done = CliRunner().invoke(cli, [*verb, "--stack", "deev"])
    assert done.exit_code == 1
    assert "stack deev does not exist" in done.output
    assert "did you mean dev?" in done.output
    assert len(done.output.strip().splitlines()) == 1


@pytest.mark.parametrize("verb", [["cost"]])
def test_a_plan_of_a_misspelt_stack_says_the_same(verb: list[str]) -> None:
    done = CliRunner().invoke(cli, [*verb, "--stack", "deev"])
    assert done.exit_code == 1
    assert "stack deev does not exist" in done.output
    assert "did you mean dev?" in done.output


def test_who_is_not_logged_in_anywhere_is_told_to(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Pulumi's own words were of an access token for its service, which nobody here uses."""
    for name in ("PULUMI_BACKEND_URL", "PULUMI_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))  # where `pulumi login` writes
    with pytest.raises(OperatorError, match=r"log in to where it is kept \(`pulumi login") as refusal:
        stacks.outputs("dev", checkout)
    assert "PULUMI_ACCESS_TOKEN" not in str(refusal.value)

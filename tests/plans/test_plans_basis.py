"""Currency and time zone of a stack's figures on the real engine: another one is refused at the preview."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.plans import REPOSITORY, Project, provider

# The lock alone: what else the stack has is none of its business.
PROGRAM = f"""\
import sys

sys.path[:0] = [{str(REPOSITORY)!r}]

from infra.composition import lock_basis
from infra.config import load_config

lock_basis(load_config())
"""
LOCK = "fastyle:index:DeletionLock::figures-keep-currency-USD-and-timezone-America-New_York"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with provider() as port:
        yield Project(tmp_path, port, PROGRAM)


def pulumi(project: Project, stack: str, *arguments: str, ok: bool = True) -> str:
    done = project.pulumi(*arguments, "--stack", stack)
    assert (done.returncode == 0) is ok, done.stdout + done.stderr
    return done.stdout + done.stderr


def configure(project: Project, stack: str, key: str, value: str) -> None:
    project.change(stack, {f"fastyle:{key}": value})


@pytest.mark.parametrize(("key", "changed", "kept"), [("currency", "EUR", "USD"), ("timezone", "Asia/Tokyo", "America/New_York")])  # fmt: skip
def test_a_protected_stack_keeps_them(project: Project, key: str, changed: str, kept: str) -> None:
    stack = "scratch-prod"
    project.configure(stack, like="prod")
    pulumi(project, stack, "up", "--yes", "--skip-preview")
    configure(project, stack, key, changed)
    refused = pulumi(project, stack, "preview", ok=False)
    assert LOCK in refused, "the name says which key stays as it is"
    assert "cannot be deleted" in refused
    urn = next(word.strip("'\"") for word in refused.split() if LOCK in word)
    configure(project, stack, key, kept)
    pulumi(project, stack, "preview", "--expect-no-changes")
    # Before the first sale: the documented way round.
    configure(project, stack, key, changed)
    pulumi(project, stack, "state", "unprotect", urn, "--yes")
    pulumi(project, stack, "up", "--yes", "--skip-preview")


def test_a_stack_without_protection_is_changed_and_removed_as_before(project: Project) -> None:
    stack = "scratch-dev"
    project.configure(stack, like="dev")
    pulumi(project, stack, "up", "--yes", "--skip-preview")
    configure(project, stack, "currency", "EUR")
    pulumi(project, stack, "up", "--yes", "--skip-preview")
    pulumi(project, stack, "destroy", "--yes", "--skip-preview")

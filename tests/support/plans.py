"""`pulumi preview --json` of a stack on the real engine, checked by the stand-in provider, with archives of our own.

The archives' content is none of a plan's business, and building them would cost a minute: the program under test
gets a packager that writes small files instead. Everything else is what `pulumi preview` runs.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from fastyle_localcloud.engine.environment import engine_environment
from fastyle_localcloud.provider.server import serve

from ops.stacks import stack_names
from tests.support.configuration import configuration
from tests.support.warm_host import warm_python

REPOSITORY = Path(__file__).resolve().parents[2]
STACKS = tuple(stack_names())

PROGRAM = """\
import sys
from pathlib import Path

sys.path[:0] = [{repository!r}]

import pulumi

from infra.composition import compose
from infra.config import load_config


def package(workload):
    path = Path({archives!r}) / (workload + (".zip" if workload in ("pos_api", "budget_guard") else ".tar.gz"))
    path.write_text(workload)
    return path


for name, value in compose(load_config(), package).items():
    pulumi.export(name, value)
"""


@dataclass
class Plan:
    """A preview: its resources by name, and what the engine said."""

    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    """`<type>::<name>` to the resource's inputs."""
    parents: dict[str, str] = field(default_factory=dict)
    """`<type>::<name>` to the parent's name."""
    document: dict[str, Any] = field(default_factory=dict)
    """`pulumi preview --json`, as it came."""
    output: str = ""
    exit_code: int = 0
    policy_events: list[dict[str, Any]] = field(default_factory=list)
    """What the policy pack said, if one was asked."""

    @property
    def states(self) -> list[dict[str, Any]]:
        """The engine's own states of all resources, components and providers included."""
        return [step["newState"] for step in self.document.get("steps", []) if step.get("newState")]

    @property
    def counts(self) -> dict[str, int]:
        return dict(sorted(Counter(key.partition("::")[0] for key in self.resources).items()))

    def of(self, type_: str) -> dict[str, dict[str, Any]]:
        """Inputs by name of one type."""
        return {key.partition("::")[2]: value for key, value in self.resources.items() if key.startswith(f"{type_}::")}


@contextmanager
def provider(records: Path | None = None) -> Iterator[int]:
    """The stand-in `gcp` provider without a cloud; yields its port. What it makes is in `records`, or in memory.

    It serves from this process: the SDK's classes, which it reads its schemas from, are imported once for all providers
    of a test session.
    """
    loop = _event_loop()
    server = asyncio.run_coroutine_threadsafe(serve(None, records), loop).result(60)
    try:
        yield server.port
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(60)


@cache
def _event_loop() -> asyncio.AbstractEventLoop:
    """One loop in a thread of its own, for as long as this process lives."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="gcp-providers", daemon=True).start()
    return loop


class Project:
    """A copy of the project's stacks with a program of its own, in a folder of its own.

    Unless it is `plain`, its language hosts are forked from a warm one, and an update writes its state once, at its end,
    however it ends. The engine's default, to write all of it after every step, takes three quarters of an update of
    `prod`, and matters to an update that is killed. A warm host is no child of the engine, among whose arguments a policy
    pack looks for its configuration.
    """

    def __init__(self, folder: Path, port: int, program: str | None = None, *, plain: bool = False) -> None:
        self.folder = folder
        archives = folder / "archives"
        archives.mkdir()
        text = program or PROGRAM.format(repository=str(REPOSITORY), archives=str(archives))
        (folder / "__main__.py").write_text(text, encoding="utf-8")
        (folder / "Pulumi.yaml").write_text("name: fastyle\nruntime: python\n", encoding="utf-8")
        # The flag --event-log, which alone tells policy violations apart, is one of the debug commands.
        self.environment = os.environ | engine_environment(folder / "state", port) | {"PULUMI_DEBUG_COMMANDS": "true"}
        if not plain:
            self.environment |= {"PULUMI_SKIP_CHECKPOINTS": "true", "LOCALCLOUD_PYTHON": str(warm_python())}

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color", "never"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def configure(self, stack: str, like: str, overrides: dict[str, Any] | None = None) -> None:
        """Make `stack` with the configuration of Pulumi.<like>.yaml; an override of None takes a key out."""
        config = configuration(like) | (overrides or {})
        config = {key: value for key, value in config.items() if value is not None}
        made = self.pulumi("stack", "init", stack)
        assert made.returncode == 0, made.stderr
        self.change(stack, config)

    def change(self, stack: str, values: Mapping[str, Any]) -> None:
        """Write values as `pulumi config set --path KEY` does, without starting an engine for each."""
        path = self.folder / f"Pulumi.{stack}.yaml"
        document = (yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None) or {}
        for key, value in values.items():
            where = document.setdefault("config", {})
            *above, last = key.split(".")
            for name in above:
                where = where.setdefault(name, {})
            where[last] = value
        path.write_text(yaml.safe_dump(document), encoding="utf-8")

    def preview(self, stack: str, policies: bool = False) -> Plan:
        log = self.folder / f"{stack}.events.ndjson"
        judged = ["--policy-pack", str(REPOSITORY / "policies"), "--event-log", str(log)] if policies else []
        plan = _read(self.pulumi("preview", "--stack", stack, "--json", *judged))
        plan.policy_events = policy_events(log) if policies else []
        return plan


def policy_events(log: Path) -> list[dict[str, Any]]:
    events = (json.loads(line).get("policyEvent") for line in log.read_text(encoding="utf-8").splitlines())
    return [event for event in events if event]


def _read(done: subprocess.CompletedProcess[str]) -> Plan:
    plan = Plan(output=done.stdout + done.stderr, exit_code=done.returncode)
    start = done.stdout.find("{")
    plan.document = json.loads(done.stdout[start:]) if start >= 0 else {}
    for step in plan.document.get("steps", []):
        state = step.get("newState") or {}
        if not state:
            continue
        name = state["urn"].rpartition("::")[2]
        plan.resources[f"{state['type']}::{name}"] = state.get("inputs", {})
        plan.parents[f"{state['type']}::{name}"] = state.get("parent", "").rpartition("::")[2]
    return plan

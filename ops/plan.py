"""Plan of a stack without any account: the engine's preview, judged by the policies.

The official `gcp` provider checks the plan wherever it can be installed; elsewhere the local cloud's does. The
preview says which. It runs against an empty state in a folder of its own: neither the checkout's stack files nor
anybody's state is written.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any

from fastyle_localcloud.engine.environment import engine_environment

from ops import stacks
from ops.errors import OperatorError
from ops.folders import REPOSITORY
from ops.plan_cache import Kept
from ops.stack_files import PlainStackFile, plain_stack_file

POLICIES = REPOSITORY / "policies"
GCP_VERSION = "10.2.0"
PLUGIN_HOST = ("get.pulumi.com", 443)
CREDENTIAL_PREFIXES = ("GOOGLE_", "GCLOUD_", "CLOUDSDK_", "PULUMI_CONFIG", "PULUMI_STACK", "PULUMI_ACCESS_TOKEN")
"""Variables of the caller that a plan does not see: credentials, projects, and the way to their own stacks."""
DEAD_PROXY = "http://127.0.0.1:9"  # the discard port: what the official provider would look up fails at once


@dataclass
class StackPlan:
    """A preview: `resources` are the engine's own step states, in the order of registration."""

    stack: str
    provider: str
    seconds: float
    resources: list[dict[str, Any]]
    violations: list[dict[str, Any]] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)  # `pulumi preview --json`, as it came
    notes: tuple[str, ...] = ()  # what the plan could not know of the stack's configuration

    @property
    def mandatory(self) -> list[dict[str, Any]]:
        """Violations that stop an update."""
        return [v for v in self.violations if v["enforcementLevel"] == "mandatory"]


def plan(
    stack: str,
    *,
    overrides: Mapping[str, str | None] | None = None,
    repository: Path = REPOSITORY,
    policies: bool = True,
) -> StackPlan:
    """Preview `stack` against an empty state; without policies a preview of the same files is taken, where there is one.

    The stack may exist: neither its state, nor its passphrase or key, nor any credential of the caller is used.

    Args:
        stack: `local`, `dev`, `prod`, or any with a `Pulumi.<stack>.yaml`.
        overrides: configuration to try out, by key, such as `fastyle:orchestrator`; None takes a key out.
        repository: the checkout whose program and configuration are planned.
        policies: whether the policy pack judges the plan too.

    Raises:
        OperatorError: no such stack, or the preview fails; its words follow.
    """
    if stack not in (names := stacks.stack_names(repository)):
        raise OperatorError(stacks.missing(stack, names, "have a file, Pulumi.<stack>.yaml"))
    file = plain_stack_file(repository / f"Pulumi.{stack}.yaml")
    kept = Kept.of(stack, overrides or {}, repository)
    if not policies and (before := kept.read()):
        document = before["document"]
        return StackPlan(stack, before["provider"], 0.0, _states(document), document=document, notes=file.notes)
    with tempfile.TemporaryDirectory(prefix="fastyle-plan-") as work, _provider(Path(work)) as (name, env):
        folder = _workspace(Path(work), stack, file, repository)
        if repository != REPOSITORY:  # the other checkout's components, not those installed here
            env["PYTHONPATH"] = os.pathsep.join(str(path) for path in (repository, repository / "components"))
        started = time.monotonic()
        _pulumi(["stack", "init", stack], folder, env)
        for arguments in _config_commands(overrides or {}):
            _pulumi(["config", *arguments, "--stack", stack], folder, env)
        events = Path(work, "events.ndjson")
        arguments = ["preview", "--stack", stack, "--json"]
        if policies:
            arguments += ["--policy-pack", str(POLICIES), "--event-log", str(events)]
        result = _pulumi(arguments, folder, env, check=False)
        document = _document(result.stdout)
        planned = StackPlan(
            stack, name, time.monotonic() - started, _states(document), _violations(events), document, file.notes
        )
        if result.returncode and not planned.mandatory:
            reason = _reason(document, result).removeprefix("error: ")
            apart = "\n" if "\n" in reason else " "
            notes = "".join(f"\nPulumi.{stack}.yaml: {note}" for note in file.notes)
            raise OperatorError(f"the preview of {stack} failed:{apart}{reason}{notes}")
        if not result.returncode:
            kept.write({"provider": name, "document": document})
        return planned


def _workspace(work: Path, stack: str, file: PlainStackFile, repository: Path) -> Path:
    """The project in a folder of its own: `pulumi stack init` writes into its stack file."""
    folder = work / "project"
    folder.mkdir()
    shutil.copy(repository / "Pulumi.yaml", folder / "Pulumi.yaml")
    (folder / f"Pulumi.{stack}.yaml").write_text(file.text, encoding="utf-8")
    (folder / "infra").symlink_to(repository / "infra")
    # The environment that Pulumi.yaml names: this process's own, whatever revision is planned.
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@contextmanager
def _provider(work: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A `gcp` provider for a plan: its name in words, and the environment in which `pulumi` uses it."""
    # The flag --event-log, which alone tells policy violations apart, is one of the debug commands.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(CREDENTIAL_PREFIXES)}
    env = {**inherited, **engine_environment(work, 0), "PULUMI_DEBUG_COMMANDS": "true"}
    if _has_official_plugin(env):
        del env["PULUMI_DEBUG_PROVIDERS"]
        env |= {
            "GOOGLE_OAUTH_ACCESS_TOKEN": "no-token",
            "HTTPS_PROXY": DEAD_PROXY,
            "NO_PROXY": "127.0.0.1,localhost",
            "PULUMI_GCP_SKIP_REGION_VALIDATION": "true",
        }
        yield f"the official gcp provider {GCP_VERSION}", env
        return
    env["PULUMI_DEBUG_PROVIDERS"] = f"gcp:{_stand_in_port()}"
    yield "the stand-in gcp provider (the official one cannot be installed here)", env


_starting = Lock()


def _stand_in_port() -> str:
    """The port of the stand-in provider: one for all plans of this process, since its start takes as long as a preview."""
    with _starting:
        process, port = _stand_in()
        if process.poll() is not None:
            _stand_in.cache_clear()
            _, port = _stand_in()
        return port


@cache
def _stand_in() -> tuple[subprocess.Popen[str], str]:
    """A provider that ends with this process, and its port."""
    command = [sys.executable, "-m", "fastyle_localcloud.provider", "--port", "0"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    atexit.register(_end, process)
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    if not port:
        raise OperatorError("the stand-in provider did not start; its words are above")
    return process, port


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait()


def _has_official_plugin(env: dict[str, str]) -> bool:
    """Whether the official plugin is installed, or could be just now: no network, no wait."""
    listed = _pulumi(["plugin", "ls", "--json"], REPOSITORY, env, check=False)
    plugins = json.loads(listed.stdout or "[]") if listed.returncode == 0 else []
    if any(p.get("name") == "gcp" and p.get("version") == GCP_VERSION for p in plugins):
        return True
    try:
        socket.create_connection(PLUGIN_HOST, timeout=2).close()
    except OSError:
        return False
    installed = _pulumi(["plugin", "install", "resource", "gcp", GCP_VERSION], REPOSITORY, env, check=False)
    return installed.returncode == 0


def _pulumi(
    arguments: list[str], cwd: Path, env: dict[str, str], *, check: bool = True
) -> subprocess.CompletedProcess[str]:
    pulumi = shutil.which("pulumi", path=env["PATH"])
    if pulumi is None:
        raise OperatorError("pulumi is not there; run `make setup`")
    command = [pulumi, *arguments, *([] if arguments[0] in ("plugin",) else ["--non-interactive"])]
    result = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if check and result.returncode:
        raise OperatorError(f"`pulumi {' '.join(arguments[:2])}` failed: {(result.stderr or result.stdout).strip()}")
    return result


def _config_commands(overrides: Mapping[str, str | None]) -> Iterator[list[str]]:
    """`pulumi config` commands for all overrides: what is removed goes first, whole keys before parts of them."""

    def kind(item: tuple[str, str | None]) -> tuple[bool, bool]:
        key, value = item
        return value is not None, "." in key.partition(":")[2]  # into a structure, such as `fastyle:database.tier`

    for (given, into), items in groupby(sorted(overrides.items(), key=kind), kind):
        path = ["--path"] if into else []
        if given:
            yield ["set-all", *path, *(word for key, value in items for word in ("--plaintext", f"{key}={value}"))]
        else:
            yield ["rm-all", *path, *(key for key, _ in items)]


def _document(text: str) -> dict[str, Any]:
    start = text.find("{")
    try:
        return dict(json.loads(text[start:])) if start >= 0 else {}
    except json.JSONDecodeError:
        return {}


def _states(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [step["newState"] for step in document.get("steps", []) if step.get("newState")]


def _violations(events: Path) -> list[dict[str, Any]]:
    if not events.exists():
        return []
    events_of_policies = (
        json.loads(line).get("policyEvent") for line in events.read_text(encoding="utf-8").splitlines()
    )
    return [v for v in events_of_policies if v]


def _reason(document: dict[str, Any], result: subprocess.CompletedProcess[str]) -> str:
    """The engine's words, else the program's own, which it prints as `info#err`."""
    said = document.get("diagnostics", [])
    for severity in ("error", "info#err"):
        if words := [d["message"].strip() for d in said if d.get("severity") == severity]:
            return "\n".join(dict.fromkeys(words))
    return result.stderr.strip() or result.stdout.strip()[:500] or "it says no reason"

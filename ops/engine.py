"""Runs `pulumi` on this project: the engine's own output as it comes, its failure as one sentence."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from ops.errors import OperatorError
from ops.folders import REPOSITORY


def run(arguments: list[str], environment: dict[str, str], *, quiet: bool = False, cwd: Path = REPOSITORY) -> str:
    """Run `pulumi …`; its output goes to the terminal unless `quiet`, when it is returned.

    Raises:
        OperatorError: pulumi exits other than 0.
    """
    command = ["pulumi", *arguments, "--non-interactive"]
    # os.environ's PATH is not where the child's name is looked up: name the binary of the wanted environment.
    env = {**os.environ, **environment}
    pipe = subprocess.PIPE if quiet else None
    try:
        process = subprocess.Popen(
            command, cwd=cwd, env=env, text=True, stdout=pipe, stderr=pipe, executable=_find("pulumi", env)
        )
    except FileNotFoundError:
        raise OperatorError("pulumi is not on PATH; run `make setup`") from None
    output, errors = _wait(process)
    if process.returncode:
        words = f": {(errors or output).strip()}" if quiet else "; its words are above"
        raise OperatorError(f"`pulumi {' '.join(arguments[:2])}` failed{words}")
    return output


def _wait(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What it printed, once it has ended. A terminal's Ctrl-C reaches pulumi as well, which cancels what it does and
    records how far it got: it is given its time (a second Ctrl-C ends it at once), then the interruption goes on."""
    interrupted: KeyboardInterrupt | None = None
    while True:
        try:
            output, errors = process.communicate()
            break
        except KeyboardInterrupt as error:
            interrupted = error
    if interrupted is not None:
        raise interrupted
    return output or "", errors or ""


def forget_pending_operations(stack: str, environment: dict[str, str], backend: Path) -> int:
    """Remove from a stack's state what an interrupted `pulumi` had begun; returns how many operations there were.

    For stack local only: its cloud takes over what an interrupted creation left, so that nothing is lost by
    forgetting. Elsewhere `pulumi refresh` has to ask about each.
    """
    pending = 0
    for state in (backend / ".pulumi" / "stacks").rglob(f"{stack}.json"):
        checkpoint = json.loads(state.read_text(encoding="utf-8")).get("checkpoint") or {}
        pending += len((checkpoint.get("latest") or {}).get("pending_operations") or [])
    if pending:
        with tempfile.TemporaryDirectory() as folder:
            exported = Path(folder) / "state.json"
            run(["stack", "export", "--stack", stack, "--file", str(exported)], environment, quiet=True)
            document = json.loads(exported.read_text(encoding="utf-8"))
            document["deployment"].pop("pending_operations", None)
            exported.write_text(json.dumps(document), encoding="utf-8")
            run(["stack", "import", "--stack", stack, "--file", str(exported)], environment, quiet=True)
    return pending


def outputs(stack: str, environment: dict[str, str]) -> dict[str, Any]:
    """The outputs of a stack, secrets shown."""
    text = run(["stack", "output", "--json", "--show-secrets", "--stack", stack], environment, quiet=True)
    return dict(json.loads(text))


def ensure_stack(stack: str, environment: dict[str, str]) -> None:
    """Create the stack in the environment's backend unless it is there."""
    listed = json.loads(run(["stack", "ls", "--json"], environment, quiet=True))
    if stack not in {s["name"].rsplit("/", 1)[-1] for s in listed}:
        run(["stack", "init", stack], environment, quiet=True)


def release_stale_locks(backend: Path) -> int:
    """Remove the stack locks of `pulumi` processes on this machine that were killed; returns how many there were.

    `backend` is the folder of a `file://` state backend. A lock of a live process, or of another host, is left.
    """
    removed = 0
    for lock in (backend / ".pulumi" / "locks").rglob("*.json"):
        try:
            holder = json.loads(lock.read_text(encoding="utf-8"))
            if holder["hostname"] == socket.gethostname() and not _alive(int(holder["pid"])):
                lock.unlink()
                lock.with_name(f"{lock.name}.attrs").unlink(missing_ok=True)
                removed += 1
        except (FileNotFoundError, json.JSONDecodeError, KeyError):
            continue  # its owner has just removed it, or is just writing it
    return removed


def has_resources(stack: str, backend: Path) -> bool:
    """Whether a `file://` backend records anything that `destroy` would remove."""
    for state in (backend / ".pulumi" / "stacks").rglob(f"{stack}.json"):
        checkpoint = json.loads(state.read_text(encoding="utf-8")).get("checkpoint") or {}
        if (checkpoint.get("latest") or {}).get("resources"):
            return True
    return False


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, alive
        return True
    return True


def _find(name: str, env: dict[str, str]) -> str:
    path = shutil.which(name, path=env.get("PATH"))
    if path is None:
        raise FileNotFoundError(name)
    return path

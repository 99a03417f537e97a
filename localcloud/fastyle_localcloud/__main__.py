"""`python -m fastyle_localcloud up|env|status|logs|policy|clock|down`: the local cloud of this folder."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil

from fastyle_localcloud.engine.environment import engine_environment, export_lines
from fastyle_localcloud.engine.pinned import EngineUnavailable
from fastyle_localcloud.processes import PROGRESS, Identity, Records, lock, stop_leftovers, wait_gone
from fastyle_localcloud.provider.admission import POLICIES, policies_on, switch_policy
from fastyle_localcloud.provider.clock import Clock
from fastyle_localcloud.provider.errors import Refused
from fastyle_localcloud.provider.records import Records as ProviderRecords
from fastyle_localcloud.settings import DEFAULT_STATE_DIR, Settings, SettingsError

START_SECONDS = 180.0
_NOT_RUNNING = "the local cloud is not running; start it with `python -m fastyle_localcloud up`"
STOP_SECONDS = 60.0


def up(state_dir: Path, **given: Any) -> int:
    """Start the daemon unless it runs; returns when everything is healthy. Two at once start one."""
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = state_dir / "logs" / "daemon.log"
    log.parent.mkdir(exist_ok=True)
    settings = Settings.read(state_dir)
    wanted = settings.changed(state_dir, {name: value for name, value in given.items() if value is not None})
    if _daemon(state_dir):
        if wanted != settings:
            raise Refused("the local cloud runs with other settings; run `down` first")
        print("    the local cloud is running")
        return 0
    wanted.write(state_dir)
    offset = log.stat().st_size if log.exists() else 0
    daemon: subprocess.Popen[bytes] | None = None
    if held := lock(state_dir):
        held.close()  # nobody has it: the daemon takes it
        with log.open("ab") as out:
            daemon = subprocess.Popen(
                [sys.executable, "-m", "fastyle_localcloud.daemon", str(state_dir)],
                cwd=state_dir,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
    deadline = time.monotonic() + START_SECONDS
    while not _daemon(state_dir):
        offset = _show_progress(log, offset)
        if daemon is not None and daemon.poll() is not None and not _daemon(state_dir):
            _explain(log, offset)
            return 1
        if time.monotonic() > deadline:
            raise Refused(f"the local cloud is not ready after {START_SECONDS:.0f} s; its log: {log}")
        time.sleep(0.1)
    _show_progress(log, offset)
    return 0


def down(state_dir: Path) -> int:
    """Stop the daemon and every process it started, or that a killed one left behind."""
    if daemon := _daemon(state_dir, ready=False):
        os.kill(daemon.pid, signal.SIGTERM)
        if not wait_gone(daemon, STOP_SECONDS):
            os.kill(daemon.pid, signal.SIGKILL)
            wait_gone(daemon, 5)
    for name in stop_leftovers(Records(state_dir / "processes.json"), state_dir) if state_dir.exists() else ():
        print(f"    stopped {name}, left over from a killed run")
    (state_dir / "daemon.json").unlink(missing_ok=True)
    print("    the local cloud is stopped")
    return 0


def status(state_dir: Path, *, as_json: bool) -> int:
    """Show what runs; exit 1 when the daemon does not."""
    processes = _status(state_dir)
    if processes is None:
        print(_NOT_RUNNING, file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps(processes))
        return 0
    print(f"{'process':<18}{'state':<14}{'pid':>8}{'restarts':>10}{'memory MB':>11}{'port':>7}")
    for p in processes["processes"]:
        memory = f"{(p['rss'] or 0) / 1e6:.0f}"
        print(f"{p['name']:<18}{p['state']:<14}{p['pid'] or '-':>8}{p['restarts']:>10}{memory:>11}{p['port']:>7}")
        if p["last_exit"]:
            print(f"  last ended: {p['last_exit']['reason']} at {p['last_exit']['at']}")
    if (volume := processes["volume"])["full"]:
        print(f"{volume['path']} is on a full volume: {volume['free_bytes'] // 2**20} MiB are free")
    for grant in processes["missing_grants"]:
        print(f"missing grant: {grant['role']} on {grant['resource']} for {grant['member']} ({grant['where']})")
    return 0


def env(state_dir: Path) -> int:
    """Print the variables with which `pulumi` and Google's clients in a shell reach this cloud: `eval "$(… env)"`."""
    if _daemon(state_dir) is None:
        raise Refused(_NOT_RUNNING)
    described = json.loads((state_dir / "daemon.json").read_text())
    variables = engine_environment(state_dir, described["provider_port"])
    clients = {f"{name.upper()}_EMULATOR_HOST": described[name] for name in ("pubsub", "storage", "bigquery")}
    print(export_lines({**variables, **clients}))
    # Where no environment is active, a program that names none runs in this one.
    print(f'export VIRTUAL_ENV="${{VIRTUAL_ENV:-{variables["VIRTUAL_ENV"]}}}"')
    return 0


def logs(state_dir: Path, name: str, lines: int) -> int:
    """The end of a process's log."""
    path = state_dir / "logs" / f"{name}.log"
    if not path.exists():
        process_names = ", ".join(sorted(p.stem for p in path.parent.glob("*.log"))) or "none"
        raise Refused(f"no log of {name!r}; there are: {process_names}")
    with path.open(errors="replace") as f:
        sys.stdout.writelines(deque(f, lines))
    return 0


def policy(state_dir: Path, name: str | None, switch: str | None) -> int:
    """Organisation policies: list them, or switch one on or off for what is made from now on."""
    with _records(state_dir) as records:
        if name is not None:
            switch_policy(records, name, switch != "off")
        on = policies_on(records)
    for each, says in POLICIES.items():
        print(f"{'on ' if each in on else 'off'} {each:<34}{says}")
    return 0


def clock(state_dir: Path, advance: float) -> int:
    """The cloud's clock: let SECONDS pass, and say how far it is ahead of this machine's."""
    with _records(state_dir) as records:
        cloud = Clock(records)
        try:
            cloud.advance(advance)
        except ValueError as error:
            raise Refused(str(error)) from None
        print(f"{cloud.ahead:g} seconds ahead of this machine's")
    return 0


@contextmanager
def _records(state_dir: Path) -> Iterator[ProviderRecords]:
    """What the provider keeps; it reads a change at its next operation."""
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with closing(ProviderRecords(state_dir / "provider.sqlite")) as records:
        yield records


def _daemon(state_dir: Path, *, ready: bool = True) -> Identity | None:
    """The running daemon; with `ready`, only one that is done starting."""
    try:
        described = json.loads((state_dir / "daemon.json").read_text())
        identity = Identity(described["pid"], described["started"])
    except (FileNotFoundError, ValueError, KeyError):
        return None if ready else _starting(state_dir)
    return identity if identity.alive() else None


def _starting(state_dir: Path) -> Identity | None:
    """A daemon that has not said yet that it is ready: whoever holds the lock."""
    if not (state_dir / "daemon.lock").exists():
        return None
    if held := lock(state_dir):
        held.close()
        return None
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "fastyle_localcloud.daemon" in command and str(state_dir) in command:
            return Identity.of(process.pid)
    return None


def _status(state_dir: Path) -> dict[str, Any] | None:
    if not _daemon(state_dir):
        return None
    url = json.loads((state_dir / "daemon.json").read_text())["control"] + "/status"
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as answer:
            return dict(json.load(answer))
    except (urllib.error.URLError, TimeoutError):
        return None


def _show_progress(log: Path, offset: int) -> int:
    """Print the progress lines written since `offset`; returns the new offset."""
    if not log.exists():
        return offset
    with log.open("rb") as f:
        f.seek(offset)
        data = f.read()
    whole = data[: data.rfind(b"\n") + 1]
    for line in whole.decode(errors="replace").splitlines():
        if line.startswith(PROGRESS):
            print(f"    {line.removeprefix(PROGRESS)}", flush=True)
    return offset + len(whole)


def _explain(log: Path, offset: int) -> None:
    with log.open(errors="replace") as f:
        lines = list(deque(f, 30))
    start = next((n for n, line in enumerate(lines) if line.startswith("error:")), 0)
    sys.stderr.writelines(lines[start:])
    print(f"its log: {log}", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fastyle_localcloud", description=__doc__)
    parser.add_argument("--state-dir", type=Path, default=DEFAULT_STATE_DIR, help="default: .localcloud in this folder")
    verbs = parser.add_subparsers(dest="verb", required=True)
    start = verbs.add_parser("up", help=up.__doc__)
    start.add_argument("--project", help="default, as for the others: what it was told before, or local-project")
    start.add_argument("--project-number", help="default: 100000000001")
    start.add_argument("--region", help="default: us-central1")
    start.add_argument("--stacks", type=_names, help="stacks that are real in it, with commas between; default: local")
    start.set_defaults(run=up)
    verbs.add_parser("env", help=env.__doc__).set_defaults(run=env)
    verbs.add_parser("down", help=down.__doc__).set_defaults(run=down)
    shown = verbs.add_parser("status", help=status.__doc__)
    shown.add_argument("--json", action="store_true", dest="as_json")
    shown.set_defaults(run=status)
    log = verbs.add_parser("logs", help=logs.__doc__)
    log.add_argument("name")
    log.add_argument("--lines", type=int, default=50)
    log.set_defaults(run=logs)
    switch = verbs.add_parser("policy", help=policy.__doc__)
    switch.add_argument("name", nargs="?", help="such as iam.allowedPolicyMemberDomains; default: list all")
    switch.add_argument("switch", nargs="?", choices=("on", "off"), help="default: on")
    switch.set_defaults(run=policy)
    passed = verbs.add_parser("clock", help=clock.__doc__)
    passed.add_argument("--advance", type=float, default=0, metavar="SECONDS")
    passed.set_defaults(run=clock)
    arguments = vars(parser.parse_args())
    _, state_dir, run = (arguments.pop(name) for name in ("verb", "state_dir", "run"))
    try:
        return int(run(state_dir.resolve(), **arguments))
    except (EngineUnavailable, Refused, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # of `up`, the daemon goes on starting; whoever called says so


def _names(text: str) -> tuple[str, ...] | None:
    return tuple(text.split(",")) if text else None


if __name__ == "__main__":
    sys.exit(main())

"""`fastyle status`: what runs, what waits, what was refused and which grant is missing."""

from __future__ import annotations

import json
from typing import Any

from rich.markup import escape

from ops import schema_revisions
from ops.endpoints import LOCAL, Endpoints
from ops.errors import OperatorError
from ops.google import request, service_headers
from ops.terminal import Table, console

READY = ("running", "ready", "healthy")


def show_status(endpoints: Endpoints, *, as_json: bool = False) -> bool:
    """Print the state of a stack; True when nothing is wrong."""
    status = _local(endpoints) if endpoints.stack == LOCAL else _cloud(endpoints)
    problems = _problems(status)
    status["problems"] = problems
    status["warnings"] = _warnings(endpoints)
    if as_json:
        print(json.dumps(status))
        return not problems
    for table in _tables(status):
        console.print(table)
    for warning in status["warnings"]:
        console.print(f"[yellow]![/] {escape(warning)}", soft_wrap=True)
    for problem in problems:
        console.print(f"[red]![/] {escape(problem)}", soft_wrap=True)
    if not problems:
        console.print("[green]all is well[/]")
    return not problems


def _local(endpoints: Endpoints) -> dict[str, Any]:
    status = request("GET", f"{endpoints.control}/status", timeout=10)
    status["freshness"] = _freshness(endpoints)
    return status


def _cloud(endpoints: Endpoints) -> dict[str, Any]:
    """What can be asked of a stack in the cloud from outside: its API. Backlogs and alerts are on its dashboard."""
    return {"processes": [], "subscriptions": {}, "missing_grants": [], "freshness": _freshness(endpoints)}


def _freshness(endpoints: Endpoints) -> dict[str, Any]:
    try:
        headers = service_headers(endpoints, endpoints.api)
        return request("GET", f"{endpoints.api}/v1/freshness", headers=headers, timeout=10)
    except OperatorError as e:
        return {"error": str(e)}


def _warnings(endpoints: Endpoints) -> list[str]:
    """What will be wrong one day, or cannot be told; nothing of it is wrong now."""
    try:
        return schema_revisions.warnings(schema_revisions.revisions(endpoints))
    except OperatorError as e:
        return [str(e)]


def _problems(status: dict[str, Any]) -> list[str]:
    problems = [
        f"{p['name']} is {p['state']}: {p.get('last_exit') or 'no reason known'}; see `python -m fastyle_localcloud logs {p['name']}`"
        for p in status["processes"]
        if p["state"] not in READY
    ]
    for grant in status["missing_grants"]:
        problems.append(
            f"missing grant: {grant['role']} on {grant['resource']} for {grant['member']}; "
            "add it to the program, or run `pulumi up` to restore it"
        )
    for name, subscription in status["subscriptions"].items():
        refusal = subscription.get("last_refusal")
        if refusal and subscription.get("backlog") and not refusal.get("missing"):
            problems.append(f"subscription {name} is refused: {refusal.get('status')} {refusal.get('reason')}")
    if (volume := status.get("volume")) and volume["full"]:
        problems.append(
            f"the volume of {volume['path']} is full: {volume['free_bytes'] // 2**20} MiB of "
            f"{volume['total_bytes'] // 2**20:,} are free; make room, what was accepted waits until there is some"
        )
    if error := status["freshness"].get("error"):
        problems.append(error)
    return problems


def _tables(status: dict[str, Any]) -> list[Table]:
    tables = []
    if status["processes"]:
        table = Table("process", "state", "pid", "restarts", "memory MB", "peak MB", "port", title="Processes")
        for p in status["processes"]:
            memory = [f"{(p.get(k) or 0) / 1e6:,.0f}" for k in ("rss", "peak_rss")]
            port = str(p.get("port") or "")
            table.add_row(p["name"], p["state"], str(p.get("pid") or ""), str(p["restarts"]), *memory, port)
        tables.append(table)
    if status["subscriptions"]:
        subscriptions = status["subscriptions"]
        is_refused = any(s.get("last_refusal") for s in subscriptions.values())  # else names have the room
        refusals = ["last refusal"] if is_refused else []
        table = Table("subscription", "waiting", "oldest s", "delivered", *refusals, title="Subscriptions")
        for name, s in subscriptions.items():
            refusal = s.get("last_refusal") or {}
            words = escape(f"{refusal.get('status')} {refusal.get('reason')}") if refusal else ""
            oldest = f"{s.get('oldest_unacked_seconds') or 0:.0f}"
            table.add_row(name, f"{s['backlog']:,}", oldest, f"{s['delivered']:,}", *([words] if is_refused else []))
        tables.append(table)
    for table in tables:
        table.title_justify = "left"
    return tables

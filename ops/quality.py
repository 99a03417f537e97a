"""`fastyle quality`: the data quality faults that stand, and what an operator does about them."""

from __future__ import annotations

from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape

from ops.endpoints import Endpoints
from ops.errors import OperatorError
from ops.google import request, service_headers
from ops.terminal import Table, console

_SHOWN = ("id", "check", "severity", "first_seen", "last_seen", "rows", "where", "waived_until")


def open_faults(endpoints: Endpoints) -> list[dict[str, Any]]:
    """The faults that stand, those that stop publication first.

    Raises:
        OperatorError: the API cannot be asked.
    """
    headers = service_headers(endpoints, endpoints.api)
    return list(request("GET", f"{endpoints.api}/v1/quality", headers=headers, timeout=30)["faults"])


def as_json(faults: list[dict[str, Any]]) -> dict[str, Any]:
    """What programs get."""
    return {"faults": [{key: fault[key] for key in _SHOWN} for fault in faults]}


def show(faults: list[dict[str, Any]]) -> None:
    """Print the faults for people: each broken rule, then where."""
    if not faults:
        console.print("[green]no fault stands[/]")
        return
    rule = itemgetter("severity", "check", "description")  # errors first
    for (severity, check, description), group in groupby(sorted(faults, key=rule), key=rule):
        then = "[red]stops publication[/]" if severity == "error" else "[yellow]a warning, which stops nothing[/]"
        console.print(f"[bold]{escape(check)}[/]: {then}\n  rule: {escape(description)}")
        table = Table("id", "where", "first seen, UTC", "last seen, UTC", "rows then", box=SIMPLE_HEAD)
        for fault in group:
            times = [fault[key][:16].replace("T", " ") for key in ("first_seen", "last_seen")]
            table.add_row(fault["id"], escape(fault["where"]), *times, f"{fault['rows']:,}")
            if fault["waived_until"]:
                table.add_row("", escape(f"waived until {fault['waived_until']}: {fault['waived_reason']}"))
        console.print(table)
    console.print(
        "Mend what is wrong and run the pipeline, or let faults pass: fastyle quality waive ID --until DATE --reason WHY"
    )


def waive(endpoints: Endpoints, fault_id: str, until: date, reason: str) -> dict[str, Any]:
    """Let a fault pass until the end of a date, and keep why.

    Raises:
        OperatorError: no such fault, or the pipeline refuses the waiver; says why.
    """
    body = {"id": fault_id, "until": str(until), "reason": reason}
    return _asked(endpoints, "/quality/waive", body, accept=(400, 404))


def redrive(endpoints: Endpoints) -> int:
    """Have the quarantined rows judged again by the next run; return how many.

    Raises:
        OperatorError: a run is under way, or the pipeline cannot be asked.
    """
    return int(_asked(endpoints, "/quality/redrive", {}, accept=(409,))["released"])


def _asked(endpoints: Endpoints, path: str, body: dict[str, Any], accept: tuple[int, ...]) -> dict[str, Any]:
    if not endpoints.pipeline:
        raise OperatorError(
            f"stack {endpoints.stack} has no pipeline service, which keeps waivers; run `pulumi up` first"
        )
    answer = request(
        "POST",
        f"{endpoints.pipeline}{path}",
        headers=service_headers(endpoints, endpoints.pipeline),
        body=body,
        timeout=600,
        accept=accept,
    )
    if error := answer.get("error"):
        raise OperatorError(error)
    return answer

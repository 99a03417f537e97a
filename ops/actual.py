"""`fastyle cost actual`: a stack's bill against its estimate, and a usage file that would have told it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from fastyle_policies.pricing import PricingError, UsageFile
from fastyle_policies.pricing.actual.compare import Comparison, compared
from fastyle_policies.pricing.actual.explain import Explainer, Explanation
from fastyle_policies.pricing.actual.export import COLUMNS, Charge, charge, parse
from fastyle_policies.pricing.difference import signed
from fastyle_policies.pricing.report import money, plain

from ops import google, usage_files
from ops.cost import Request, planned, priced, usage_of
from ops.errors import OperatorError

TABLE = re.compile(r"(?P<project>[a-z][a-z0-9.:-]*)[.:](?P<dataset>\w+)\.(?P<table>[\w-]+)")
MOST_BYTES = 20 * 1024**3
"""What reading an export may scan: about 0.12 USD."""
_PAGE = 10_000
_PATIENCE_MS = 60_000


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A stack, its export (a file, or `project.dataset.table`), and which invoice month of it."""

    stack: str
    export: str
    month: str | None = None
    usage: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Actual:
    """The billing export compared with the estimate, what would explain it, and the usage file with that put in."""

    comparison: Comparison
    explanations: Sequence[Explanation]
    usage: str


def actual(asked: Asked) -> Actual:
    """The answer to what is asked.

    Raises:
        OperatorError: anything that its maker can mend, in one line.
    """
    if asked.month is not None and not re.fullmatch(r"\d{4}(0[1-9]|1[0-2])", asked.month):
        raise OperatorError(f"--month {asked.month}: write an invoice month, such as 202611")
    request = Request(stack=asked.stack, usage=asked.usage, lenient=True)
    try:
        usage = usage_of(request)
        document = planned(request)
        project = document.config.get("gcp:project")
        charges = _charges(asked, str(project))
        estimate = priced(document, request)
        comparison = compared(charges, estimate, document.resources, project=str(project), month=asked.month)
        explainer = Explainer(resources=document.resources, usage=usage, region=document.region)
        explanations = explainer.explained(comparison)
        written = usage_file(usage, explanations, comparison, asked)
    except PricingError as e:
        raise OperatorError(str(e)) from None
    return Actual(comparison=comparison, explanations=explanations, usage=written)


def _charges(asked: Asked, project: str) -> list[Charge]:
    path = Path(asked.export)
    if path.is_file():
        try:
            return parse(path.read_text(encoding="utf-8"), asked.export)
        except (OSError, UnicodeDecodeError) as e:
            raise OperatorError(f"{path}: cannot be read ({getattr(e, 'strerror', None) or 'no UTF-8'})") from None
    named = TABLE.fullmatch(asked.export)
    if named is None:
        raise OperatorError(
            f"--export {asked.export}: there is no such file, and it is no table; write project.dataset.table, such as "
            "billing.export.gcp_billing_export_v1_012345_6789AB_CDEF01"
        )
    return _table(named, project, asked.month)


def _table(named: re.Match[str], project: str, month: str | None) -> list[Charge]:
    """The charges of a project in an exported table, of one invoice month or of the last."""
    table = f"`{named['project']}.{named['dataset']}.{named['table']}`"
    wanted = "@month" if month else f"(SELECT MAX(invoice.month) FROM {table} WHERE project.id = @project)"
    sql = (
        f"SELECT TO_JSON_STRING(t) FROM (SELECT {', '.join(COLUMNS)} FROM {table} "
        f"WHERE project.id = @project AND invoice.month = {wanted}) t"
    )
    parameters = {"project": project, **({"month": month} if month else {})}
    body = {
        "query": sql,
        "useLegacySql": False,
        "maximumBytesBilled": str(MOST_BYTES),
        "maxResults": _PAGE,
        "timeoutMs": _PATIENCE_MS,
        "parameterMode": "NAMED",
        "queryParameters": [
            {"name": name, "parameterType": {"type": "STRING"}, "parameterValue": {"value": value}}
            for name, value in parameters.items()
        ],
    }
    base = f"https://bigquery.googleapis.com/bigquery/v2/projects/{named['project']}/queries"
    headers = {"authorization": f"Bearer {google.access_token()}"}
    answer = google.request("POST", base, headers=headers, body=body, timeout=120)
    charges: list[Charge] = []
    while True:
        try:
            charges += [charge(json.loads(row["f"][0]["v"])) for row in answer.get("rows", ())]
        except (KeyError, ValueError, TypeError, IndexError) as e:
            raise OperatorError(
                f"{named[0]}: a row is not of the billing export's form ({e}); name its table"
            ) from None
        token = answer.get("pageToken")
        if answer.get("jobComplete", True) and not token:
            break
        job = answer["jobReference"]
        page = f"&pageToken={token}" if token else ""
        where = f"?location={job.get('location', 'US')}&maxResults={_PAGE}&timeoutMs={_PATIENCE_MS}{page}"
        answer = google.request("GET", f"{base}/{job['jobId']}{where}", headers=headers, timeout=120)
    if not charges:
        raise OperatorError(f"{named[0]} has no charge of project {project}{f' in {month}' if month else ''}")
    return charges


def usage_file(usage: UsageFile, explanations: Sequence[Explanation], comparison: Comparison, asked: Asked) -> str:
    """The usage file with what the bill would have needed, as YAML."""
    head = (
        f"{usage.path}, with what the bill of {comparison.month} says: written by `fastyle cost actual --stack {asked.stack}`\n"
        f"on {datetime.now(UTC).date()}. {len(explanations)} keys are from the bill, the others as they were."
    )
    return usage_files.changed(usage, ((each.resource, each.key, each.after) for each in explanations), head)


def as_table(bill: Actual, title: str) -> str:
    """A row a component, the largest difference first, its parts below, then credits, taxes and explanations."""
    of = bill.comparison
    rows = [("component", "estimated", "billed", "off")]
    for component in of.components:
        name = component.name or "without a label"
        rows.append((name, money(component.estimated), money(component.actual), signed(component.off)))
        if len(component.parts) > 1 or component.parts[0].name != component.name:
            rows += [
                (f"  {part.name}", money(part.estimated), money(part.actual), signed(part.off))
                for part in sorted(component.parts, key=lambda part: -abs(part.off))
                if abs(part.off) >= Decimal("0.005")
            ]
    credits = sum(of.credits.values(), Decimal(0))
    rows.append(("credits", money(of.estimated_credits), money(credits), signed(credits - of.estimated_credits)))
    rows.append(("total", money(of.estimated), money(of.actual), signed(of.actual - of.estimated)))
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    lines = [
        f"{title}, invoice of {of.month}: {of.hours:,.0f} hours billed, brought to 730",
        "",
        *(
            "  ".join(
                cell.ljust(w) if at == 0 else cell.rjust(w)
                for at, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ),
    ]
    lines += [f"not compared: {kind} {money(amount)}" for kind, amount in sorted(of.others.items())]
    if of.strangers:
        lines.append(f"{of.strangers} charges of other projects are left out")
    return "\n".join([*lines, "", *_explained(bill)])


def _explained(bill: Actual) -> list[str]:
    if not bill.explanations:
        return ["No usage assumption would explain what is off."]
    return [
        "What would explain it:",
        *(
            f"  {each.component or 'without a label'}: {each.resource} {each.key} {_before(each)} -> "
            f"{each.after.normalize():,f} (leaves {money(each.left)} a month)"
            for each in bill.explanations
        ),
    ]


def _before(each: Explanation) -> str:
    return "unset" if each.before is None else f"{each.before.normalize():,f}"


def as_json(bill: Actual) -> str:
    of = bill.comparison
    document: Mapping[str, Any] = {
        "currency": "USD",
        "month": of.month,
        "hours": plain(of.hours),
        "estimated": plain(of.estimated),
        "actual": plain(of.actual),
        "off": plain(of.actual - of.estimated),
        "components": [
            {
                "component": component.name or None,
                "estimated": plain(component.estimated),
                "actual": plain(component.actual),
                "off": plain(component.off),
                "parts": [
                    {"name": part.name, "estimated": plain(part.estimated), "actual": plain(part.actual)}
                    for part in component.parts
                ],
            }
            for component in of.components
        ],
        "credits": {kind: plain(amount) for kind, amount in of.credits.items()},
        "estimated_credits": plain(of.estimated_credits),
        "not_compared": {kind: plain(amount) for kind, amount in of.others.items()},
        "explanations": [
            {
                "component": each.component or None,
                "resource": each.resource,
                "key": each.key,
                "before": None if each.before is None else plain(each.before),
                "after": plain(each.after),
                "left": plain(each.left),
            }
            for each in bill.explanations
        ],
    }
    return json.dumps(document, indent=2)

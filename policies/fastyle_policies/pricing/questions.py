"""What is asked of an estimate: of which plan, with which usage, shown how."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from fastyle_policies.pricing import documents, report
from fastyle_policies.pricing.estimator import Estimate, estimate
from fastyle_policies.pricing.lines import PricingError
from fastyle_policies.pricing.usage import UsageFile, read

STYLES = ("table", "markdown", "json")


def estimate_of_file(plan: Path, usage: UsageFile, *, strict: bool = True) -> Estimate:
    """The estimate of what Pulumi printed: a preview or an export of a stack.

    Raises:
        PricingError: the plan cannot be read, or (`strict`) the usage tells of resources that it lacks.
    """
    document = documents.load(plan)
    return estimate(document.resources, usage, region=document.region, notes=document.notes, strict=strict)


def usage_with(path: Path | None, month: str | None = None, variables: Iterable[str] = ()) -> UsageFile:
    """The usage of a file in a month, with variables given as `NAME=NUMBER`; without a file nothing is used.

    Raises:
        PricingError: the file cannot be read, or has no such month or variable.
    """
    given = dict(_variable(pair) for pair in variables)
    if path is None:
        if given or month:
            raise PricingError(
                "there is no usage file whose variables or months could be chosen; give one with --usage"
            )
        return UsageFile()
    usage = read(path)
    if given:
        usage = usage.with_variables(given)
    return usage.for_month(month) if month else usage


def _variable(pair: str) -> tuple[str, Decimal]:
    name, _, value = pair.partition("=")
    if not name or not value:
        raise PricingError(f"'{pair}' is not of the form KEY=VALUE")
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise PricingError(f"{pair}: '{value}' is no number")
    return name, number


def shown(
    estimate: Estimate,
    title: str,
    *,
    style: str = "table",
    explain: str | None = None,
    everything: bool = False,
    width: int | None = None,
) -> str:
    """The estimate as text, or its lines that contain `explain` down to the rates.

    Raises:
        PricingError: no line contains `explain`.
    """
    if explain:
        return report.explain(estimate, explain)
    if style == "json":
        return report.as_json(estimate)
    if style == "markdown":
        return report.as_markdown(estimate, title)
    return report.as_table(estimate, datetime.now(UTC).date(), everything=everything, width=width)

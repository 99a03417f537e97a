"""Figures and names as people and machines read them: amounts, shares, quantities, components, types."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from fastyle_policies.pricing.lines import Line

FREE_TIERS = "free tiers of the billing account"


def money(value: Decimal) -> str:
    """To the cent, half up; what is above zero and below half a cent is `<0.01`."""
    cents = value.quantize(Decimal("0.01"), ROUND_HALF_UP)
    if value and not cents:
        return "<0.01" if value > 0 else "-<0.01"
    return f"{cents:,.2f}"


def component_name(component: tuple[str, str] | None) -> str:
    if component is None:
        return "outside components"
    kind, name = component[0].rsplit(":", 1)[-1], component[1]
    return kind if kind.lower() == name.lower() else f"{name} ({kind})"


def plain(value: Decimal) -> str:
    """A decimal string without exponent and trailing zeros: what JSON carries."""
    digits = format(value, "f")
    return (digits.rstrip("0").rstrip(".") if "." in digits else digits) or "0"


def share(part: Decimal, whole: Decimal) -> str:
    return f"{part / whole * 100:.1f} %" if whole else "-"


def short(type_: str) -> str:
    """`sql.DatabaseInstance` of `gcp:sql/databaseInstance:DatabaseInstance`."""
    return f"{type_.split(':')[1].split('/')[0]}.{type_.rsplit(':', 1)[-1]}" if type_.count(":") == 2 else type_


def quantity(value: Decimal) -> str:
    """For a table: whole from 100 up, else three significant places."""
    if value >= 100 or value == value.to_integral_value():
        return f"{value:,.0f}"
    return f"{value:,.2f}" if value >= 1 else f"{value:.3g}" if value >= Decimal("0.001") else f"{value:.1e}"


def line_name(line: Line) -> str:
    return f"{line.name} *" if line.usage_based else line.name


def line_figures(line: Line, overall: Decimal) -> tuple[str, str, str, str, str]:
    return (
        quantity(line.quantity),
        line.rate.unit,
        plain(line.rate.price),
        money(line.monthly),
        share(line.monthly, overall),
    )

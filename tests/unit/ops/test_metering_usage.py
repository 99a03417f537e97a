"""The usage files: what was measured stands in them between marks, is the same in all, and is used."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from fastyle_policies.pricing import read_usage
from fastyle_policies.pricing.usage import parse

from ops.errors import OperatorError
from ops.metering.usage import BLOCK, Coefficient, put

USAGE = Path(__file__).resolve().parents[3] / "policies" / "usage"
STACKS = ("local", "dev", "prod")


def text(stack: str) -> str:
    return (USAGE / f"{stack}.yaml").read_text(encoding="utf-8")


def measured(stack: str) -> str:
    [block] = BLOCK.findall(text(stack))
    return str(block)


def test_every_stack_has_the_same_measurement_and_says_how_it_was_made() -> None:
    assert len({measured(stack) for stack in STACKS}) == 1
    assert re.match(r"  # <measured by `fastyle meter --days \d+ --from \S+ --seed \d+ --scale \S+`\n", measured("dev"))
    assert re.search(r"# on \d{4}-\d\d-\d\d, \w+ \w+; `about` is an approximation of that machine>", measured("dev"))


def test_every_measured_variable_is_used_by_a_stack_or_a_document() -> None:
    names = re.findall(r"^  (\w+):", measured("prod"), re.MULTILINE)
    assert len(names) > 20
    elsewhere = "\n".join(BLOCK.sub("", text(stack)) for stack in STACKS)
    elsewhere += (USAGE.parents[1] / "tools" / "cost_pages" / "scale.py").read_text(encoding="utf-8")
    unused = [name for name in names if not re.search(rf"\b{name}\b", elsewhere)]
    assert set(unused) <= {"sale_lines", "run_cpu_ms"}  # told for people


@pytest.mark.parametrize("stack", STACKS)
def test_what_is_not_measured_says_so_and_nothing_is_assumed_in_passing(stack: str) -> None:
    head = text(stack).partition("version:")[0]
    assert "# Measured: everything between the marks" in head
    assert "Assumed, because no run on one machine can tell it" in head


@pytest.mark.parametrize("stack", STACKS)
def test_branches_and_the_calendar_scale_it(stack: str) -> None:
    usage = read_usage(USAGE / f"{stack}.yaml")
    twice = usage.with_variables({"branches": Decimal(40)})
    assert twice.variable("sales") == 2 * usage.variable("sales") > 0
    assert usage.for_month("quiet").variable("events") < usage.variable("events")
    assert usage.variable("events") < usage.for_month("sale").variable("events")


def test_a_measurement_goes_between_the_marks_and_nowhere_else() -> None:
    lines = [
        Coefficient("sale_bytes", Decimal("641.500"), "bytes").line(),
        Coefficient("simulated", {"quiet": Decimal(1), "sale": Decimal("2.50")}, "a day", approximate=True).line(),
    ]
    block = "\n".join(["  # <measured by hand>", *lines, "  # </measured>"]) + "\n"
    written = put(text("prod"), block, Path("prod.yaml"))
    assert BLOCK.sub("", written) == BLOCK.sub("", text("prod"))
    assert "  sale_bytes: 641.5  # bytes\n" in written
    assert "  simulated: {quiet: 1, sale: 2.5}  # about: a day\n" in written
    values = parse("version: 1\nvariables:\n" + block)
    assert values.variable("sale_bytes") == Decimal("641.5")


def test_a_file_without_marks_is_refused() -> None:
    with pytest.raises(OperatorError, match=r"prod\.yaml has no one place"):
        put("version: 1\n", "  # <measured>\n  # </measured>\n", Path("prod.yaml"))

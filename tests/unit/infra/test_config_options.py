"""What the program tells the engine besides inputs: which components it makes, with which provider, after what."""

from __future__ import annotations

from pathlib import Path

import pytest

from component_resources.recorder import hold_options
from ops.stacks import own_projects
from tests.support.program import composed


@pytest.mark.parametrize("stack", own_projects())
def test_the_program_s_order_is_exactly_that(stack: str) -> None:
    """Which components the program makes, with which provider, and what each awaits."""

    recorded = composed(stack).options
    options = {key: dict(given) for key, given in recorded.items() if key.startswith("fastyle:")}
    every = {key.partition("::")[2] for key in recorded if key.partition("::")[2].startswith("services-")}
    whole = {key.partition("::")[2] for key in recorded if key.startswith(("gcp:", "pulumi:providers:"))}
    for given in options.values():  # nearly all await every service, however many those are
        if whole == set(given.get("after", [])):
            given["after"] = ["every resource"]
        elif every <= set(given.get("after", [])):
            given["after"] = [*(name for name in given["after"] if name not in every), "every service"]
    hold_options(Path(__file__).parent / "snapshots" / "options" / f"{stack}.json", options)


def test_what_needs_a_new_grant_or_metric_is_made_after_what_takes_long() -> None:
    """Google needs minutes until a build's grants hold and a metric is known, which a first update spends anyway."""
    options = composed("prod").options
    slow = {"database-instance", "orchestration-environment"}
    assert "database-instance" in options["gcp:cloudfunctionsv2/function:Function::pos-api-function"]["after"]
    assert slow <= set(options["gcp:monitoring/alertPolicy:AlertPolicy::monitoring-freshness"]["after"])

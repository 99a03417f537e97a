"""Several stacks under one billing account: each free tier and volume tier is there once for all of them."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from click.testing import CliRunner
from fastyle_policies.pricing import Estimate, account, pooled
from fastyle_policies.pricing.documents import Document
from fastyle_policies.pricing.report import plain

import ops.cost
from ops.cli import cli
from policy_pricing.bills import estimated, resource


def stack(jobs: int, egress: int = 0) -> Estimate:
    schedules = [resource("gcp:cloudscheduler/job:Job", f"job-{n}") for n in range(jobs)]
    return estimated(
        *schedules,
        resource("gcp:cloudrunv2/service:Service", "web"),
        web={"monthly_egress_gib": egress, "monthly_log_gib": 60},
    )


def test_free_tiers_of_the_account_are_given_once_and_those_of_a_project_to_each() -> None:
    """Two stacks of two jobs: each alone is free, together one of four is billed: 0.10. Logs are free for each project's 50
    GiB: 10 x 0.50 = 5 each, either way."""
    pool = pooled({"dev": stack(2), "prod": stack(2)})
    assert plain(pool.apart) == "10"
    assert plain(pool.total) == "10.1"


def test_volume_tiers_are_reached_together() -> None:
    """1,000 GiB each are within the first TiB alone; together 2,000 GiB, of which 976 beyond it cost 0.01 less: 9.76 less. One
    free GiB of the two is gone: 0.12 more."""
    pool = pooled({"a": stack(0, 1000), "b": stack(0, 1000)})
    assert pool.total - pool.apart == Decimal("-9.76") + Decimal("0.12")


def test_one_stack_alone_costs_what_it_costs() -> None:
    one = stack(5, 3000)
    assert pooled({"a": one}).total == one.total


def test_resources_of_one_project_share_its_tier_across_stacks() -> None:
    """Both in project shop: 120 GiB of logs, 50 free: 70 x 0.50 = 35."""
    both = {
        name: replace(pool, resources=tuple(replace(r, project="shop") for r in pool.resources))
        for name, pool in (("a", stack(0)), ("b", stack(0)))
    }
    assert plain(pooled(both).total) == "35"


def test_the_command_compares_stacks_under_one_account(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = tuple(resource("gcp:cloudscheduler/job:Job", f"job-{n}") for n in range(2))
    monkeypatch.setattr(ops.cost, "planned", lambda request, repository=None: Document(jobs, {}))
    done = CliRunner().invoke(cli, ["cost", "--stack", "dev", "--stack", "prod"])
    assert done.exit_code == 0, done.output
    assert done.output == (
        "USD a month\n"
        "stack dev                                   0.00\n"
        "stack prod                                  0.00\n"
        "together, each with an account of its own   0.00\n"
        "tiers that one account has only once       +0.10\n"
        "together, in one account                    0.10\n"
    )
    done = CliRunner().invoke(cli, ["cost", "--stack", "dev", "--stack", "prod", "--format", "json"])
    assert json.loads(done.output) == {
        "currency": "USD",
        "stacks": {"dev": {"total": "0"}, "prod": {"total": "0"}},
        "apart": "0",
        "together": "0.1",
    }
    done = CliRunner().invoke(cli, ["cost", "--stack", "dev", "--stack", "prod", "--explain", "x"])
    assert done.exit_code == 1
    assert "several stacks are compared as they are" in done.output


def test_the_comment_of_several_stacks_is_a_table() -> None:
    """Two stacks of two jobs each, of which an account has three for nothing: 4 - 3 = 1 x 0.10; no logs."""
    jobs = [resource("gcp:cloudscheduler/job:Job", f"job-{n}") for n in range(2)]
    assert account.as_markdown(pooled({"dev": estimated(*jobs), "prod": estimated(*jobs)})).splitlines() == [
        "|  | month |",
        "| --- | ---: |",
        "| stack dev | 0.00 |",
        "| stack prod | 0.00 |",
        "| tiers that one account has only once | +0.10 |",
        "| **one account** | **0.10** |",
    ]

"""A run of the pipeline with verification events in the raw tables publishes what it would without them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from tests.support.push import change, sale
from tests.support.world import World
from tests.unit.ops.test_verification_trade import marked
from workloads.marts import MARTS

LIVE = tuple(f"{mart.name}_live" for mart in MARTS.values() if mart.live)
KEPT = ("sales_lines", "inventory_changes", "first_purchase", "stock", "event_log")


def test_marts_read_model_checks_and_live_views_are_the_same(empty_world: World) -> None:
    world = empty_world
    world.deliver([("sales", sale(("TOP-1", 2))), ("inventory", change("receipt", 9))])
    assert world.run().state == "succeeded"
    before, live = world.published(), live_views(world)
    kept = {name: world.sql(f"SELECT COUNT(*) AS n FROM ${{staging}}.{name}") for name in KEPT}
    quality = faults(world)

    world.deliver([*marked(), marked()[0]])
    assert live_views(world) == live, "between two runs the live views read the raw tables"
    after = world.run()
    assert after.state == "succeeded", after.error
    assert not {name: n for name, n in after.counts.items() if n and re.match("sales|inventory|dates", name)}
    assert world.published() == before
    assert live_views(world) == live
    assert {name: world.sql(f"SELECT COUNT(*) AS n FROM ${{staging}}.{name}") for name in KEPT} == kept
    assert faults(world) == quality
    # What was read is known: the next run finds nothing new, however often `verify` ran.
    assert world.run().state == "succeeded"


def test_they_do_not_make_old_trade_fresh(empty_world: World) -> None:
    world = empty_world
    world.deliver(marked(), datetime.now(UTC))
    report = world.run()
    assert report.state == "succeeded", report.error
    checks = world.postgres("SELECT check_name, status FROM quality_result WHERE check_name LIKE '%%.freshness'")
    assert {check["status"] for check in checks} == {"fail"}, checks
    (publication,) = world.postgres("SELECT as_of FROM report_publication")
    assert publication["as_of"] is None


def live_views(world: World) -> dict[str, list[Any]]:
    return {name: sorted(map(str, world.sql(f"SELECT * FROM ${{marts}}.{name}"))) for name in LIVE}


def faults(world: World) -> list[Any]:
    return world.postgres(
        "SELECT check_name, status, failures, sample FROM quality_result "
        "WHERE run_id = (SELECT run_id FROM quality_result ORDER BY checked_at DESC LIMIT 1) "
        "AND check_name NOT LIKE '%%.freshness' ORDER BY 1"
    )

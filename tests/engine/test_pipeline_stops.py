"""An error among the checks stops publication; readers keep the last good figures and are told since when."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import psycopg

from tests.engine.test_pipeline_quality import EVENTS
from tests.support.api import client_of
from tests.support.world import World


async def test_an_error_stops_publication_and_the_api_says_since_when(empty_world: World) -> None:
    world = empty_world
    await asyncio.to_thread(world.deliver, EVENTS[:5])
    assert (await asyncio.to_thread(world.run)).state == "succeeded"
    before = world.published()
    assert before["gmv_daily"]
    assert before["inventory_status"]
    [publication] = world.sql("SELECT published_at FROM ${marts}.publications")

    world.postgres("DELETE FROM product_cost WHERE sku = 'TOP-2'")
    await asyncio.to_thread(world.deliver, EVENTS[5:])
    report = await asyncio.to_thread(world.run)
    assert report.state == "stopped"
    assert "product_costs.complete" in (report.error or "")
    assert report.publication_id is None
    assert world.published() == before, "the last good marts stay, all of them"
    async with client_of(world.database_url) as client:
        told = (await client.get("/v1/quality")).json()
    failed = {i["check_name"] for i in told["items"] if i["status"] == "fail" and i["severity"] == "error"}
    assert failed == {"product_costs.complete", "margin_daily.cost_known"}
    assert told["reports"]["last_run_state"] == "stopped"
    since = datetime.fromisoformat(told["reports"]["stale_since"])
    assert abs(since - publication["published_at"]) < timedelta(milliseconds=1)

    with psycopg.connect(world.database_url) as connection:
        connection.execute("INSERT INTO product_cost (sku, valid_from, unit_cost) VALUES ('TOP-2', '-infinity', 3.10)")
    assert (await asyncio.to_thread(world.run)).state == "succeeded"
    async with client_of(world.database_url) as client:
        assert (await client.get("/v1/quality")).json()["reports"]["stale_since"] is None
    after = world.published()
    assert len(after["gmv_daily"]) > len(before["gmv_daily"]), "what was stopped is made up for"

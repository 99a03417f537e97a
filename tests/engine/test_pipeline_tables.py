"""Tables and views of the warehouse over its runs: what is as declared is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.cloud import bigquery

from tests.support.push import rfc3339, sale
from tests.support.world import World
from workloads.pipeline.tables import views
from workloads.pipeline.warehouse import WarehouseClient

pytestmark = pytest.mark.local


def test_views_are_written_when_their_declaration_changes_with_all_that_read_them(
    bigquery_url: str, small_catalogue: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(bigquery_url, small_catalogue)
    names = [view.key for view in views()]

    def written(warehouse: WarehouseClient) -> list[str]:
        caplog.clear()
        with caplog.at_level("INFO", "workloads.pipeline.warehouse"):
            warehouse.ensure_tables()
        return [m.removeprefix("wrote ") for m in caplog.messages if m.startswith("wrote ")]

    warehouse = WarehouseClient(world.settings)
    assert written(warehouse) == names
    before = {job.job_id for job in world.client.list_jobs(max_results=10_000)}
    assert written(WarehouseClient(world.settings)) == []
    assert {job.job_id for job in world.client.list_jobs(max_results=10_000)} == before, "no statement is sent"

    world.sql("CREATE OR REPLACE VIEW ${staging}.live_new_sales AS SELECT 1 AS someone_elses")
    assert written(warehouse) == names[names.index("staging.live_new_sales") :], "one that is not the pipeline's"
    world.sql("DROP VIEW ${marts}.margin_daily_live")
    assert written(warehouse) == names[names.index("marts.margin_daily_live") :]

    # A setting that a view's text rests on is part of its declaration.
    other = world.settings.model_copy(update={"reorder_point": world.settings.reorder_point + 1})
    assert "marts.inventory_status_live" in written(WarehouseClient(other))
    assert written(WarehouseClient(other)) == []


def test_a_mart_that_is_new_is_built_for_all_of_its_history_once(empty_world: World) -> None:
    """As after an update that brings a mart, to a stack that has traded for a while."""
    world = empty_world
    now = datetime.now(UTC)
    days = [now - timedelta(days=40), now - timedelta(days=3)]
    world.deliver([("sales", sale(("TOP-1", 1), event_time=rfc3339(day))) for day in days], now - timedelta(minutes=40))
    assert world.run().counts["dates"] == 2
    before = world.published()
    assert len(before["orders_daily"]) == 2
    world.sql("DELETE FROM ${marts}.orders_daily_v1 WHERE business_date >= '2010-01-01'")
    world.sql("DELETE FROM ${staging}.mart_histories WHERE target LIKE '%orders_daily%'")
    world.postgres("DELETE FROM report_orders_daily")
    assert world.run().counts["dates"] == 2
    assert world.published() == before
    assert world.run().counts["dates"] == 0


def test_a_field_that_joins_the_schema_joins_the_tables_that_are_there(
    bigquery_url: str, small_catalogue: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of an event a column, of a line a field within the column of lines; what is there stays as it is."""
    world = World(bigquery_url, small_catalogue)
    warehouse = WarehouseClient(world.settings)
    warehouse.ensure_tables()
    reference = f"{world.client.project}.{world.datasets['staging']}.new_sales"
    wanted = world.client.get_table(reference)
    former = [
        bigquery.SchemaField(field.name, "RECORD", mode="REPEATED", fields=field.fields[:-1]) if field.fields else field
        for field in wanted.schema
        if field.name != "customer_id"
    ]
    world.client.delete_table(reference)
    world.client.create_table(bigquery.Table(reference, schema=former))
    with caplog.at_level("INFO", "workloads.pipeline.warehouse"):
        warehouse.ensure_tables()
    assert "added customer_id, lines.discount to staging.new_sales" in caplog.messages
    names = {field.name: [inner.name for inner in field.fields] for field in world.client.get_table(reference).schema}
    assert names == {field.name: [inner.name for inner in field.fields] for field in wanted.schema}

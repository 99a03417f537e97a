"""`/v1/marts`: each mart with a read model has a path, its columns in the OpenAPI document, and pages of its rows."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.support.api import client_of, filled, get
from tests.support.postgres import postgres
from tests.unit.workloads.api.test_api_reports import ROWS, WINTER
from workloads.api.paging import encode_token
from workloads.marts import MARTS

__all__ = ["postgres"]


@pytest.fixture
def published(postgres: str) -> str:
    return filled(ROWS, postgres)


async def test_the_list_names_every_mart_with_a_read_model(published: str) -> None:
    listed = await get(published, "/v1/marts")
    shown = {item["name"]: item for item in listed["items"]}
    assert shown.keys() == {mart.name for mart in MARTS.values() if mart.read_model}
    assert shown["margin_daily"]["grain"] == ["business_date", "category"]
    assert shown["margin_daily"]["path"] == "/v1/marts/margin_daily"
    assert [column["name"] for column in shown["orders_daily"]["columns"]][-1] == "orders"
    assert listed["as_of"] == "2026-01-05T23:59:59Z"


async def test_rows_are_those_of_the_read_model_with_decimals_as_strings(published: str) -> None:
    page = await get(published, "/v1/marts/margin_daily", **WINTER)
    assert page["items"] == [
        {
            "business_date": "2026-01-05",
            "category": "tops",
            "net_sales": "30.00",
            "discounts": "5.00",
            "cogs": "10.00",
            "gross_profit": "20.00",
            "gross_margin": "0.666666667",
        },
        {
            "business_date": "2026-01-05",
            "category": "unknown",
            "net_sales": "7.00",
            "discounts": "0.00",
            "cogs": None,
            "gross_profit": None,
            "gross_margin": None,
        },
        {
            "business_date": "2026-01-11",
            "category": "tops",
            "net_sales": "10.00",
            "discounts": "0.00",
            "cogs": "5.00",
            "gross_profit": "5.00",
            "gross_margin": "0.500000000",
        },
    ]
    assert (page["next_page_token"], page["as_of"]) == (None, "2026-01-05T23:59:59Z")


async def test_pages_together_are_the_whole_in_the_order_of_the_grain(published: str) -> None:
    whole = (await get(published, "/v1/marts/gmv_daily", **WINTER))["items"]
    items: list[dict[str, Any]] = []
    token: dict[str, Any] = {}
    while len(items) <= len(whole):
        page = await get(published, "/v1/marts/gmv_daily", page_size=1, **WINTER, **token)
        items += page["items"]
        if page["next_page_token"] is None:
            break
        token = {"page_token": page["next_page_token"]}
    assert items == whole
    assert len(whole) == 4


@pytest.mark.parametrize(
    ("path", "query"),
    [("/v1/marts/gmv_daily", {}), ("/v1/reports/gmv", {"by": "category"}), ("/v1/reports/margin", {})],
)
async def test_pages_of_two_publications_are_not_mixed(published: str, path: str, query: dict[str, Any]) -> None:
    asked = {**query, **WINTER, "page_size": 1}
    first = await get(published, path, **asked)

    def publish(identity: str, at: str, days: str) -> None:
        """As a run does for some dates."""
        statement = f"INSERT INTO report_publication VALUES ('{identity}', 'r', '{at}', '2026-01-05T23:59:59Z');"
        for table in ("gmv_daily", "orders_daily", "margin_daily"):
            statement += f"UPDATE report_{table} SET publication_id = '{identity}' WHERE business_date {days};"
        filled(statement, published)

    publish("p2", "2026-03-01T00:00Z", "> '2026-02-28'")
    following = {"page_token": first["next_page_token"]}
    second = await get(published, path, **asked, **following)
    assert second["items"] != first["items"], "these dates are as they were"
    publish("p3", "2026-03-01T01:00Z", "= '2026-01-11'")
    for page in (first, second):
        refused = await get(published, path, 409, **asked, page_token=page["next_page_token"])
        assert (refused["error"]["code"], refused["error"]["field"]) == ("aborted", "page_token")
    assert (await get(published, path, **asked))["next_page_token"]


async def test_dates_and_columns_of_the_grain_filter(published: str) -> None:
    one: dict[str, Any] = {"from": "2026-01-05", "to": "2026-01-05"}
    assert len((await get(published, "/v1/marts/gmv_daily", **one))["items"]) == 2
    shoes = (await get(published, "/v1/marts/gmv_daily", **WINTER, category="shoes"))["items"]
    assert [row["category"] for row in shoes] == ["shoes"]
    assert (await get(published, "/v1/marts/gmv_daily"))["items"] == [], "the last 28 dates have none"


@pytest.mark.parametrize(
    ("path", "query", "status", "field"),
    [
        ("gmv_daily", {"colour": "red"}, 400, "colour"),
        ("gmv_daily", {"from": "2026-02-30"}, 400, "from"),
        ("gmv_daily", {"from": "2026-02-02", "to": "2026-02-01"}, 400, "from"),
        ("gmv_daily", {"page_token": "nobody's"}, 400, "page_token"),
        # A token of another list
        ("margin_daily", {"page_token": encode_token("p1", "2026-01-05")}, 400, "page_token"),
        # No date
        ("margin_daily", {"page_token": encode_token("p1", "x", "tops")}, 400, "page_token"),
        ("inventory_status", {}, 404, None),
    ],
)
async def test_what_cannot_be_asked_is_refused_with_its_name(
    published: str, path: str, query: dict[str, Any], status: int, field: str | None
) -> None:
    refusal = await get(published, f"/v1/marts/{path}", status, **query)
    assert refusal["error"].get("field") == field


async def test_the_openapi_document_has_each_mart_s_columns(published: str) -> None:
    async with client_of(published) as client:
        document = (await client.get("/openapi.json")).json()
    for mart in MARTS.values():
        path = document["paths"].get(f"/v1/marts/{mart.name}")
        assert bool(path) == mart.read_model, mart.name
        if path is None:
            continue
        page = path["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        row = document["components"]["schemas"][page.removesuffix("Page") + "Row"]
        assert {name: told["description"] for name, told in row["properties"].items()} == {
            column.name: column.description for column in mart.columns
        }
        asked = {parameter["name"] for parameter in path["get"]["parameters"]}
        assert {"page_size", "page_token"} <= asked
        assert ({"from", "to"} <= asked) == mart.by_date


async def test_it_is_not_ready_before_the_tables_are_there(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP TABLE report_orders_daily")
    fault = await get(postgres, "/ready", 503)
    assert "no report_orders_daily yet: deploy inventory-sync" in fault["error"]["message"]

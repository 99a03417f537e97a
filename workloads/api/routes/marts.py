"""`/v1/marts`: the rows of every mart that has a read model, as last published. A path a mart, from its declaration."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from psycopg import sql
from pydantic import BaseModel, Field, create_model

from workloads.api.amounts import amount
from workloads.api.arguments import BusinessDate, Text
from workloads.api.dependencies import ConnectionDep, SettingsDep, require_caller
from workloads.api.errors import RESPONSES
from workloads.api.measures import PLACES
from workloads.api.paging import Instant, decode_token, encode_token, foreign_token, respond, utc
from workloads.api.publications import ANEW, newest, refuse_mixture
from workloads.api.routes.inventory import Paging
from workloads.api.routes.reports import dates_of
from workloads.marts import Column, Mart, Measure, reported
from workloads.marts.declaration import DATE, Kind
from workloads.runtime.dates import parse_date, parse_instant

router = APIRouter(
    prefix="/v1/marts", tags=["marts"], dependencies=[Depends(require_caller)], responses={**RESPONSES, **ANEW}
)

Endpoint = Callable[..., Coroutine[Any, Any, Response]]
SHOWN = {mart.name: mart for mart in reported()}

_SHOWN_AS: dict[Kind, Any] = {
    Kind.STRING: str,
    Kind.INT64: int,
    Kind.NUMERIC: str,  # decimals are never floats
    Kind.DATE: date,
    Kind.TIMESTAMP: Instant,
    Kind.BOOL: bool,
}
# From a part of a page token to PostgreSQL's type; a ValueError when no row has such a key.
_PARSED: dict[Kind, Callable[[str], Any]] = {
    Kind.STRING: str,
    Kind.INT64: int,
    Kind.NUMERIC: Decimal,
    Kind.DATE: parse_date,
    Kind.TIMESTAMP: parse_instant,
    Kind.BOOL: lambda text: {"True": True, "False": False}[text],
}


class MartColumn(BaseModel):
    name: str = Field(examples=["net_sales"])
    type: str = Field(description="BigQuery's; NUMERIC is a decimal string here", examples=["NUMERIC"])
    description: str


class MartAbout(BaseModel):
    """What a mart is, and where its rows are."""

    name: str = Field(examples=["gmv_daily"])
    description: str
    grain: list[str] = Field(description="The columns that tell its rows apart")
    path: str = Field(examples=["/v1/marts/gmv_daily"])
    columns: list[MartColumn]


class MartList(BaseModel):
    items: list[MartAbout]
    next_page_token: None
    as_of: Instant | None = Field(description="Publish time of the newest event in the marts; null: never published")


class Dated(Paging):
    """Which business dates."""

    from_: BusinessDate | None = Field(
        default=None, alias="from", description="First business date; 28 dates without it"
    )
    to: BusinessDate | None = Field(default=None, description="Last business date; today without it")


@router.get("", response_model=MartList, summary="The marts that can be read")
async def marts(request: Request, connection: ConnectionDep) -> Response:
    """Each with its grain, its columns and its path."""
    items = [
        {
            "name": mart.name,
            "description": mart.description,
            "grain": mart.grain,
            "path": f"{router.prefix}/{mart.name}",
            "columns": [
                {"name": column.name, "type": str(column.type), "description": column.description}
                for column in mart.columns
            ],
        }
        for mart in SHOWN.values()
    ]
    return respond(request, {"items": items, "next_page_token": None, "as_of": (await newest(connection)).as_of})


def _endpoint(mart: Mart) -> Endpoint:
    """The handler of one mart's path."""
    query_model = _query(mart)

    async def rows(request: Request, query: Any, settings: SettingsDep, connection: ConnectionDep) -> Response:
        publication = await newest(connection)
        where = [_filter(column.name) for column in _filters(mart) if getattr(query, column.name) is not None]
        values = {f"is_{column.name}": getattr(query, column.name) for column in _filters(mart)}
        if mart.by_date:
            values["first"], values["last"] = dates_of(query.from_, query.to, settings)
            where.append(sql.SQL("{} BETWEEN %(first)s AND %(last)s").format(sql.Identifier(DATE)))
        first_page = publication.id
        if (token := decode_token(query.page_token, 1 + len(mart.grain))) is not None:
            first_page, *key = token
            places = [f"after_{place}" for place in range(len(key))]
            values |= dict(zip(places, _parsed(mart, key), strict=True))
            dates = (values["first"], values["last"]) if mart.by_date else None
            await refuse_mixture(connection, first_page, mart.report, dates)
            after = sql.SQL(", ").join(map(sql.Placeholder, places))
            where.append(sql.SQL("({}) > ({})").format(_order(mart), after))
        statement = sql.SQL("SELECT {columns} FROM {table} WHERE {where} ORDER BY {order} LIMIT %(limit)s").format(
            columns=sql.SQL(", ").join(sql.Identifier(column.name) for column in mart.columns),
            table=sql.Identifier(mart.report),
            where=sql.SQL(" AND ").join([sql.SQL("true"), *where]),
            order=_order(mart),
        )
        cursor = await connection.execute(statement, {**values, "limit": query.page_size + 1})
        page = await cursor.fetchall()
        items = [{c.name: _shown(c, row[c.name]) for c in mart.columns} for row in page[: query.page_size]]
        last_key = [str(items[-1][name]) for name in mart.grain] if len(page) > query.page_size else None
        after_it = encode_token(first_page, *last_key) if last_key else None
        return respond(request, {"items": items, "next_page_token": after_it, "as_of": publication.as_of})

    rows.__annotations__["query"] = Annotated[query_model, Query()]
    return rows


def _filters(mart: Mart) -> list[Column]:
    """The columns of the grain that a reader may name one value of."""
    return [column for column in mart.columns if column.name in mart.grain and column.type is Kind.STRING]


def _filter(name: str) -> sql.Composed:
    return sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(f"is_{name}"))


def _query(mart: Mart) -> type[BaseModel]:
    filters: dict[str, Any] = {
        column.name: (Text | None, Field(default=None, description=column.description)) for column in _filters(mart)
    }
    return create_model(f"{_title(mart)}Query", __base__=Dated if mart.by_date else Paging, **filters)


def _page_model(mart: Mart) -> type[BaseModel]:
    columns: dict[str, Any] = {
        column.name: (
            _SHOWN_AS[column.type] if column.mode == "required" else _SHOWN_AS[column.type] | None,
            Field(description=column.description),
        )
        for column in mart.columns
    }
    row = create_model(f"{_title(mart)}Row", __doc__=f"{mart.row.capitalize()}.", **columns)
    fields: dict[str, Any] = {
        "items": (list[row], ...),
        "next_page_token": (str | None, ...),
        "as_of": (Instant | None, Field(description="Publish time of the newest event in it; null: never published")),
    }
    return create_model(f"{_title(mart)}Page", **fields)


def _title(mart: Mart) -> str:
    return "Mart" + "".join(word.capitalize() for word in mart.name.split("_"))


def _order(mart: Mart) -> sql.Composed:
    types = {column.name: column.type for column in mart.columns}
    return sql.SQL(", ").join(
        sql.SQL('{} COLLATE "C"' if types[name] is Kind.STRING else "{}").format(sql.Identifier(name))
        for name in mart.grain
    )


def _parsed(mart: Mart, key: list[str]) -> list[Any]:
    types = {column.name: column.type for column in mart.columns}
    try:
        return [_PARSED[types[name]](part) for name, part in zip(mart.grain, key, strict=True)]
    except (ValueError, KeyError, ArithmeticError):
        raise foreign_token() from None


def _shown(column: Column, value: Any) -> Any:
    if isinstance(value, Decimal):
        return amount(value) if column.measure is Measure.AMOUNT else f"{value:.{PLACES}f}"
    if isinstance(value, datetime):
        return utc(value)
    return value.isoformat() if isinstance(value, date) else value


for _mart in SHOWN.values():
    router.add_api_route(
        f"/{_mart.name}",
        _endpoint(_mart),
        response_model=_page_model(_mart),
        name=_mart.name,
        summary=_mart.description.strip().removesuffix("."),
        description=f"{_mart.row.capitalize()}, in this order, as last published.",
    )

"""One form for every error: `{"error": {"code", "message", "field"?}}`.

A bad request is 400 with the field's name, as the POS API answers it; FastAPI's own 422 does not occur.
"""

from __future__ import annotations

import logging
from typing import Any

import psycopg
import psycopg_pool
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

log = logging.getLogger(__name__)

CODES = {
    400: "invalid_argument",
    401: "unauthenticated",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    409: "aborted",
    503: "unavailable",
}


class ErrorDetail(BaseModel):
    """What went wrong."""

    code: str = Field(examples=["invalid_argument"])
    message: str = Field(examples=["page_size: Input should be less than or equal to 1000"])
    field: str | None = Field(default=None, examples=["page_size"])


class ErrorBody(BaseModel):
    """The body of every answer of 400 and above."""

    error: ErrorDetail


# For the `responses` of a router: what its operations answer besides success.
RESPONSES: dict[int | str, dict[str, Any]] = {
    304: {"description": "What `If-None-Match` names is still the answer"},
    400: {"model": ErrorBody, "description": "An argument is wrong; `field` names it"},
    401: {"model": ErrorBody, "description": "No good credential"},
    403: {"model": ErrorBody, "description": "The credential is limited to some locations"},
    503: {"model": ErrorBody, "description": "The database is out of reach: try again"},
}


class ApiError(Exception):
    """Answers the request with an error."""

    def __init__(self, status: int, message: str, field: str | None = None, headers: dict[str, str] | None = None):
        super().__init__(message)
        self.status, self.field, self.headers = status, field, headers


def install(app: FastAPI) -> None:
    """Give the application's errors their form."""

    @app.exception_handler(ApiError)
    async def _api_error(request: Request, error: ApiError) -> JSONResponse:
        return answer(error.status, str(error), error.field, error.headers)

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> JSONResponse:
        fault = error.errors()[0]
        field = ".".join(str(part) for part in fault["loc"][1:]) or None
        if fault["type"] == "extra_forbidden":
            return answer(400, f"{field}: there is no such parameter", field)
        return answer(400, f"{field}: {fault['msg'].removeprefix('Value error, ')}", field)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        message = f"there is no {request.scope['path']}" if error.status_code == 404 else str(error.detail)
        return answer(error.status_code, message, headers=dict(error.headers or {}))

    async def _database(request: Request, error: Exception) -> JSONResponse:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        log.warning("database: %s", reason, extra={"path": request.scope["path"]})
        return answer(503, "the database is out of reach: try again", headers={"Retry-After": "2"})

    for passing in (
        psycopg.OperationalError,
        psycopg.InterfaceError,
        psycopg_pool.PoolTimeout,
        psycopg_pool.PoolClosed,
    ):
        app.add_exception_handler(passing, _database)

    @app.exception_handler(psycopg.errors.UndefinedTable)
    async def _no_schema(request: Request, error: psycopg.errors.UndefinedTable) -> JSONResponse:
        return answer(503, "the database has no schema yet", headers={"Retry-After": "2"})

    @app.exception_handler(Exception)
    async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
        log.error("unforeseen", exc_info=error, extra={"path": request.scope["path"]})
        return answer(500, "an internal error, which was logged")


def answer(status: int, message: str, field: str | None = None, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return an error answer."""
    detail = {"code": CODES.get(status, "internal" if status >= 500 else "invalid_argument"), "message": message}
    if field:
        detail["field"] = field
    return JSONResponse({"error": detail}, status, headers=headers)

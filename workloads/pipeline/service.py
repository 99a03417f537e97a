"""The pipeline as a service: `POST /run` runs it once. Who may call is the platform's to check."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from workloads.pipeline import runner
from workloads.pipeline.run import dates_of
from workloads.pipeline.settings import Settings
from workloads.runtime import logs
from workloads.runtime.server import AccessLog, serve
from workloads.runtime.settings import load

_STATUS = {"succeeded": 200, "incomplete": 202, "stopped": 422, "failed": 503}


def create_app(settings: Settings) -> Starlette:
    """Return the ASGI application."""

    async def health(request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def run(request: Request) -> JSONResponse:
        try:
            first, last = _dates(await request.body())
        except ValueError as error:
            return _error(400, str(error))
        try:
            report = await asyncio.to_thread(runner.run, settings, first, last)
        except runner.AlreadyRunning as error:
            return _error(409, str(error))
        except runner.NotReady as error:
            return _error(503, str(error))
        return JSONResponse(report.as_json(), status_code=_status(report.state, request))

    app = Starlette(routes=[Route("/health", health), Route("/run", run, methods=["POST"])])
    app.add_middleware(AccessLog)
    return app


def _status(state: str, request: Request) -> int:
    """Cloud Scheduler calls again after an error only: to it, incomplete is one."""
    scheduled = request.headers.get("x-cloudscheduler") == "true"
    return 503 if state == "incomplete" and scheduled else _STATUS[state]


def _dates(body: bytes) -> tuple[date | None, date | None]:
    """`{"from": date, "to": date}`, both or none."""
    try:
        asked: Any = json.loads(body or b"{}")
    except ValueError:
        raise ValueError('the body is not JSON; send {} or {"from": "2026-01-01", "to": "2026-01-31"}') from None
    if not isinstance(asked, dict):
        raise ValueError('the body is not an object; send {} or {"from": "2026-01-01", "to": "2026-01-31"}')
    return dates_of(asked)


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"status": "refused", "error": message}, status_code=status)


def main() -> None:
    """Serve until told to stop."""
    settings = load(Settings)
    logs.configure(settings.log_level)
    serve(create_app(settings))


if __name__ == "__main__":
    main()

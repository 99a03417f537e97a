"""The pipeline as a service: `POST /run` runs it once, `POST /replay` replays the lake, `POST /quality/waive` lets a fault
pass and `POST /quality/redrive` has the quarantine judged again.

Who may call is the platform's to check. Where no platform does, on a local stack, an identity token of its issuer is
asked for: the issuer signs for programs of the stack's own user alone."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import model_validator
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from workloads.pipeline import faults, operating, replay, runner
from workloads.pipeline.run import dates_of
from workloads.pipeline.settings import Settings
from workloads.runtime import logs
from workloads.runtime.bodies import BodyRefused, read_body
from workloads.runtime.dates import parse_date, parse_instant
from workloads.runtime.identity_token import (
    GOOGLE_ISSUERS,
    CallerSettings,
    IdentityTokenVerifier,
    KeysUnavailable,
    TokenRefused,
)
from workloads.runtime.interface import INVOKER_CHECK, InvokerCheck
from workloads.runtime.server import AccessLog, TypeAsSaid, serve
from workloads.runtime.settings import load

log = logging.getLogger(__name__)

_BODY_BYTES = 64 * 1024
_Handler = Callable[[Request], Awaitable[JSONResponse]]
_STATUS = {"succeeded": 200, "incomplete": 202, "stopped": 422, "failed": 503}


class ServiceSettings(Settings, CallerSettings):
    """The settings of the service; the other ways to run the pipeline have no callers."""

    @model_validator(mode="after")
    def _somebody_checks(self) -> ServiceSettings:
        if self.oidc_issuer in GOOGLE_ISSUERS and not self.platform_checks:
            raise ValueError(
                "nobody would check who calls, for Google signs tokens for everybody: "
                f"set {INVOKER_CHECK} to {InvokerCheck.PLATFORM} where Cloud Run's invoker check is on"
            )
        return self


def create_app(settings: Settings, verifier: IdentityTokenVerifier | None = None) -> Starlette:
    """Return the ASGI application.

    Args:
        verifier: checks the callers; None where the platform has done so.
    """

    async def health(request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def run(request: Request) -> JSONResponse:
        try:
            first, last = _dates(await read_body(request, _BODY_BYTES))
        except BodyRefused as error:
            return _error(error.status, str(error))
        except ValueError as error:
            return _error(400, str(error))
        try:
            report = await asyncio.to_thread(runner.run, settings, first, last)
        except runner.AlreadyRunning as error:
            return _error(409, str(error))
        except runner.NotReady as error:
            return _error(503, str(error))
        except Exception as error:
            return _unforeseen(error)
        return JSONResponse(report.as_json(), status_code=_status(report.state, request))

    async def replay_lake(request: Request) -> JSONResponse:
        try:
            start, end, seconds = _range(await read_body(request, _BODY_BYTES))
        except BodyRefused as error:
            return _error(error.status, str(error))
        except ValueError as error:
            return _error(400, str(error))
        try:
            report = await asyncio.to_thread(replay.replay, settings, start, end, seconds=seconds)
        except replay.AlreadyRunning as error:
            return _error(409, str(error))
        except replay.NotReady as error:
            return _error(503, str(error))
        except Exception as error:
            return _unforeseen(error)
        return JSONResponse(report.as_json(), status_code=_STATUS[report.state])

    async def waive(request: Request) -> JSONResponse:
        try:
            asked = _waiver(await read_body(request, _BODY_BYTES), faults.today(settings.timezone))
        except BodyRefused as error:
            return _error(error.status, str(error))
        except ValueError as error:
            return _error(400, str(error))
        try:
            return JSONResponse(await asyncio.to_thread(operating.waive, settings, *asked))
        except faults.NoSuchFault as error:
            return _error(404, f"no open fault has the id {str(error)[:40]!a}; `fastyle quality` lists them")
        except runner.NotReady as error:
            return _error(503, str(error))
        except Exception as error:
            return _unforeseen(error)

    async def redrive(request: Request) -> JSONResponse:
        try:
            return JSONResponse({"released": await asyncio.to_thread(operating.redrive, settings)})
        except runner.AlreadyRunning as error:
            return _error(409, str(error))
        except runner.NotReady as error:
            return _error(503, str(error))
        except Exception as error:
            return _unforeseen(error)

    def guarded(handler: _Handler) -> _Handler:
        async def handle(request: Request) -> JSONResponse:
            try:
                if verifier is not None:
                    await verifier.verify(request.headers.get("authorization"))
            except TokenRefused as error:
                return _error(error.status, str(error))
            except KeysUnavailable as error:
                return _error(503, str(error))
            return await handler(request)

        return handle

    operations = {
        "/quality/waive": waive,
        "/quality/redrive": redrive,
        "/run": run,
        "/replay": replay_lake,
    }
    app = Starlette(
        routes=[
            Route("/health", health),
            *(Route(path, guarded(handler), methods=["POST"]) for path, handler in operations.items()),
        ]
    )
    app.router.redirect_slashes = False  # a redirect would name whatever host the request says
    app.add_middleware(TypeAsSaid)
    app.add_middleware(AccessLog)
    return app


def _status(state: str, request: Request) -> int:
    """Cloud Scheduler calls again after an error only: to it, incomplete is one."""
    scheduled = request.headers.get("x-cloudscheduler") == "true"
    return 503 if state == "incomplete" and scheduled else _STATUS[state]


def _dates(body: bytes) -> tuple[date | None, date | None]:
    """`{"from": date, "to": date}`, both or none."""
    return dates_of(_object(body, '{"from": "2026-01-01", "to": "2026-01-31"}'))


def _waiver(body: bytes, today: date) -> tuple[str, date, str]:
    """`{"id": text, "until": date, "reason": text}`."""
    asked = _object(body, '{"id": "12", "until": "2026-01-31", "reason": "known, mended by then"}')
    if set(asked) != {"id", "until", "reason"} or not all(isinstance(value, str) for value in asked.values()):
        raise ValueError("id, until and reason are needed, each a text, and nothing else")
    try:
        until = parse_date(asked["until"])
    except ValueError:
        raise ValueError(f"until is a date such as 2026-01-31, not {asked['until'][:40]!a}") from None
    if not today <= until <= today + timedelta(days=366):
        raise ValueError(f"until {until} is not within a year from today, {today}: a waiver ends by itself")
    reason = asked["reason"].strip()
    if not 1 <= len(reason) <= 1000 or not reason.isprintable():
        raise ValueError("reason is a sentence of at most 1,000 printable characters: it is kept with the waiver")
    return asked["id"], until, reason


def _range(body: bytes) -> tuple[datetime | None, datetime | None, float]:
    """`{"from": timestamp?, "to": timestamp?, "seconds": number?}`: which messages, by publish time, and for how long."""
    asked = _object(body, '{"from": "2026-01-31T00:00:00Z"}')
    if set(asked) - {"from", "to", "seconds"}:
        raise ValueError("from and to, times of publication, and seconds can be asked for, and nothing else")
    try:
        start, end = (None if asked.get(key) is None else parse_instant(asked[key]) for key in ("from", "to"))
    except ValueError as error:
        raise ValueError(f"from and to: each {error}") from None
    if start and end and end <= start:
        raise ValueError(f"to {end.isoformat()} is not after from {start.isoformat()}")
    seconds = asked.get("seconds", replay.CALL_SECONDS)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= replay.CALL_SECONDS:
        raise ValueError(f"seconds is a number from 0 to {replay.CALL_SECONDS}")
    return start, end, float(seconds)


def _object(body: bytes, example: str) -> dict[str, Any]:
    send = f"send {{}} or {example}"
    try:
        asked: Any = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise ValueError(f"the body is not JSON; {send}") from None
    if not isinstance(asked, dict):
        raise ValueError(f"the body is not an object; {send}")
    return asked


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"status": "refused", "error": message}, status_code=status)


def _unforeseen(error: Exception) -> JSONResponse:
    log.exception("failed in an unforeseen way")
    said = f"failed in an unforeseen way, which was logged: {type(error).__name__}: {runner.first_line(error)}"
    return JSONResponse({"status": "failed", "state": "failed", "error": said}, status_code=500)


def main() -> None:
    """Serve until told to stop."""
    settings = load(ServiceSettings)
    logs.configure(settings.log_level)
    serve(create_app(settings, None if settings.platform_checks else IdentityTokenVerifier(settings)))


if __name__ == "__main__":
    main()

"""The control server: OpenID issuer, the REST calls of other services that are used at run time, and `/status`.

Its callers are taken for the project's owner: it listens on loopback only, and refuses web pages and other users.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp import web

from fastyle_localcloud.callers import only_programs
from fastyle_localcloud.files import volume
from fastyle_localcloud.foundation import Foundation
from fastyle_localcloud.ports import HOST
from fastyle_localcloud.scheduler import Job, Scheduler
from fastyle_localcloud.secret_store import SecretError, Version
from fastyle_localcloud.workloads import Workloads

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Control:
    """One HTTP server on the `control` port."""

    def __init__(self, cloud: Foundation, scheduler: Scheduler, workloads: Workloads) -> None:
        self._cloud = cloud
        self._scheduler = scheduler
        self._workloads = workloads
        self._runner: web.AppRunner | None = None
        # What the daemon adds to the status: the provider's port.
        self.extra: dict[str, Any] = {}
        self.ready = False

    async def start(self) -> None:
        app = web.Application(middlewares=[only_programs, _errors_as_json])
        project = "/v1/projects/{project}"
        app.add_routes(
            [
                web.get("/health", self._health),
                web.get("/status", self._status),
                web.get("/.well-known/openid-configuration", self._discovery),
                web.get("/oauth2/v1/certs", self._certs),
                web.get("/oauth2/v3/certs", self._jwks),
                web.post(project + "/secrets/{secret}:addVersion", self._add_version),
                web.get(project + "/secrets/{secret}/versions", self._versions),
                web.get(project + "/secrets/{secret}/versions/{version}:access", self._access),
                web.post(project + "/secrets/{secret}/versions/{version}:{verb}", self._set_version_state),
                web.get(project + "/locations/{location}/jobs", self._jobs),
                web.get(project + "/locations/{location}/jobs/{job}", self._job),
                web.post(project + "/locations/{location}/jobs/{job}:run", self._run_job),
                web.post(project + "/locations/{location}/jobs/{job}:{verb}", self._set_job_state),
                web.post(project + "/serviceAccounts/{email}:generateIdToken", self._id_token),
                web.post("/identityToken", self._own_id_token),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self._cloud.ports.get("control")).start()

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    # --- state ---

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"ready": self.ready}, status=200 if self.ready else 503)

    async def _status(self, request: web.Request) -> web.Response:
        cloud = self._cloud
        subscriptions = await self._subscriptions()
        status = {
            "ready": self.ready,
            "pid": os.getpid(),
            "project": cloud.project,
            "region": cloud.region,
            "processes": cloud.supervisor.status(),
            "services": self._workloads.services,
            "jobs": self._scheduler.status(),
            "subscriptions": subscriptions,
            "volume": volume(cloud.state_dir),
            "moved": self._workloads.moved,
            "missing_grants": _missing_grants(subscriptions, self._scheduler.status(), self._workloads.refused_starts),
            **self.extra,
        }
        return web.json_response(status)

    async def _subscriptions(self) -> dict[str, Any]:
        """The Pub/Sub stand-in's counters by subscription; empty while it is not there to be asked."""
        try:
            timeout = aiohttp.ClientTimeout(total=3)
            async with self._cloud.http.get(f"{self._cloud.pubsub_control}/stats", timeout=timeout) as answer:
                answer.raise_for_status()
                return dict(await answer.json())
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return {}

    # --- OpenID issuer ---

    async def _discovery(self, request: web.Request) -> web.Response:
        issuer = self._cloud.identities.issuer
        return web.json_response(
            {
                "issuer": issuer,
                "jwks_uri": f"{issuer}/oauth2/v3/certs",
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def _certs(self, request: web.Request) -> web.Response:
        return web.json_response(self._cloud.identities.x509_certs(), headers=_CACHED)

    async def _jwks(self, request: web.Request) -> web.Response:
        return web.json_response(self._cloud.identities.jwks(), headers=_CACHED)

    # --- IAM Credentials ---

    async def _id_token(self, request: web.Request) -> web.Response:
        email = request.match_info["email"]
        if not self._cloud.metadata.exists(email):
            raise _Problem(404, f"the service account {email} does not exist")
        return await self._token_of(email, request)

    async def _own_id_token(self, request: web.Request) -> web.Response:
        """A token of the local cloud's user, as `gcloud auth print-identity-token` makes one of a person."""
        return await self._token_of(_USER, request)

    async def _token_of(self, email: str, request: web.Request) -> web.Response:
        if not (audience := (await _json(request)).get("audience")):
            raise _Problem(400, "audience is missing")
        return web.json_response({"token": self._cloud.identities.id_token(email, str(audience))})

    # --- Secret Manager ---

    async def _add_version(self, request: web.Request) -> web.Response:
        body = await _json(request)
        try:
            payload = base64.b64decode(body["payload"]["data"], validate=True)
        except (KeyError, TypeError, binascii.Error):
            raise _Problem(400, "payload.data must be base64") from None
        version = self._cloud.secrets.add_version(self._secret(request), payload)
        return web.json_response(self._version(version))

    async def _versions(self, request: web.Request) -> web.Response:
        versions = self._cloud.secrets.versions(self._secret(request))
        return web.json_response({"versions": [self._version(v) for v in reversed(versions)]})

    async def _access(self, request: web.Request) -> web.Response:
        secret, number = self._secret(request), request.match_info["version"]
        payload = self._cloud.secrets.access(secret, number)
        name = self._version(self._cloud.secrets.version(secret, number))["name"]
        return web.json_response({"name": name, "payload": {"data": base64.b64encode(payload).decode()}})

    async def _set_version_state(self, request: web.Request) -> web.Response:
        states = {"enable": "ENABLED", "disable": "DISABLED", "destroy": "DESTROYED"}
        verb = request.match_info["verb"]
        if verb not in states:
            raise _Problem(404, f"unknown method :{verb}")
        secret, number = self._secret(request), request.match_info["version"]
        return web.json_response(self._version(self._cloud.secrets.set_state(secret, number, states[verb])))

    def _secret(self, request: web.Request) -> str:
        self._check_project(request)
        return request.match_info["secret"]

    def _version(self, version: Version) -> dict[str, str]:
        name = f"projects/{self._cloud.project_number}/secrets/{version.secret}/versions/{version.number}"
        return {"name": name, "createTime": version.created, "state": version.state}

    # --- Cloud Scheduler ---

    async def _jobs(self, request: web.Request) -> web.Response:
        return web.json_response({"jobs": self._scheduler.status()})

    async def _job(self, request: web.Request) -> web.Response:
        return web.json_response(_described(self._named(request)))

    async def _set_job_state(self, request: web.Request) -> web.Response:
        """Pause or resume; as in the cloud, only from the other of the two states."""
        job, verb = self._named(request), request.match_info["verb"]
        if verb not in ("pause", "resume"):
            raise _Problem(404, f"unknown method :{verb}")
        if job.paused == (verb == "pause"):
            raise _Problem(400, f"{job.name} is {_described(job)['state']}")
        self._scheduler.put(job.name, {**job.inputs, "paused": verb == "pause"})
        return web.json_response(_described(job))

    async def _run_job(self, request: web.Request) -> web.Response:
        """Runs the job and waits: the answer holds the attempt, which the cloud reports in its log only."""
        name = self._named(request).name
        return web.json_response({"name": name, "attempt": await self._scheduler.run_now(name)})

    def _named(self, request: web.Request) -> Job:
        self._check_project(request)
        info = request.match_info
        name = f"projects/{self._cloud.project}/locations/{info['location']}/jobs/{info['job']}"
        job = self._scheduler.get(name)
        if job is None:
            raise _Problem(404, f"{name} not found")
        return job

    def _check_project(self, request: web.Request) -> None:
        if request.match_info["project"] not in (self._cloud.project, self._cloud.project_number):
            raise _Problem(404, f"project {request.match_info['project']} not found: this is {self._cloud.project}")


def _described(job: Job) -> dict[str, str]:
    """What Cloud Scheduler's API says of a job, as far as anybody here asks."""
    return {"name": job.name, "schedule": job.inputs["schedule"], "state": "PAUSED" if job.paused else "ENABLED"}


_USER = "user@localhost"
_CACHED = {"Cache-Control": "public, max-age=3600"}


class _Problem(Exception):  # noqa: N818 - an answer, not a fault of ours
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        raise _Problem(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise _Problem(400, "the body is not a JSON object")
    return body


@web.middleware
async def _errors_as_json(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except (_Problem, SecretError) as error:
        return _refusal(error.status, str(error))
    except OSError as error:  # a full disk: what was there before is kept
        return _refusal(503, f"the local cloud cannot store it: {error}")


def _refusal(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"code": status, "message": message}}, status=status)


def _missing_grants(
    subscriptions: dict[str, Any], jobs: list[dict[str, Any]], refused_starts: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """Every grant for want of which something was refused last: `{resource, role, member, where}`."""
    refusals = {f"subscription {name}": (stats or {}).get("last_refusal") for name, stats in subscriptions.items()}
    refusals |= {f"job {job['name']}": job["attempts"][-1] for job in jobs if job["attempts"]}
    missing = {where: (refusal or {}).get("missing") for where, refusal in refusals.items()} | refused_starts
    return [{**grant, "where": where} for where, grant in missing.items() if grant]

"""The Cloud Function's entry point: `handle(request)`."""

from __future__ import annotations

from flask import Request, Response

from workloads.pos_api.publisher import Publisher
from workloads.pos_api.service import PosApi, Simulation
from workloads.pos_api.settings import Settings
from workloads.runtime import logs
from workloads.runtime.brake import STATE_OBJECT, Brake
from workloads.runtime.credentials import CredentialStore
from workloads.runtime.google import session
from workloads.runtime.objects import ObjectFile
from workloads.runtime.settings import load


def _simulation(settings: Settings) -> Simulation | None:
    if not settings.simulator_enabled:
        return None
    # Not loaded where it is off.
    from workloads.pos_api.catalogue import Catalogue
    from workloads.pos_api.simulation import simulation

    return simulation(
        seed=settings.simulator_seed,
        timezone=settings.timezone,
        currency=settings.currency,
        catalogue=Catalogue.read(settings.simulator_catalogue),
    )


def _brake(settings: Settings) -> Brake | None:
    if not settings.guard_bucket:
        return None
    return Brake(lambda: ObjectFile(session(), settings.guard_bucket, STATE_OBJECT))


def build(settings: Settings) -> PosApi:
    """Return the service for these settings."""
    return PosApi(
        brand=settings.brand,
        currency=settings.currency,
        credentials=CredentialStore(settings.credentials_file),
        publisher=Publisher(settings.topics),
        simulation=_simulation(settings),
        brake=_brake(settings),
    )


# Settings are read when the function starts: a bad one stops the deployment, not the first sale.
_settings = load(Settings)
logs.configure(_settings.log_level)
_service = build(_settings)


def handle(request: Request) -> Response:
    """Answer one request of a till."""
    return _service(request)

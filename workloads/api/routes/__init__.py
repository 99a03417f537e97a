"""The API's routers, in the order in which paths are matched: a router a module, listed here."""

from fastapi import APIRouter

from workloads.api.routes import freshness, inventory, quality, reports, stream

# `stream` before `inventory`: its path is not a location.
ROUTERS: tuple[APIRouter, ...] = (
    stream.router,
    inventory.router,
    reports.router,
    freshness.router,
    quality.router,
)

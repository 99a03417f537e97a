"""The API's routers, in the order in which paths are matched: a router a module, listed here."""

from fastapi import APIRouter

from workloads.api.routes import (
    assortment,
    comparison,
    context,
    freshness,
    inventory,
    marts,
    overview,
    quality,
    reports,
    stream,
)

# `stream` before `inventory`: its path is not a location.
ROUTERS: tuple[APIRouter, ...] = (
    stream.router,
    overview.router,
    assortment.router,
    inventory.router,
    reports.router,
    comparison.router,
    marts.router,
    context.router,
    freshness.router,
    quality.router,
)

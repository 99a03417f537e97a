"""Pricers by type token, one module a service: each has its own in `PRICERS`. What is free, and why, is in `free.py`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules

from fastyle_policies.pricing.services.base import Pricer


def _pricers(module: str) -> tuple[Pricer, ...]:
    pricers: tuple[Pricer, ...] = getattr(import_module(f"{__name__}.{module}"), "PRICERS", ())
    return pricers


PRICERS: Mapping[str, Pricer] = {
    pricer.token: pricer
    for module in sorted(found.name for found in iter_modules(__path__))
    for pricer in _pricers(module)
}

"""Pricers by type token, one module a service: `prices` registers each. What is free, and why, is in `free.py`."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from fastyle_policies.pricing.services.base import PRICERS

__all__ = ["PRICERS"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

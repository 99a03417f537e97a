"""Pricers by type token, one module a service. What is free, and why, is in `free.py`."""

from __future__ import annotations

from collections.abc import Mapping

from policies.pricing.services import bigquery, composer, network, operations, pubsub, run, sql, storage
from policies.pricing.services.base import Pricer

PRICERS: Mapping[str, Pricer] = {
    pricer.token: pricer
    for module in (bigquery, composer, network, operations, pubsub, run, sql, storage)
    for pricer in module.PRICERS
}

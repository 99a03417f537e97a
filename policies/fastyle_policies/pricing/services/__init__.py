"""Pricers by type token, one module a service. What is free, and why, is in `free.py`."""

from __future__ import annotations

from collections.abc import Mapping

from fastyle_policies.pricing.services import (
    alloydb,
    balancers,
    bigquery,
    bigtable,
    composer,
    dataflow,
    dataproc,
    disks,
    dns,
    filestore,
    firestore,
    functions_v1,
    gke,
    groups,
    instances,
    kafka,
    kms,
    network,
    operations,
    pubsub,
    redis,
    reservations,
    run,
    run_v1,
    spanner,
    sql,
    storage,
    tunnels,
)
from fastyle_policies.pricing.services.base import Pricer

_MODULES = (
    alloydb,
    balancers,
    bigquery,
    bigtable,
    composer,
    dataflow,
    dataproc,
    disks,
    dns,
    filestore,
    firestore,
    functions_v1,
    gke,
    groups,
    instances,
    kafka,
    kms,
    network,
    operations,
    pubsub,
    redis,
    reservations,
    run,
    run_v1,
    spanner,
    sql,
    storage,
    tunnels,
)

PRICERS: Mapping[str, Pricer] = {pricer.token: pricer for module in _MODULES for pricer in module.PRICERS}

"""Every option of a plan: those of each type of resource, then those of the plan as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from fastyle_policies.model import Resource
from fastyle_policies.pricing.advice import databases, platform, serving, stores
from fastyle_policies.pricing.advice.model import Option
from fastyle_policies.pricing.services.composer import ENVIRONMENT
from fastyle_policies.pricing.services.network import ADDRESS, GLOBAL_ADDRESS
from fastyle_policies.pricing.services.operations import LOG_BUCKET
from fastyle_policies.pricing.services.plan import PricedPlan
from fastyle_policies.pricing.services.run import FUNCTION, SERVICE
from fastyle_policies.pricing.services.sql import INSTANCE
from fastyle_policies.pricing.services.storage import BUCKET
from fastyle_policies.pricing.usage import UsageFile

REQUIREMENTS = {
    "ha": "a zone's outage stops nothing",
    "nights": "databases answer at night and at weekends",
    "no-cold-start": "no request waits for an instance to start",
    "capacity": "machines stay as large as they are",
    "cheap-reads": "reading what is old costs nothing",
    "history": "data are kept as long as they are now",
    "log-history": "logs are kept as long as they are now",
    "undelete": "what was deleted can be restored",
    "cpu-always": "instances compute between requests",
    "addresses": "every reserved address stays",
    "region": "everything stays in its region",
    "airflow": "pipelines run in Airflow",
    "no-commitment": "nothing is bound for a year",
}
"""What can be asked to be kept, by name."""

Rule = Callable[[Resource, PricedPlan], Iterator[Option]]
_RULES: dict[str, Sequence[Rule]] = {
    INSTANCE: (databases.availability, databases.tier, databases.night_stop),
    SERVICE: (serving.minimum, serving.billing),
    FUNCTION: (serving.minimum,),
    BUCKET: (stores.classes, stores.expiry, stores.soft_delete),
    "gcp:bigquery/dataset:Dataset": (stores.dataset_expiry,),
    "gcp:bigquery/table:Table": (stores.table_expiry,),
    LOG_BUCKET: (platform.log_retention,),
    ENVIRONMENT: (platform.resilience, platform.instead_of_composer),
    ADDRESS: (platform.idle_address,),
    GLOBAL_ADDRESS: (platform.idle_address,),
}


def options(resources: Sequence[Resource], usage: UsageFile) -> list[Option]:
    """What could be changed, whether or not it saves anything."""
    plan = PricedPlan(resources, usage)
    return [
        option
        for resource in sorted(resources, key=lambda r: (r.type, r.name, r.urn))
        for rule in _RULES.get(resource.type, ())
        for option in rule(resource, plan)
    ]

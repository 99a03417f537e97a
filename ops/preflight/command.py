"""`fastyle preflight --stack S`: the plan, held against what Google Cloud would say to it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import yaml

from ops import engine
from ops import plan as plans
from ops.checks import Check, Checklist, unknown
from ops.errors import OperatorError
from ops.folders import REPOSITORY
from ops.preflight import policies, rights
from ops.preflight.basis import NAME as BASIS
from ops.preflight.basis import basis
from ops.preflight.existing import Existing
from ops.preflight.google_apis import Google, NoAnswer
from ops.preflight.needs import Needs, needs

ORDER = [
    "provider", "quota-project", "project", "permissions", "billing", "billing-permissions", "currency", "apis", BASIS,
    *(f"policy {constraint.name}" for constraint in policies.CONSTRAINTS),
    "buckets", "database", "federation", "peering", "composer-image", "quotas",
]  # fmt: skip
_LOG_IN = "gcloud auth application-default login, from where Google Cloud can be reached"

Work = Callable[[], "Check | list[Check] | None"]


def run(
    stack: str, *, as_json: bool = False, google: Google | None = None, plan: plans.StackPlan | None = None
) -> bool:
    """Ask everything and print what was found; True when nothing failed.

    Raises:
        OperatorError: there is no such stack, or it cannot be planned.
    """
    planned = plan or plans.plan(stack, policies=False)
    wanted = needs(planned)
    checklist = Checklist(quiet=False)
    if check := basis(planned.document.get("config") or {}, deployed(stack)):
        checklist.add(check)
    ask(google or Google(), wanted, checklist, project_number=_number(stack), owned=owned(stack))
    return checklist.show(f"Before `pulumi up --stack {stack}` in project {wanted.project}", ORDER, as_json=as_json)


def ask(
    google: Google, wanted: Needs, checklist: Checklist, *, project_number: str | None, owned: Collection[str]
) -> None:
    """Every check, eight at a time; one that cannot be asked is unknown, with its reason."""
    existing = Existing(google, wanted, owned)
    work: list[tuple[str, Work]] = [
        ("provider", rights.provider),
        ("quota-project", lambda: rights.quota_project(google, wanted)),
        ("project", lambda: rights.project(google, wanted, project_number)),
        ("permissions", lambda: rights.permissions(google, wanted)),
        ("billing", lambda: rights.billing(google, wanted)),
        ("apis", lambda: rights.apis(google, wanted)),
        ("buckets", existing.buckets),
        ("database", existing.databases),
        ("federation", existing.federation),
        ("peering", existing.peering),
        ("composer-image", existing.images),
        ("quotas", existing.quotas),
        ("people and groups", existing.people),
    ]
    if wanted.billing_account:
        work += [
            ("billing-permissions", lambda: rights.billing_permissions(google, wanted)),
            ("currency", lambda: rights.currency(google, wanted)),
        ]
    constraints = policies.CONSTRAINTS
    work += [(f"policy {c.name}", one) for c, one in zip(constraints, policies.checks(google, wanted), strict=True)]

    def do(one: tuple[str, Work]) -> None:
        name, asking = one
        try:
            checks = asking()
        except NoAnswer as error:
            checks = unknown(name, str(error), _LOG_IN)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            checks = unknown(name, f"Google's answer is not as documented ({type(error).__name__}: {error})")
        for check in checks if isinstance(checks, list) else [checks] if checks else []:
            checklist.add(check)

    with ThreadPoolExecutor(8, thread_name_prefix="preflight") as pool:
        list(pool.map(do, work))


def owned(stack: str) -> set[str]:
    """Ids of what the stack has already; none for one that is not deployed, or whose state is not to be had here."""
    from ops.verify.program import resources

    try:
        return {resource.id for resource in resources(stack)}
    except OperatorError:
        return set()


def deployed(stack: str) -> dict[str, Any]:
    """The outputs of the stack's last update; none for one that is not deployed, or whose state is not to be had here."""
    from ops.verify.program import environment

    try:
        text = engine.run(["stack", "output", "--json", "--stack", stack], environment(stack), quiet=True)
    except OperatorError:
        return {}
    return dict(json.loads(text or "{}"))


def _number(stack: str) -> str | None:
    path = REPOSITORY / f"Pulumi.{stack.rpartition('/')[2]}.yaml"
    config = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("config") or {} if path.exists() else {}
    number = config.get("fastyle:project_number")
    return str(number) if isinstance(number, str | int) else None


def main(stack: str, *, as_json: bool) -> None:
    """Exit 1 when a check failed."""
    if not run(stack, as_json=as_json):
        sys.exit(1)

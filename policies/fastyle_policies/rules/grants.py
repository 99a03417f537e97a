"""Wiring: every link of the plan has the grant it needs, and no grant is left over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import Field

from fastyle_policies import gcp
from fastyle_policies.least_privilege.blind_spots import blind_spot
from fastyle_policies.least_privilege.further import Needs
from fastyle_policies.least_privilege.given import GRANTS, PROJECT, Grant, grants, holders
from fastyle_policies.least_privilege.needed import WIDER, Need
from fastyle_policies.least_privilege.uses import Use
from fastyle_policies.links import Index
from fastyle_policies.model import UNKNOWN, Parameters, Plan, Violation, matches, rule
from fastyle_policies.rules.deployer import deployers


class Wiring(Parameters):
    uses: dict[str, Use] = Field(
        default_factory=dict,
        description="what a workload needs for an environment variable, by pattern; before `*_TOPIC` (publisher), `*_DATASET` (dataEditor) and `*_BUCKET` (objectViewer)",
    )
    expected: list[str] = Field(
        default=[],
        description="`role member` of grants made for something outside the plan, by pattern",
    )


def _fits(grant: Grant, need: Need, index: Index) -> bool:
    enough = grant.role in WIDER[need.role] or bool(need.permissions and need.permissions <= grant.permissions)
    if grant.member != need.member or not enough:
        return False
    return bool(grant.on & {PROJECT, *need.on}.union(*(holders(index, key) for key in need.on)))


@rule("critical")
def grants_missing(plan: Plan, p: Wiring) -> Iterator[Violation]:
    """Every link has the grant it needs. Without it the stack comes up and the stream stands still.

    Mend: make the grant on the named resource, to the named account, with that role.
    Unknown: ends of links that are unknown are found by the dependencies that the engine records.
    """
    index = Index(plan)
    made = list(grants(index))
    for need in Needs(index, p.uses).all():
        if need.required and not any(_fits(grant, need, index) for grant in made):
            yield Violation(f"lacks a grant. {need.sentence}", need.resource)


@rule("low", mandatory=False)
def grants_underivable(plan: Plan, p: Wiring) -> Iterator[Violation]:
    """Links can be followed before the update. One that cannot is checked only after it.

    Mend: name the resource by its explicit name instead of an output that the cloud assigns.
    Unknown: reported: this is the rule about unknown ends.
    """
    index = Index(plan)
    needs = Needs(index, p.uses)
    derived, made = list(needs.all()), list(grants(index))
    for unresolved in needs.unresolved:
        if unresolved.unless is None or not any(_fits(grant, unresolved.unless, index) for grant in made):
            yield Violation(
                f"has a link whose grant cannot be derived before the update: {unresolved.link}", unresolved.resource
            )
    for grant, served in _explained(made, derived, index, p):
        if not served and (reason := blind_spot(grant, index, needs.opaque)):
            yield Violation(f"{_words(grant, index)}, for a link that cannot be derived: {reason}", grant.resource)


def _explained(made: Iterable[Grant], needs: list[Need], index: Index, p: Wiring) -> Iterator[tuple[Grant, list[Need]]]:
    """Every grant that a link has to explain, with the needs that it serves."""
    deploying = deployers(index.plan)  # what they need of the project is another rule's matter: deployer-roles
    for grant in made:
        if grant.member in deploying and grant.on == frozenset([PROJECT]):
            continue
        if not grant.people and not matches(f"{grant.role} {_member(grant, index)}", p.expected):
            yield grant, [need for need in needs if _fits(grant, need, index)]


def _member(grant: Grant, index: Index) -> str:
    account = index.by_urn.get(grant.member)
    return str(account.get("accountId")) if account else grant.member or "an account unknown at preview"


def _words(grant: Grant, index: Index) -> str:
    return f"grants {grant.role or 'a role unknown at preview'} to {_member(grant, index)}"


@rule("low", mandatory=False)
def grants_surplus(plan: Plan, p: Wiring) -> Iterator[Violation]:
    """No grant is left over or wider than its link. What no link needs is only of use to an intruder.

    Mend: remove or narrow the grant, or name it in `expected` as `role account`.
    Unknown: a member that is unknown and not derivable counts as surplus.
    """
    index = Index(plan)
    walked = Needs(index, p.uses)
    needs = list(walked.all())
    for grant, served in _explained(grants(index), needs, index, p):
        shown = _member(grant, index)
        if not served:
            if not blind_spot(grant, index, walked.opaque):
                yield Violation(f"{_words(grant, index)}, which no link of the plan needs", grant.resource)
        elif grant.permissions:
            if unused := sorted(grant.permissions.difference(*(need.permissions for need in served))):
                yield Violation(f"grants {grant.role} to {shown}, of which it needs no {unused[0]}", grant.resource)
        elif grant.role not in (enough := sorted({need.role for need in served})):
            yield Violation(f"grants {grant.role} to {shown}, where {', '.join(enough)} would do", grant.resource)


_WHO = ("role", "member", "etag", "condition", "userByEmail", "groupByEmail", "domain", "specialGroup", "iamMember")


@rule("high")
def grant_once(plan: Plan, p: Parameters) -> Iterator[Violation]:
    """One grant is one resource. Of two, the first that is renamed or taken away takes the right from both.

    Mend: keep one of them; a component merges members that it is given as text.
    Unknown: a role, member or resource that is unknown is not compared.
    """
    index = Index(plan)
    first: dict[tuple[object, ...], Grant] = {}
    # The engine tells resources in no order of theirs: the first is that of the first name, every time.
    for grant in sorted(grants(index), key=lambda grant: grant.resource.name):
        props = grant.resource.props
        where: object = grant.on
        if grant.resource.type not in GRANTS:  # of a type that is not followed: whatever it says of where it holds
            where = (
                grant.resource.type,
                *sorted((k, v) for k, v in props.items() if k not in _WHO and isinstance(v, str)),
            )
            if UNKNOWN in props.values():
                continue
        if not grant.role or not grant.member or not where:
            continue
        other = first.setdefault((where, grant.role, grant.member.lower()), grant)
        if other is not grant:
            yield Violation(
                f"is the grant that {other.resource.name!r} makes: {grant.role} to the same member on the same resource "
                "is one entry, and whichever goes first takes it from both",
                grant.resource,
            )


class DatabaseUsers(Parameters):
    logins: dict[str, str] = Field(
        default_factory=dict,
        description="environment variable, and its value with which a workload logs in to Cloud SQL as its own account",
    )


@rule("high")
def database_user(plan: Plan, p: DatabaseUsers) -> Iterator[Violation]:
    """Who logs in to Cloud SQL as an account is a user there. The grant alone opens no session.

    Mend: add a gcp.sql.User of type CLOUD_IAM_SERVICE_ACCOUNT named by the account without .gserviceaccount.com.
    Unknown: an unknown user name or account passes at preview.
    """
    index = Index(plan)
    users = [user.get("name") for user in plan.of(gcp.SQL_USER)]
    unknown = any(name is not None and not isinstance(name, str) for name in users)
    for workload in plan.of(*gcp.WORKLOADS):
        if not any(v.name in p.logins and v.value == p.logins[v.name] for v in gcp.variables(workload)):
            continue
        email = workload.get(gcp.account_path(workload))
        if not isinstance(email, str):
            accounts = index.resolve(workload, gcp.account_path(workload), gcp.SERVICE_ACCOUNT).resources
            email = accounts[0].get("email") if accounts else None
        name = email.removesuffix(".gserviceaccount.com") if isinstance(email, str) else None
        if name is not None and not unknown and name not in users:
            yield Violation(f"logs in to Cloud SQL as {email}, and there is no database user '{name}'", workload)

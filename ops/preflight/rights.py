"""The caller, the project and the billing account: who asks, what they may, and who pays in which currency."""

from __future__ import annotations

from importlib.metadata import version

from google.oauth2.credentials import Credentials

from ops.checks import Check, failed, passed, unknown
from ops.preflight.google_apis import Answer, Google
from ops.preflight.needs import Needs
from ops.preflight.permissions import ON_BILLING_ACCOUNT, ON_PROJECT, needed, untold

_AT_ONCE = 100  # permissions that one testIamPermissions takes
MINIMUM_PROVIDER = (9, 36, 1)
"""Before it changes of a SQL instance's settings were silently ignored (pulumi-gcp's issue 3970)."""
_FIRST_APIS = ("serviceusage.googleapis.com", "cloudresourcemanager.googleapis.com")
_NAMES_AT_ONCE = 30  # services that one batchGet takes


def provider() -> Check:
    """The provider that `pulumi up` would use."""
    name, installed = "provider", version("pulumi-gcp")
    parts = tuple(int(part) for part in installed.split(".")[:3] if part.isdecimal())
    wanted = ".".join(map(str, MINIMUM_PROVIDER))
    if parts < MINIMUM_PROVIDER:
        return failed(
            name,
            f"pulumi-gcp {installed} ignores changes of a database's settings, and cannot refresh one that is stopped",
            f"use pulumi-gcp {wanted} or newer: `uv lock --upgrade-package pulumi-gcp`",
        )
    return passed(name, f"pulumi-gcp {installed}, {wanted} or newer")


def quota_project(google: Google, needs: Needs) -> Check:
    """Whom calls with a person's credentials are counted for; service accounts have a project of their own."""
    name, mend = "quota-project", f"gcloud auth application-default set-quota-project {needs.project}"
    if google.credentials is None:
        return unknown(name, google.no_credentials or "no credentials", "gcloud auth application-default login")
    if not isinstance(google.credentials, Credentials):
        return passed(name, "the credentials are a program's: its calls count for its own project")
    project = google.credentials.quota_project_id
    if not project:
        return failed(name, "a person's credentials without a quota project: some APIs refuse them", mend)
    if project != needs.project:
        return passed(name, f"calls count for project {project}, not for {needs.project}; its APIs must be on, too")
    return passed(name, f"calls count for project {project}")


def project(google: Google, needs: Needs, number: str | None) -> Check:
    """The project is there, active, and has the number that the configuration says."""
    name = "project"
    answer = google.get("cloudresourcemanager", f"v3/projects/{needs.project}")
    if answer.status in (403, 404) and not answer.disabled_api:
        detail = f"project {needs.project} does not exist, or the caller may not see it ({answer.message})"
        return failed(name, detail, "create it, correct gcp:project, or log in as somebody who may")
    if unseen := _unseen(name, answer, needs):
        return unseen
    actual = str(answer.body.get("name", "")).rpartition("/")[2]
    if answer.body.get("state") != "ACTIVE":
        state = answer.body.get("state")
        return failed(name, f"project {needs.project} is {state}", f"gcloud projects undelete {needs.project}")
    if number and actual != number:
        return failed(
            name,
            f"the number of project {needs.project} is {actual}; fastyle:project_number says {number}: grants to "
            "Google's agents would go to strangers",
            f"pulumi config set --stack {needs.stack} fastyle:project_number {actual}",
        )
    return passed(name, f"{needs.project} is active, with number {actual}")


def permissions(google: Google, needs: Needs) -> Check:
    """What the plan's types take, on the project."""
    wanted = needed(needs.counts(), ON_PROJECT)
    return _permissions(
        google, "permissions", "cloudresourcemanager", f"v3/projects/{needs.project}", wanted, needs,
        f"have roles/owner of the project for the first deployment, or the roles of fastyle:ci ({needs.project})",
    )  # fmt: skip


def billing_permissions(google: Google, needs: Needs) -> Check:
    """What the plan's types take, on the billing account."""
    wanted = needed(needs.counts(), ON_BILLING_ACCOUNT)
    account = f"v1/billingAccounts/{needs.billing_account}"
    return _permissions(
        google, "billing-permissions", "cloudbilling", account, wanted, needs,
        f"have roles/billing.costsManager on billing account {needs.billing_account}",
    )  # fmt: skip


def _permissions(google: Google, name: str, api: str, path: str, wanted: list[str], needs: Needs, mend: str) -> Check:
    held: set[str] = set()
    for start in range(0, len(wanted), _AT_ONCE):
        answer = google.test(api, path, wanted[start : start + _AT_ONCE])
        if answer.status in (403, 404) and not answer.disabled_api:
            return failed(name, f"none can be had on {path.partition('/')[2]}: {answer.message}", mend)
        if unseen := _unseen(name, answer, needs):
            return unseen
        held.update(answer.body.get("permissions", []))
    if missing := sorted(set(wanted) - held):
        more = f" and {len(missing) - 8} more" if len(missing) > 8 else ""
        return failed(name, f"{len(missing)} of {len(wanted)} are missing: {', '.join(missing[:8])}{more}", mend)
    if types := untold(needs.counts()):
        return unknown(name, f"the {len(wanted)} known ones are held; of {', '.join(types)} none are known")
    return passed(name, f"all {len(wanted)} that the plan's types take are held")


def billing(google: Google, needs: Needs) -> Check:
    """The project is billed to the account whose budget the plan makes."""
    name = "billing"
    answer = google.get("cloudbilling", f"v1/projects/{needs.project}/billingInfo")
    if unseen := _unseen(name, answer, needs, "the caller needs roles/billing.projectManager or viewer"):
        return unseen
    account = str(answer.body.get("billingAccountName", "")).rpartition("/")[2]
    mend = f"gcloud billing projects link {needs.project} --billing-account {needs.billing_account}"
    if not answer.body.get("billingEnabled"):
        return failed(name, f"project {needs.project} has no billing: nothing can be made in it", mend)
    if needs.billing_account and account != needs.billing_account:
        return failed(
            name,
            f"the project is billed to {account}, and the budget would watch {needs.billing_account}",
            f"pulumi config set --stack {needs.stack} fastyle:billing_account {account}",
        )
    return passed(name, f"the project is billed to {account}")


def currency(google: Google, needs: Needs) -> Check:
    """The budget is in the currency of its account: another one is refused."""
    name = "currency"
    answer = google.get("cloudbilling", f"v1/billingAccounts/{needs.billing_account}")
    if unseen := _unseen(name, answer, needs, "the caller needs roles/billing.viewer on the account"):
        return unseen
    actual = answer.body.get("currencyCode")
    if not actual:
        return unknown(name, "the account does not say its currency")
    if answer.body.get("open") is False:
        return failed(name, f"billing account {needs.billing_account} is closed", "choose one that is open")
    if needs.currency and actual != needs.currency:
        return failed(
            name,
            f"the billing account is in {actual} and the budget in {needs.currency}: it would be refused",
            f"pulumi config set --stack {needs.stack} --path fastyle:budget.currency {actual}",
        )
    return passed(name, f"account and budget are in {actual}")


def apis(google: Google, needs: Needs) -> Check:
    """The two APIs with which a first `pulumi up` switches on the others."""
    name = "apis"
    wanted = sorted({*_FIRST_APIS, *needs.services})
    on: set[str] = set()
    parent = f"projects/{needs.project}"
    for start in range(0, len(wanted), _NAMES_AT_ONCE):
        names = [f"{parent}/services/{service}" for service in wanted[start : start + _NAMES_AT_ONCE]]
        answer = google.get("serviceusage", f"v1/{parent}/services:batchGet", names=names)
        if unseen := _unseen(name, answer, needs, "the caller needs roles/serviceusage.serviceUsageViewer"):
            return unseen
        states = {s["name"].rpartition("/")[2]: s.get("state") for s in answer.body.get("services", [])}
        on.update(service for service, state in states.items() if state == "ENABLED")
    off = [service for service in wanted if service not in on]
    if first := [service for service in _FIRST_APIS if service in off]:
        return failed(
            name,
            f"{', '.join(first)} must be on before the first `pulumi up`",
            f"gcloud services enable {' '.join(first)} --project {needs.project}",
        )
    later = f"; `pulumi up` switches on {', '.join(off)}" if off else ""
    return passed(name, f"{len(on)} of {len(wanted)} are on{later}")


def _unseen(name: str, answer: Answer, needs: Needs, mend: str = "") -> Check | None:
    """The check `name` when its question was not answered: an API that is off, or a right that the caller lacks."""
    if answer.ok:
        return None
    if api := answer.disabled_api:
        mend = f"gcloud services enable {api} --project {needs.project}"
        return unknown(name, f"not seen: {api} is off in the project that the caller's calls count for", mend)
    return unknown(name, f"not seen: {answer.message}", mend)

"""Grants: every IAM member becomes a row that the stand-ins ask for, under the resource's full name.

Rows are a set, as IAM's are: one grant is one row, whichever types declare it, and whoever deletes it takes it away. Of
a dataset's access list a principal's role becomes a row; an authorised view or dataset is recorded.
"""

from __future__ import annotations

from fastyle_localcloud.provider.live import Live, Properties, live
from fastyle_localcloud.provider.rules.bigquery import BASIC_ROLES, entry_member
from fastyle_localcloud.provider.table import rules_by_token
from fastyle_localcloud.provider.vocabulary import fill

ACCESS_ENTRY = "gcp:bigquery/datasetAccess:DatasetAccess"


def grant_of(token: str, values: Properties) -> tuple[str, str, str] | None:
    """The row a grant stands for: on what, which role, to whom; None for an entry that is nobody's role."""
    if token == ACCESS_ENTRY:
        return _entry(values)
    on = rules_by_token()[token].grants_on
    # An argument may be a short name or a full one, of which its last part is asked for; what is named by its id alone is full.
    short = {key: value.rsplit("/", 1)[-1] if isinstance(value, str) else value for key, value in values.items()}
    resource = fill(on, values if on.startswith("{") else short)
    condition = values.get("condition") or {}
    where = f" where {condition['title']}" if condition else ""
    return str(resource), f"{values['role']}{where}", values["member"]


class _Grant(Live):
    token: str

    async def create(self, inputs: Properties) -> Properties:
        if row := grant_of(self.token, inputs):
            self.cloud.iam.grant(*row)
        return {} if self.token == ACCESS_ENTRY else {"etag": "BwX"}

    async def read(self, state: Properties) -> Properties | None:
        row = grant_of(self.token, state)
        return None if row and not self.cloud.iam.has(*row) else {}

    async def delete(self, state: Properties) -> None:
        if row := grant_of(self.token, state):
            self.cloud.iam.revoke(*row)


for _token in (ACCESS_ENTRY, *(token for token, rules in rules_by_token().items() if rules.grants_on)):
    live(_token)(type("Grant", (_Grant,), {"token": _token}))


_FULL_ROLES = {basic: full for full, basic in BASIC_ROLES.items()}


def _entry(values: Properties) -> tuple[str, str, str] | None:
    member, role = entry_member(values), values.get("role")
    if member is None or role is None:
        return None
    return f"projects/{values['project']}/datasets/{values['datasetId']}", _FULL_ROLES.get(role) or role, member


@live("gcp:serviceaccount/account:Account")
class Account(Live):
    """A service account: its own metadata server, tokens, and port of the Pub/Sub stand-in."""

    async def create(self, inputs: Properties) -> Properties:
        await self.cloud.metadata.add(inputs["email"])
        return {}

    async def read(self, state: Properties) -> Properties | None:
        return {} if self.cloud.metadata.exists(state["email"]) else None

    async def delete(self, state: Properties) -> None:
        await self.cloud.metadata.remove(state["email"])

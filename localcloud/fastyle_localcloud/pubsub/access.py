"""Who may do what here: a thin reading of `fastyle_localcloud.iam`, and the refusal that `/stats` shows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fastyle_localcloud.iam import Iam
from fastyle_localcloud.pubsub.errors import denied


@dataclass(frozen=True)
class Missing:
    """The grant whose absence refused something."""

    resource: str
    role: str
    member: str


@dataclass(frozen=True)
class Refusal:
    """Why a delivery was refused: an HTTP status or 0 when nothing answered, a reason, and the missing grant."""

    status: int
    reason: str
    missing: Missing | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Access:
    """Grants of the running stack; without a grants file everything is allowed, as for an owner."""

    def __init__(self, grants: Path | None, project_number: str) -> None:
        self._iam = Iam(grants) if grants else None
        self.agent = f"serviceAccount:service-{project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"

    def missing(self, resource: str, role: str, member: str) -> Missing | None:
        """None when `member` holds `role`, or one that contains it, on `resource`."""
        if self._iam is None or self._iam.allows(resource, role, member):
            return None
        return Missing(resource, role, member)

    def require(self, resource: str, role: str, caller: str | None) -> None:
        """PERMISSION_DENIED unless the caller (None: the project's owner) holds the role."""
        if caller is not None and self.missing(resource, role, caller):
            raise denied(caller, role, resource)

    def missing_invoker(self, url: str, member: str) -> Missing | None:
        """None when `member` may invoke what answers at `url`, or when that is nothing of the local cloud."""
        resource = self._iam.resource_at(url) if self._iam else None
        return self.missing(resource, "roles/run.invoker", member) if resource else None

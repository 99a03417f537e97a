"""Who may do what, as the stand-ins see it: the grants of the running stack in one SQLite file.

The `gcp` provider writes a row for each grant and for each invocable URL; the stand-ins ask before they
publish, deliver or invoke. Only direct grants on a resource or on its project count: no groups, no inheritance from
folders. A grant with a condition is kept under the role's name and the condition's, and opens nothing here.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS grants (resource TEXT, role TEXT, member TEXT, PRIMARY KEY (resource, role, member));
CREATE TABLE IF NOT EXISTS endpoints (url TEXT PRIMARY KEY, resource TEXT);
"""

# A role stands for the permissions the stand-ins check; a wider role of the cloud contains the narrower.
IMPLIED = {
    "roles/pubsub.viewer": {"roles/pubsub.editor", "roles/pubsub.admin"},
    "roles/pubsub.editor": {"roles/pubsub.admin"},
    "roles/pubsub.publisher": {"roles/pubsub.editor", "roles/pubsub.admin"},
    "roles/pubsub.subscriber": {"roles/pubsub.editor", "roles/pubsub.admin"},
    "roles/bigquery.dataEditor": {"roles/bigquery.dataOwner", "roles/bigquery.admin"},
    "roles/storage.objectCreator": {"roles/storage.objectUser", "roles/storage.objectAdmin", "roles/storage.admin"},
    "roles/storage.legacyBucketReader": {"roles/storage.legacyBucketWriter", "roles/storage.admin"},
    "roles/run.invoker": {"roles/run.admin"},
    "roles/secretmanager.secretAccessor": {"roles/secretmanager.admin"},
    "roles/cloudsql.client": {"roles/cloudsql.editor", "roles/cloudsql.admin"},
}


_CASE_COUNTS = ("principal:", "principalSet:")  # paths; whatever else names a principal is an e-mail or a domain


def canonical_member(member: str) -> str:
    """A member as IAM compares it: e-mail addresses and domains without regard to case."""
    kind, colon, address = member.partition(":")
    return member if member.startswith(_CASE_COUNTS) else f"{kind}{colon}{address.lower()}"


class Iam:
    """Grants by full resource name, such as `projects/p/topics/t` or `projects/p/datasets/d/tables/t`.

    Every process opens its own connection; SQLite's WAL mode lets them read while the provider writes. Answers come
    from memory, read again whenever the file has changed: a push asks for each message.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA busy_timeout=5000")
        self._db.executescript(_SCHEMA)
        self._version = -1
        self._roles: dict[tuple[str, str], set[str]] = {}  # (resource, member) -> roles
        self._endpoints: dict[str, str] = {}

    def grant(self, resource: str, role: str, member: str) -> None:
        """Add a member to a role: one entry, however often and in whatever case it is added."""
        self._write("INSERT OR IGNORE INTO grants VALUES (?, ?, ?)", (resource, role, canonical_member(member)))

    def revoke(self, resource: str, role: str, member: str) -> None:
        """Take a member from a role, whoever added it."""
        row = (resource, role, canonical_member(member))
        self._write("DELETE FROM grants WHERE (resource, role, member) = (?, ?, ?)", row)

    def has(self, resource: str, role: str, member: str) -> bool:
        """Whether that very grant is made, and no wider one."""
        row = (resource, role, canonical_member(member))
        grant = self._db.execute("SELECT 1 FROM grants WHERE (resource, role, member) = (?, ?, ?)", row)
        return grant.fetchone() is not None

    def grants(self) -> list[tuple[str, str, str]]:
        return self._db.execute("SELECT resource, role, member FROM grants ORDER BY 1, 2, 3").fetchall()

    def allows(self, resource: str, role: str, member: str) -> bool:
        """True when `member` (or everyone) has `role`, or one that contains it, on `resource` or on what holds it."""
        roles = {role, *IMPLIED.get(role, ()), "roles/owner", "roles/editor"}
        self._refresh()
        return any(
            roles & self._roles.get((place, who), set())
            for place in (resource, *_parents(resource))
            for who in (member, "allUsers")
        )

    def register_endpoint(self, url: str, resource: str) -> None:
        """Say which resource answers at `url` (scheme, host and port)."""
        self._write("INSERT OR REPLACE INTO endpoints VALUES (?, ?)", (url.rstrip("/"), resource))

    def forget_endpoint(self, resource: str) -> None:
        self._write("DELETE FROM endpoints WHERE resource = ?", (resource,))

    def resource_at(self, url: str) -> str | None:
        """The resource behind `url`, whatever its path; None for an address outside the local cloud."""
        self._refresh()
        return self._endpoints.get("/".join(url.split("/", 3)[:3]))

    def _write(self, statement: str, values: tuple[str, ...]) -> None:
        self._db.execute(statement, values)
        self._version = -1  # SQLite's own number counts other connections' changes only

    def _refresh(self) -> None:
        version: int = self._db.execute("PRAGMA data_version").fetchone()[0]
        if version == self._version:
            return
        self._roles = {}
        for resource, role, member in self._db.execute("SELECT resource, role, member FROM grants"):
            self._roles.setdefault((resource, member), set()).add(role)
        self._endpoints = dict(self._db.execute("SELECT url, resource FROM endpoints"))
        self._version = version


def _parents(resource: str) -> list[str]:
    """`projects/p/datasets/d/tables/t` -> `projects/p/datasets/d`, `projects/p`; a bucket has none."""
    segments = resource.split("/")
    return ["/".join(segments[:n]) for n in range(len(segments) - 2, 0, -2)]

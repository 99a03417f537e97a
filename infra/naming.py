"""Physical names: one place that forms them, and checks what no preview checks."""

from __future__ import annotations

import re

from infra.config import ConfigError

# What each name may be: https://cloud.google.com/storage/docs/buckets#naming and the APIs' own references.
_RULES = {
    "bucket": re.compile(r"(?!goog)(?!.*google)[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]"),
    "service": re.compile(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?"),
    "function": re.compile(r"[a-z][a-z0-9-]{2,61}[a-z0-9]"),
    "service account": re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]"),
    "topic": re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}"),
    "secret": re.compile(r"[A-Za-z0-9_-]{1,255}"),
}


class Names:
    """The names of one project's resources."""

    def __init__(self, project: str) -> None:
        self.project = project

    def bucket(self, purpose: str) -> str:
        """Bucket names are global: the project's id makes them ours."""
        return _legal("bucket", f"{self.project}-{purpose}", "gcp:project")

    def service(self, workload: str) -> str:
        return _legal("service", workload.replace("_", "-"), "workload")

    def function(self, workload: str) -> str:
        return _legal("function", workload.replace("_", "-"), "workload")

    def account(self, workload: str) -> str:
        name = workload.replace("_", "-")
        # `api` alone is too short for an account.
        return _legal("service account", name if len(name) >= 6 else f"fastyle-{name}", "workload")

    def topic(self, topic: str) -> str:
        """Full name, known before the topic is."""
        return f"projects/{self.project}/topics/{_legal('topic', topic, 'stream')}"

    def dead_letter_topic(self, topic: str) -> str:
        return self.topic(f"{topic}-dead-letter")

    def secret(self, key: str) -> str:
        return _legal("secret", key.replace("_", "-"), "secret")

    def audience(self, workload: str) -> str:
        """What identity tokens for a service are made out to: its own URL is known only after its creation."""
        return f"https://{self.service(workload)}.{self.project}.internal"


def _legal(kind: str, name: str, origin: str) -> str:
    if not _RULES[kind].fullmatch(name):
        raise ConfigError(f"{origin}: gives {kind} {name!r}; Google Cloud would refuse it; use a shorter, plainer one")
    return name

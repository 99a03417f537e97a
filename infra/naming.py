"""Physical names of a stack's resources: formed here alone, and checked for what no preview checks.

A stack with `fastyle:name_prefix` has every name begin with the prefix and its separator, so that several stacks share
a project. A prefix is one word and none that a name begins with already (`infra.codes.FIRST_WORDS`): hence no name of
one stack is a name of another.
"""

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
    "subscription": re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}"),
    "secret": re.compile(r"[A-Za-z0-9_-]{1,255}"),
    "dataset": re.compile(r"[A-Za-z0-9_]{1,1024}"),
    "network": re.compile(r"[a-z]([a-z0-9-]{0,40}[a-z0-9])?"),  # a region follows it in the subnet's
    "database instance": re.compile(r"[a-z]([a-z0-9-]{0,66}[a-z0-9])?"),
    "scheduler job": re.compile(r"[A-Za-z0-9_-]{1,500}"),
    "Composer environment": re.compile(r"[a-z]([a-z0-9-]{0,62}[a-z0-9])?"),
    "custom role": re.compile(r"[A-Za-z0-9_.]{3,64}"),
    "repository": re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"),
    "identity pool": re.compile(r"(?!gcp-)[a-z0-9-]{4,32}"),
    "log metric": re.compile(r"[A-Za-z0-9_.,+!*',()%/-]{1,100}"),
    "monitored service": re.compile(r"[a-z0-9-]{1,63}"),
    "budget": re.compile(r".{1,60}"),
}


class Names:
    """The names of one stack's resources."""

    def __init__(self, project: str, brand: str, prefix: str | None = None) -> None:
        self.project, self.prefix, self.brand = project, prefix, brand

    def bucket(self, purpose: str) -> str:
        """Bucket names are global: the project's id makes them ours."""
        return self._checked(
            "bucket", f"{self.project}-{self._led(purpose)}", f"{self.project}-{purpose}", "gcp:project"
        )

    def service(self, workload: str) -> str:
        return self._of("service", workload.replace("_", "-"), "workload")

    def function(self, workload: str) -> str:
        return self._of("function", workload.replace("_", "-"), "workload")

    def account(self, workload: str) -> str:
        name = workload.replace("_", "-")
        # `api` alone is too short for an account.
        return self._of("service account", name if len(name) >= 6 else f"fastyle-{name}", "workload")

    def topic_id(self, topic: str) -> str:
        """A topic's own name, and its schema's."""
        return self._of("topic", topic, "stream")

    def topic(self, topic: str) -> str:
        """Full name, known before the topic is."""
        return f"projects/{self.project}/topics/{self.topic_id(topic)}"

    def dead_letter_topic(self, topic: str) -> str:
        return self.topic(f"{topic}-dead-letter")

    def subscription(self, topic: str, consumer: str) -> str:
        """A subscription's own name, as `EventStream` forms it of its topic's."""
        return self._of("subscription", f"{topic}-to-{consumer}", "stream")

    def dead_letter_subscription(self, topic: str) -> str:
        return self._of("subscription", f"{topic}-dead-letter-hold", "stream")

    def secret(self, key: str) -> str:
        return self._of("secret", key.replace("_", "-"), "secret")

    def dataset(self, key: str) -> str:
        return self._of("dataset", key, "dataset", "_")

    def network(self) -> str:
        return self._of("network", "fastyle", "network")

    def database_instance(self) -> str:
        return self._of("database instance", "fastyle", "database")

    def database(self) -> str:
        """A database's name is the instance's own matter: it needs no prefix."""
        return "fastyle"

    def database_job(self, what: str) -> str:
        """The job that starts or stops the database, as `OperationalDatabase` forms it of its instance's name."""
        return self._of("scheduler job", f"fastyle-{what}", "database")

    def job(self, purpose: str) -> str:
        return self._of("scheduler job", purpose, "schedule")

    def composer_environment(self) -> str:
        return self._of("Composer environment", "fastyle", "composer")

    def custom_role(self, role: str) -> str:
        return self._of("custom role", role, "role", "_")

    def repository(self, purpose: str) -> str:
        return self._of("repository", purpose, "repository")

    def identity_pool(self) -> str:
        return self._of("identity pool", "github", "ci")

    def log_metric(self, metric: str) -> str:
        return self._of("log metric", metric, "metric")

    def monitored_service(self) -> str:
        """What the objectives belong to."""
        return self._of("monitored service", "monitoring", "monitoring")

    def budget(self, environment: str) -> str:
        shown = f"{self.brand} {environment}"
        prefixed = shown if self.prefix is None else f"{self.brand} {self.prefix} {environment}"
        return self._checked("budget", prefixed, shown, "fastyle:brand with fastyle:environment")

    @property
    def title_prefix(self) -> str:
        """What titles that people read begin with: alerts, channels, the dashboard."""
        return f"{self.brand}: " if self.prefix is None else f"{self.brand} ({self.prefix}): "

    def audience(self, workload: str) -> str:
        """What identity tokens for a service are made out to: its own URL is known only after its creation."""
        return f"https://{self.service(workload)}.{self.project}.internal"

    def _led(self, name: str, separator: str = "-") -> str:
        return name if self.prefix is None else f"{self.prefix}{separator}{name}"

    def _of(self, kind: str, name: str, origin: str, separator: str = "-") -> str:
        return self._checked(kind, self._led(name, separator), name, origin)

    def _checked(self, kind: str, name: str, without_prefix: str, origin: str) -> str:
        rule = _RULES[kind]
        if rule.fullmatch(name):
            return name
        if self.prefix is not None and rule.fullmatch(without_prefix):
            origin = f"fastyle:name_prefix {self.prefix!r}"
        raise ConfigError(f"{origin}: gives {kind} {name!r}; Google Cloud would refuse it; use a shorter, plainer one")

"""Service accounts, grants on projects and accounts, project services, federation, Identity-Aware Proxy."""

from collections.abc import Iterator

from fastyle_localcloud.provider.constraints import Problem
from fastyle_localcloud.provider.wire import Properties


def subject(inputs: Properties) -> Iterator[Problem]:
    mapping = inputs.get("attributeMapping")
    if not isinstance(mapping, dict) or "google.subject" not in mapping:
        yield Problem("attributeMapping", "needs google.subject")
    if not inputs.get("attributeCondition"):
        yield Problem("attributeCondition", "is not given: every token of the issuer would be let in")

"""Grants that components make, judged by the policy pack's rules: an entry is written in the form that a rule reads."""

from __future__ import annotations

import pytest
from fastyle_policies import gcp as gcp_types
from fastyle_policies.model import Resource
from fastyle_policies.rules.exposure import PublicGrants, no_public_grant

from component_resources.test_grants import granted


@pytest.mark.parametrize("member", ["allUsers", "allAuthenticatedUsers", "principalSet://goog/public:all"])
def test_a_dataset_opened_to_everyone_is_seen_by_the_policy(member: str) -> None:
    (entry,) = granted(member, as_output=True)
    resource = Resource(gcp_types.DATASET_ACCESS, "w-raw-who", entry)
    assert list(no_public_grant(resource, PublicGrants())) == ["shares a dataset's tables with everyone"]

"""Physical names and labels are legal, whatever the project is called."""

from __future__ import annotations

import re
from string import ascii_lowercase, digits

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.config import ConfigError, load_config
from infra.labels import labels
from infra.naming import Names
from ops.stacks import stack_names
from tests.support.configuration import as_the_engine_gives_it, changed, configuration

# [a-z][a-z0-9-]{4,28}[a-z0-9], drawn in a fifth of the time that an expression takes
PROJECTS = st.tuples(
    st.sampled_from(ascii_lowercase),
    st.text(f"{ascii_lowercase}{digits}-", min_size=4, max_size=28),
    st.sampled_from(ascii_lowercase + digits),
).map("".join)


@given(PROJECTS)
@settings(max_examples=200, deadline=None)
def test_bucket_names_are_legal_or_refused(project: str) -> None:
    """https://cloud.google.com/storage/docs/buckets#naming"""
    if project.startswith("goog") or "google" in project:
        with pytest.raises(ConfigError, match="gcp:project"):
            Names(project, "Fastyle").bucket("raw-lake")
    else:
        assert re.fullmatch(r"[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]", Names(project, "Fastyle").bucket("raw-lake"))


@pytest.mark.parametrize("project", ["google-shop", "goog-shop", "my-google-shop"])
def test_names_that_are_google_s_own_are_refused(project: str) -> None:
    with pytest.raises(ConfigError, match="Google Cloud would refuse it"):
        Names(project, "Fastyle").bucket("raw-lake")


@pytest.mark.parametrize("workload", ["pos_api", "inventory_sync", "api", "pipeline", "budget_guard"])
def test_account_ids_have_the_length_that_iam_takes(workload: str) -> None:
    """`api` is refused by IAM, which takes 6 to 30 characters: seen when the account was first created."""
    assert re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", Names("p-12345", "Fastyle").account(workload))


def test_full_topic_names_are_known_before_the_topics() -> None:
    names = Names("shop-1", "Fastyle")
    assert names.topic("sales") == "projects/shop-1/topics/sales"
    assert names.dead_letter_topic("sales") == "projects/shop-1/topics/sales-dead-letter"
    with pytest.raises(ConfigError, match="plainer"):
        names.topic("goog-sales")


def test_labels_are_on_everything_and_ours_win() -> None:
    config = load_config(changed("dev", "labels", {"team": "data", "environment": "lies"}))
    assert labels(config, "lake") == {
        "team": "data",
        "application": "fastyle",
        "environment": "dev",
        "component": "lake",
        "managed-by": "pulumi",
    }


@pytest.mark.parametrize(
    ("brand", "label"), [("Fastyle", "fastyle"), ("Lüders & Söhne", "luders-sohne"), ("H. M. 77", "h-m-77")]
)
def test_a_business_s_name_is_a_label_as_the_cloud_takes_one(brand: str, label: str) -> None:
    assert labels(load_config(changed("dev", "brand", brand)), "lake")["application"] == label


@pytest.mark.parametrize("label", [{"Team": "data"}, {"team": "Data"}, {"team": "x" * 64}, {"t" * 64: "x"}, {"2": "x"}])
def test_a_label_that_the_cloud_refuses_is_refused_here(label: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"fastyle:labels"):
        load_config(changed("dev", "labels", label))


def test_no_two_stacks_want_the_same_names() -> None:
    configs = [load_config(as_the_engine_gives_it(configuration(stack))) for stack in stack_names()]
    named = [(config.project, config.name_prefix) for config in configs]
    assert len(set(named)) == len(named)

"""What a stack exports: operators' commands, workflows and other stacks read these names."""

from __future__ import annotations

import pytest

from component_resources.recorder import PROJECT
from tests.support.configuration import configuration
from tests.support.program import composed
from workloads.events import STREAMS

OUTPUTS = {
    "region": "us-central1",
    "brand": "Fastyle",
    "catalogue": "catalogue",
    "timezone": "America/New_York",
    "currency": "USD",
    "topics": {key: f"projects/{PROJECT}/topics/{stream.topic}" for key, stream in STREAMS.items()},
    "dead_letter_topics": {
        key: f"projects/{PROJECT}/topics/{stream.topic}-dead-letter" for key, stream in STREAMS.items()
    },
    "datasets": {"raw": "raw", "staging": "staging", "marts": "marts"},
    "pos_api_url": "https://pos-api.functions.net",
    "api_url": "https://api.run.app",
    "api_iap": False,
    "pipeline_url": "https://pipeline.run.app",
    "database": {
        "connection_name": f"{PROJECT}:us-central1:db",
        "host": "10.1.0.3",
        "port": 5432,
        "name": "fastyle",
    },
}


@pytest.mark.parametrize(
    ("stack", "orchestrator", "api_credentials"),
    [("local", "scheduler", "api-credentials"), ("dev", "scheduler", None), ("prod", "composer", None)],
)
def test_the_outputs_are_those(stack: str, orchestrator: str, api_credentials: str | None) -> None:
    project = configuration(stack)["gcp:project"]
    assert composed(stack).exports == {
        **OUTPUTS,
        "project": project,
        "bucket": f"{project}-raw-lake",
        "archive_bucket": f"{project}-workloads",
        "orchestrator": orchestrator,
        "api_iap": "people" in configuration(stack).get("fastyle:access", {}),
        "secrets": {"pos_credentials": "pos-credentials", "api_credentials": api_credentials},
    }

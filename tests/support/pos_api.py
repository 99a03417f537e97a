"""The POS API in tests: its credentials and variables, and the function loaded as Google's framework loads it."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import functions_framework
import pytest
from flask import Flask
from flask.testing import FlaskClient

from workloads.events import STREAMS

TOPICS = {key: f"projects/p/topics/{stream.topic}" for key, stream in STREAMS.items()}
ENTRY = "from workloads.pos_api.main import handle as handle\n"


def credentials(**tokens: list[str]) -> str:
    return json.dumps(
        {
            "credentials": [
                {"id": token, "sha256": hashlib.sha256(token.encode()).hexdigest(), "locations": locations}
                for token, locations in tokens.items()
            ]
        }
    )


@contextmanager
def logging_kept() -> Iterator[None]:
    """The function configures the process's logs; other tests keep theirs."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def environment_in(folder: Path, port: int, topics: Mapping[str, str] = TOPICS) -> dict[str, str]:
    """The function's variables, for a Pub/Sub at `port`; what they name and the function's source are written into `folder`."""
    (folder / "credentials.json").write_text(credentials(all=["*"], till=["S01"]))
    (folder / "main.py").write_text(ENTRY)
    return {
        "GOOGLE_CLOUD_PROJECT": "p",
        "TIMEZONE": "America/New_York",
        "CURRENCY": "USD",
        "BRAND": "Fastyle",
        **{f"{key.upper()}_TOPIC": topic for key, topic in topics.items()},
        "CREDENTIALS_FILE": str(folder / "credentials.json"),
        "SIMULATOR_ENABLED": "true",
        "SIMULATOR_SEED": "7",
        "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{port}",
    }


def start(environment: Mapping[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    sys.modules.pop("workloads.pos_api.main", None)  # it reads its settings when it is loaded
    app: Flask = functions_framework.create_app("handle", str(folder / "main.py"))  # type: ignore[no-untyped-call]
    return app.test_client()

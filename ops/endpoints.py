"""Where a stack's services are: `.localcloud/endpoints.json` for stack `local`, the stack's outputs for another."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ops import stacks
from ops.errors import OperatorError
from ops.folders import LOCAL as LOCAL
from ops.folders import REPOSITORY as REPOSITORY
from ops.folders import STATE_DIR as STATE_DIR
from workloads.pos_api.catalogue import SAMPLE


@dataclass(frozen=True)
class Endpoints:
    """Addresses and names of one stack. The local-only ones are empty for a stack in the cloud."""

    project: str
    pos_api: str  # base URL
    api: str
    pipeline: str
    timezone: str
    currency: str
    topics: dict[str, str]  # sales, inventory -> full names
    dead_letter_topics: dict[str, str]
    datasets: dict[str, str]
    bucket: str
    secrets: dict[str, str]  # pos_credentials, api_credentials -> ids
    catalogue: str = SAMPLE  # the sample catalogue that is traded
    archive_bucket: str = ""
    api_iap: bool = False  # Identity-Aware Proxy stands in front of the API
    stack: str = LOCAL
    pubsub: str = ""  # host:port, for PUBSUB_EMULATOR_HOST
    pubsub_control: str = ""  # base URL of the stand-in's control server
    storage: str = ""
    bigquery: str = ""
    postgres: str = ""  # DSN of the superuser
    control: str = ""  # base URL of the local cloud's control server
    api_token: str = field(default="", repr=False)

    def write(self, path: Path) -> None:
        """Write as JSON, readable by the owner alone: it holds a token and a password."""
        partial = path.with_suffix(".partial")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            json.dump(asdict(self), f, indent=1)
        partial.rename(path)


def load_endpoints(stack: str) -> Endpoints:
    """The endpoints of a stack that is up.

    Raises:
        OperatorError: the stack is not up, or its outputs cannot be read.
    """
    return _local() if stack == LOCAL else from_outputs(stack, stacks.outputs(stack))


def _local() -> Endpoints:
    path = STATE_DIR / "endpoints.json"
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        return Endpoints(**{f.name: table[f.name] for f in fields(Endpoints) if f.name in table})
    except FileNotFoundError:
        raise OperatorError("stack local is not up on this machine; run `make up`") from None
    except (json.JSONDecodeError, TypeError) as e:
        raise OperatorError(f"{path} cannot be read ({e}); run `make up` to write it again") from None


def from_outputs(stack: str, outputs: dict[str, Any], **more: str) -> Endpoints:
    """Endpoints from the program's outputs (docs/internals.md, "The program") and what the caller adds."""
    try:
        return Endpoints(
            stack=stack,
            project=outputs["project"],
            pos_api=outputs["pos_api_url"],
            api=outputs["api_url"],
            pipeline=outputs["pipeline_url"] or "",
            timezone=outputs["timezone"],
            currency=outputs["currency"],
            topics=outputs["topics"],
            dead_letter_topics=outputs["dead_letter_topics"],
            datasets=outputs["datasets"],
            bucket=outputs["bucket"],
            secrets=outputs["secrets"],
            # Absent from stacks that were made before there was one, like the next.
            catalogue=outputs.get("catalogue", SAMPLE),
            archive_bucket=outputs.get("archive_bucket", ""),
            api_iap=bool(outputs.get("api_iap")),
            **more,
        )
    except KeyError as e:
        raise OperatorError(
            f"stack {stack} has no output {e.args[0]!r}; run `pulumi up --stack {stack}` first"
        ) from None

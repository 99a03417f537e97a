"""Revisions of the events' schemas, counted in a real broker before its limit is reached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.pubsub_v1.types import Schema

from cloud_pubsub.standin import PROJECT, PubSub
from ops import schema_revisions
from ops.endpoints import Endpoints
from ops.errors import OperatorError

pytestmark = pytest.mark.local
OPERATOR = "operator@p.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def pubsub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PubSub]:
    server = PubSub(tmp_path_factory.mktemp("pubsub"))
    yield server
    server.stop()


def definition(revision: int) -> str:
    return f'{{"type": "record", "name": "Sale", "doc": "{revision}", "fields": [{{"name": "id", "type": "string"}}]}}'


def endpoints(**more: Any) -> Endpoints:
    empty: dict[str, Any] = {
        **dict.fromkeys(("project", "pos_api", "api", "pipeline", "timezone", "currency", "bucket"), ""),
        **{key: {} for key in ("dead_letter_topics", "datasets", "secrets")},
    }
    return Endpoints(**{**empty, **more})


def test_the_fifteenth_revision_is_warned_of_and_the_fourteenth_is_not(pubsub: PubSub) -> None:
    name = f"{PROJECT}/schemas/sales"
    kind = Schema.Type.AVRO
    pubsub.schemas.create_schema(parent=PROJECT, schema_id="sales", schema=Schema(type_=kind, definition=definition(1)))
    with_schema = pubsub.topic("sales", schema_settings={"schema": name, "encoding": 1})
    plain = pubsub.topic("plain")
    stack = endpoints(topics={"sales": with_schema, "plain": plain}, pubsub=f"127.0.0.1:{pubsub.port}")

    def commit(first: int, last: int) -> None:
        for revision in range(first, last + 1):
            body = Schema(name=name, type_=kind, definition=definition(revision))
            pubsub.schemas.commit_schema(name=name, schema=body)

    commit(2, 14)
    assert schema_revisions.revisions(stack) == {name: 14}
    assert schema_revisions.warnings({name: 14}) == []
    commit(15, 20)
    counts = schema_revisions.revisions(stack)
    assert counts == {name: 20}
    (warning,) = schema_revisions.warnings(counts)
    assert warning.startswith("schema sales has 20 of 20 revisions; delete old ones before the next change")
    assert "has 15 of 20" in schema_revisions.warnings({name: 15})[0]


def test_a_refused_look_is_one_sentence(pubsub: PubSub) -> None:
    topic = pubsub.topic("private")
    port = pubsub.identity(OPERATOR)  # without a role on anything
    stack = endpoints(topics={"gone": f"{topic}-gone"}, pubsub=f"127.0.0.1:{port}")
    with pytest.raises(OperatorError, match=r"^the revisions of the events' schemas cannot be counted: "):
        schema_revisions.revisions(stack)

"""How many revisions each event's schema has: Pub/Sub keeps 20, and an update that would make one more fails.

The limit: https://cloud.google.com/pubsub/quotas#resource_limits. Old revisions go by hand only, hence a warning in time.
"""

from __future__ import annotations

from collections.abc import Mapping

import grpc
from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError
from google.pubsub_v1 import PublisherClient, SchemaServiceClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport
from google.pubsub_v1.types import ListSchemaRevisionsRequest, SchemaView

from ops.endpoints import Endpoints
from ops.errors import OperatorError

LIMIT = 20
WARN_FROM = 15
_TIMEOUT = 10.0  # seconds a call


def revisions(endpoints: Endpoints) -> dict[str, int]:
    """Revisions by the schema's full name, of every topic that has one.

    Raises:
        OperatorError: there are no credentials, no right to look, or no answer.
    """
    try:
        publisher, schemas = _clients(endpoints)
        names = {
            publisher.get_topic(topic=t, timeout=_TIMEOUT).schema_settings.schema for t in endpoints.topics.values()
        }
        return {name: _count(schemas, name) for name in sorted(names) if name not in ("", "_deleted-schema_")}
    except (GoogleAPICallError, GoogleAuthError) as error:
        reason = getattr(error, "message", None) or str(error)
        raise OperatorError(f"the revisions of the events' schemas cannot be counted: {reason}") from None


def warnings(counts: Mapping[str, int]) -> list[str]:
    """A sentence for each schema that is near the limit."""
    return [
        f"schema {name.rpartition('/')[2]} has {count} of {LIMIT} revisions; "
        "delete old ones before the next change of the event (docs/operations/changes.md)"
        for name, count in counts.items()
        if count >= WARN_FROM
    ]


def _count(schemas: SchemaServiceClient, name: str) -> int:
    request = ListSchemaRevisionsRequest(name=name, view=SchemaView.BASIC, page_size=LIMIT)
    return sum(1 for _ in schemas.list_schema_revisions(request=request, timeout=_TIMEOUT))


def _clients(endpoints: Endpoints) -> tuple[PublisherClient, SchemaServiceClient]:
    """Pub/Sub as the operator, or its stand-in of stack local."""
    if not endpoints.pubsub:
        return PublisherClient(), SchemaServiceClient()
    channel = grpc.insecure_channel(endpoints.pubsub)
    return (
        PublisherClient(transport=PublisherGrpcTransport(channel=channel)),
        SchemaServiceClient(transport=SchemaServiceGrpcTransport(channel=channel)),
    )

"""The event contract: a folder a stream, and everything that is derived from them.

One source, `streams/<key>/`, gives the Pub/Sub topics with their schemas, the BigQuery raw tables, the POS API's paths,
validation at the edge, the wire encoding and docs/events.md. Depends on the standard library alone, so that the
infrastructure program and every workload can import it.
"""

from workloads.events.codec import DecodeError, decode, encode
from workloads.events.schema import STREAMS, bigquery_fields, consumed_by, pubsub_definition
from workloads.events.stream import Stream
from workloads.events.validation import Violation, validate

__all__ = [
    "STREAMS",
    "DecodeError",
    "Stream",
    "Violation",
    "bigquery_fields",
    "consumed_by",
    "decode",
    "encode",
    "pubsub_definition",
    "validate",
]

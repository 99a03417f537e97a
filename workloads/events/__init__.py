"""The event contract: Avro schemas, and everything that is derived from them.

One source, `schemas/*.avsc`, gives the Pub/Sub topic schemas, the BigQuery raw tables, validation at the
edge, the wire encoding and docs/events.md. Depends on the standard library alone, so that the
infrastructure program and every workload can import it.
"""

from workloads.events.codec import DecodeError, decode, encode
from workloads.events.schema import METADATA_FIELDS, STREAMS, Stream, bigquery_fields, pubsub_definition
from workloads.events.validation import Violation, validate

__all__ = [
    "METADATA_FIELDS",
    "STREAMS",
    "DecodeError",
    "Stream",
    "Violation",
    "bigquery_fields",
    "decode",
    "encode",
    "pubsub_definition",
    "validate",
]

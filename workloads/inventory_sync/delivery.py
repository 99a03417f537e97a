"""A push delivery: from the HTTP body to an event, or to the reason why it will never be one."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from workloads.events import STREAMS, DecodeError, decode, validate
from workloads.events.validation import CLOCKS_DIFFER
from workloads.events.verification import is_verification

_EARLIEST_YEAR, _LATEST_YEAR = 2000, 9000  # times of publication are computed with


class NotADelivery(ValueError):  # noqa: N818  (a verdict on the request, not a fault of the service)
    """The request is not what Pub/Sub sends; says what is missing."""


class Poison(ValueError):  # noqa: N818
    """The message will never be an event of the stream, however often it is delivered; says why."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as pushed: its data, its attributes, and where it came from."""

    data: bytes
    attributes: dict[str, str]
    message_id: str
    ordering_key: str
    publish_time: datetime
    subscription: str


@dataclass(frozen=True, slots=True)
class Event:
    """An accepted event, ready to be recorded; `body` is its canonical JSON."""

    stream: str
    event_id: UUID
    event_time: datetime
    publish_time: datetime
    fields: dict[str, Any]
    body: str

    @property
    def body_sha256(self) -> bytes:
        """What tells a repetition of the event from another event under its id."""
        return hashlib.sha256(self.body.encode()).digest()

    @property
    def is_verification(self) -> bool:
        """Whether it is `fastyle verify`'s own, which no figure counts."""
        return is_verification(self.fields)


def unwrap(body: bytes) -> Delivery:
    """Read the wrapped form of a push request.

    Raises:
        NotADelivery: the body is something else.
    """
    try:
        envelope = orjson.loads(body)
        message = envelope["message"]
        return Delivery(
            data=base64.b64decode(message.get("data", ""), validate=True),
            attributes={str(k): str(v) for k, v in (message.get("attributes") or {}).items()},
            message_id=str(message["messageId"]),
            ordering_key=str(message.get("orderingKey", "")),
            publish_time=_time(message["publishTime"]),
            subscription=str(envelope["subscription"]),
        )
    except orjson.JSONDecodeError:
        raise NotADelivery("the body is not JSON") from None
    except binascii.Error:
        raise NotADelivery("message.data is not base64") from None
    except KeyError as error:
        raise NotADelivery(f"the body lacks {error}") from None
    except (TypeError, ValueError, AttributeError):
        raise NotADelivery("the body is not a wrapped Pub/Sub message") from None


def event_of(stream: str, delivery: Delivery, *, currency: str) -> Event:
    """Decode a delivery of a stream and check it against the contract.

    The time window is that of the message's publication: a message redelivered later is judged the same.

    Raises:
        Poison: it is of another stream, undecodable, or against the contract; names the fields.
    """
    said = delivery.attributes.get("stream", stream)
    if said != stream:
        raise Poison(f"unknown stream {said[:64]!a}: this subscription takes {stream}")
    try:
        decoded = decode(STREAMS[stream], delivery.data)
    except DecodeError as error:
        raise Poison(str(error)) from None
    checked = validate(STREAMS[stream], decoded, currency=currency, now=delivery.publish_time + CLOCKS_DIFFER)
    if isinstance(checked, list):
        raise Poison("; ".join(f"{v.field}: {v.error}" for v in checked[:5]))
    return Event(
        stream=stream,
        event_id=UUID(checked["event_id"]),
        event_time=datetime.fromisoformat(checked["event_time"]),
        publish_time=delivery.publish_time,
        fields=checked,
        body=json.dumps(_said(checked), sort_keys=True, ensure_ascii=False, separators=(",", ":")),
    )


def _said(value: Any) -> Any:
    """`value` without its nulls: an event sent again after the schema grew is the same event."""
    if isinstance(value, dict):
        return {key: _said(inner) for key, inner in value.items() if inner is not None}
    return [_said(inner) for inner in value] if isinstance(value, list) else value


def _time(value: str) -> datetime:
    """RFC 3339 with up to nine fraction digits; digits beyond microseconds are cut."""
    parsed = datetime.fromisoformat(value)
    if not _EARLIEST_YEAR <= parsed.year <= _LATEST_YEAR:
        raise ValueError("no time of publication")
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)

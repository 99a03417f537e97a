"""Publishing events to Pub/Sub, within the time a till waits for its answer."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import grpc
from google.api_core import exceptions, retry
from google.auth.exceptions import GoogleAuthError
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.types import PublishRequest, PubsubMessage

from workloads.events import STREAMS, encode

log = logging.getLogger(__name__)

Json = dict[str, Any]
Event = tuple[str, Json]  # stream key, valid event

# A till gets its answer within ten seconds: attempts of at most 3 s are started for 5 s.
ATTEMPT_SECONDS = 3.0
RETRY_SECONDS = 5.0
ANSWER_SECONDS = 9.0
# While Pub/Sub does not answer at all, one request a second finds out whether it does again; the others are refused at
# once instead of keeping every thread, and the requests behind them waiting for minutes.
PROBE_SECONDS = 1.0
# Pub/Sub takes at most 1,000 messages and 10 MB a request; the rest of the 10 MB is for the envelope.
MAX_MESSAGES = 1000
MAX_BYTES = 9_000_000
_MESSAGE_OVERHEAD = 512  # bytes of attributes, ordering key and framing, rounded up

_RETRIED = (
    exceptions.Aborted,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.ResourceExhausted,
    exceptions.ServiceUnavailable,
    exceptions.Unknown,
)
_CHANNEL_OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    # gRPC's own back-off grows to two minutes: too long for tills after Pub/Sub is back.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]


class PublishError(Exception):
    """Pub/Sub did not acknowledge every event: none of the request's events may be called accepted."""


class Outage:
    """Whether Pub/Sub answered last time; shared by the requests of one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._next_probe: float | None = None  # None: it answers

    def check(self) -> None:
        """Let the request pass if Pub/Sub answers, or if it is time to try.

        Raises:
            PublishError: it did not answer within the last second.
        """
        with self._lock:
            if self._next_probe is None:
                return
            if self._clock() < self._next_probe:
                raise PublishError("Pub/Sub does not answer")
            self._next_probe = self._clock() + PROBE_SECONDS

    def answered(self) -> None:
        """Note that Pub/Sub answered, be it with a refusal."""
        if self._next_probe is not None:
            with self._lock:
                self._next_probe = None

    def silent(self) -> None:
        """Note that no attempt was answered in time."""
        with self._lock:
            self._next_probe = self._clock() + PROBE_SECONDS


class Publisher:
    """Publishes events and returns when Pub/Sub has them.

    A request to Pub/Sub carries one ordering key (the location), so that a till's array is one request and
    an array over many locations is sent concurrently. The client connects at first use, because the server
    forks its workers after this module is loaded.
    """

    def __init__(self, topics: Mapping[str, str]) -> None:
        """Take the full topic name of each stream key."""
        self._topics = dict(topics)
        self._lock = threading.Lock()
        self._client: PublisherClient | None = None
        self._outage = Outage()
        self._pool = ThreadPoolExecutor(max_workers=32, thread_name_prefix="publish")
        self._retry = retry.Retry(
            predicate=retry.if_exception_type(*_RETRIED),
            initial=0.1,
            maximum=1.0,
            multiplier=2.0,
            timeout=RETRY_SECONDS,
        )

    def publish(self, events: Iterable[Event]) -> None:
        """Publish events and wait until every one is acknowledged.

        Raises:
            PublishError: at least one was not, in time; others of them may have been published.
        """
        self._outage.check()
        requests = list(self._requests(events))
        if len(requests) == 1:
            self._send(requests[0])
            return
        futures = [self._pool.submit(self._send, request) for request in requests]
        done, late = wait(futures, timeout=ANSWER_SECONDS)
        for future in late:
            future.cancel()
        if late:
            self._outage.silent()
            raise PublishError(f"{len(late)} of {len(futures)} requests to Pub/Sub did not end in {ANSWER_SECONDS:g} s")
        for future in done:
            future.result()

    def _requests(self, events: Iterable[Event]) -> Iterator[PublishRequest]:
        groups: dict[tuple[str, str], list[Any]] = defaultdict(list)
        sizes: dict[tuple[str, str], int] = defaultdict(int)
        message_type = PubsubMessage.pb()  # the raw protobuf class: proto-plus costs 10 times as much a message
        for stream, event in events:
            data = encode(STREAMS[stream], event)
            key = (stream, event["location_id"])
            size = len(data) + _MESSAGE_OVERHEAD
            if len(groups[key]) == MAX_MESSAGES or sizes[key] + size > MAX_BYTES:
                yield self._request(stream, groups.pop(key))
                sizes.pop(key)
            groups[key].append(
                message_type(
                    data=data,
                    attributes={"event_id": event["event_id"], "stream": stream},
                    ordering_key=event["location_id"],
                )
            )
            sizes[key] += size
        for (stream, _), messages in groups.items():
            yield self._request(stream, messages)

    def _request(self, stream: str, messages: list[Any]) -> PublishRequest:
        raw = PublishRequest.pb()(topic=self._topics[stream], messages=messages)
        request: PublishRequest = PublishRequest.wrap(raw)
        return request

    def _send(self, request: PublishRequest) -> None:
        try:
            self._connected().publish(request=request, retry=self._retry, timeout=ATTEMPT_SECONDS)
            self._outage.answered()
        except (exceptions.GoogleAPIError, GoogleAuthError, grpc.RpcError) as error:
            if isinstance(error, exceptions.RetryError):
                self._outage.silent()
            else:
                self._outage.answered()
            log.error(
                "Pub/Sub does not take events: %s%s",
                _reason(error),
                self._mend(error, request.topic),
                extra={"topic": request.topic, "messages": len(request.messages)},
            )
            raise PublishError(_reason(error)) from None

    def _mend(self, error: Exception, topic: str) -> str:
        if isinstance(error, exceptions.PermissionDenied):
            return f"; grant roles/pubsub.publisher on {topic} to this function's service account"
        if isinstance(error, exceptions.NotFound):
            variables = (f"{stream.upper()}_TOPIC" for stream, name in self._topics.items() if name == topic)
            return f"; create {topic}, or correct {' or '.join(variables)}"
        if isinstance(error, exceptions.InvalidArgument):
            return f"; bring the schema of {topic} to this version of workloads/events"
        if isinstance(error, GoogleAuthError):
            return "; run this function as a service account, or set GOOGLE_APPLICATION_CREDENTIALS to a readable file"
        return ""

    def _connected(self) -> PublisherClient:
        with self._lock:
            if self._client is None:
                self._client = PublisherClient(transport=PublisherGrpcTransport(channel=_channel()))
            return self._client


def _channel() -> grpc.Channel:
    emulator = os.environ.get("PUBSUB_EMULATOR_HOST")
    if emulator:
        return grpc.insecure_channel(emulator, options=_CHANNEL_OPTIONS)
    return PublisherGrpcTransport.create_channel(options=_CHANNEL_OPTIONS)


def _reason(error: Exception) -> str:
    """The failure's class and message; of a retry that ran out, its last cause."""
    cause = error.cause if isinstance(error, exceptions.RetryError) and error.cause else error
    return f"{type(cause).__name__}: {str(cause)[:500]}"

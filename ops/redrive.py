"""`fastyle redrive`: dead letters go back onto their topic once what killed them is mended, or are only listed.

A letter is acknowledged after its message was accepted again, so that an end at any point loses nothing; what is sent
twice for it counts once. Only letters that were there at the beginning are sent: what dies again stays.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import grpc
from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import PubsubMessage, ReceivedMessage

from ops.endpoints import Endpoints
from ops.errors import OperatorError
from ops.terminal import console, progress

_PULL = 500  # letters
_LEASE_SECONDS = 600  # Pub/Sub's longest
_REQUEST_BYTES = 9_000_000  # of the 10 MB that a publish request may have
_LETTER_OVERHEAD = 2048  # bytes of attributes and framing, rounded up

_OURS = ("error", "source_subscription", "source_message_id", "ordering_key")
_RESERVED = "goog"  # how attributes begin that Pub/Sub adds to a message and takes from nobody
_PUBSUBS = "CloudPubSubDeadLetterSource"  # how the attributes begin that Pub/Sub's own dead-lettering adds


@dataclass(frozen=True)
class Silence:
    """What means that no letters are left: so many pulls one after the other, each of so many seconds, without one."""

    pulls: int
    seconds: float


_OF_PUBSUB = Silence(pulls=3, seconds=4.0)
"""An empty answer alone does not mean that there are no more: each pull asks some of Pub/Sub's servers."""
_OF_STAND_IN = Silence(pulls=1, seconds=2.0)
"""One process, which answers with what it has."""


@dataclass
class Reason:
    """Letters that died of one error: how many, and the oldest of them."""

    error: str
    letters: int = 0
    oldest: datetime | None = None
    event_id: str = ""  # the oldest one's, where its attributes tell


@dataclass
class RedriveReport:
    """What became of the letters, by the reason of their death."""

    topic: str
    dry_run: bool
    letters: int = 0  # that were there at the beginning
    redriven: int = 0
    reasons: dict[str, Reason] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)  # by the topic: why, and how many; they stay
    newer: int = 0  # that came meanwhile; they stay

    def count(self, letter: PubsubMessage) -> None:
        self.letters += 1
        error = reason(letter.attributes)
        entry = self.reasons.setdefault(error, Reason(error))
        entry.letters += 1
        if entry.oldest is None or published(letter) < entry.oldest:
            entry.oldest, entry.event_id = published(letter), letter.attributes.get("event_id", "")

    def as_json(self) -> dict[str, Any]:
        reasons = sorted(self.reasons.values(), key=lambda entry: -entry.letters)
        return {
            **vars(self),
            "reasons": [{**vars(entry), "oldest": str(entry.oldest)} for entry in reasons],
            "refused": [{"error": error, "letters": n} for error, n in self.refused.most_common()],
        }


def published(message: PubsubMessage) -> datetime:
    """When Pub/Sub took it: the wrapper gives a datetime, whatever its annotation says."""
    return cast(datetime, message.publish_time)


Advance = Callable[[int], None]  # told how many letters are done


def redrive(
    publisher: PublisherClient,
    subscriber: SubscriberClient,
    subscription: str,
    topic: str,
    *,
    dry_run: bool = False,
    silence: Silence = _OF_PUBSUB,
    advance: Advance = lambda letters: None,
) -> RedriveReport:
    """Send the letters that `subscription` holds to `topic` again; names are full ones. `dry_run` only lists them.

    Raises:
        OperatorError: Pub/Sub refuses or cannot be reached; what was sent is sent, the rest stays.
    """
    report = RedriveReport(topic, dry_run)
    leased = set[str]()  # ack ids of what stays: given back at the end, so that no pull meets it again before
    try:
        for letters in _letters(subscriber, subscription, silence, report, leased):
            for letter in letters:
                report.count(letter.message)
            for group in () if dry_run else _groups(letters):
                _send(publisher, subscriber, subscription, group, report, leased)
            advance(report.letters)
    except (exceptions.GoogleAPIError, GoogleAuthError) as error:
        raise OperatorError(_words(error, subscription, topic, report)) from None
    finally:
        with suppress(exceptions.GoogleAPIError, GoogleAuthError):  # they come back by themselves, later
            for some in _slices(sorted(leased)):
                subscriber.modify_ack_deadline(subscription=subscription, ack_ids=some, ack_deadline_seconds=0)
    return report


def reason(attributes: Mapping[str, str]) -> str:
    """Why a letter died, as its publisher said it; of Pub/Sub's own what it says about it."""
    if error := attributes.get("error"):
        return error
    source = attributes.get(f"{_PUBSUBS}Subscription")
    if source is None:
        return "does not say"
    attempts = attributes.get(f"{_PUBSUBS}DeliveryCount", "?")
    said = attributes.get(f"{_PUBSUBS}DeliveryErrorMessage")
    return f"{source} gave up after {attempts} attempts{f': {said}' if said else ''}"


def original(letter: PubsubMessage) -> PubsubMessage:
    """The message as it was before it died."""
    attributes = {
        name: value
        for name, value in letter.attributes.items()
        if name not in _OURS and not name.startswith((_PUBSUBS, _RESERVED))
    }
    key = letter.attributes.get("ordering_key") or letter.ordering_key
    return PubsubMessage(data=letter.data, attributes=attributes, ordering_key=key)


def _letters(
    subscriber: SubscriberClient, subscription: str, silence: Silence, report: RedriveReport, leased: set[str]
) -> Iterator[list[ReceivedMessage]]:
    """Pull what was there at the beginning; what is younger, or was seen already, is left where it is."""
    began, seen, silent = datetime.now(UTC), set[str](), 0
    while silent < silence.pulls:
        try:
            answer = subscriber.pull(subscription=subscription, max_messages=_PULL, timeout=silence.seconds)
        except exceptions.DeadlineExceeded:
            silent += 1
            continue
        if not answer.received_messages:
            silent += 1
            continue
        received = list(answer.received_messages)
        leased.update(letter.ack_id for letter in received)
        subscriber.modify_ack_deadline(
            subscription=subscription,
            ack_ids=[letter.ack_id for letter in received],
            ack_deadline_seconds=_LEASE_SECONDS,
        )
        unseen = [letter for letter in received if letter.message.message_id not in seen]
        seen.update(letter.message.message_id for letter in unseen)
        letters = [letter for letter in unseen if published(letter.message) < began]
        report.newer += len(unseen) - len(letters)
        silent = 0 if unseen else silent + 1
        if letters:
            yield letters


def _groups(letters: Sequence[ReceivedMessage]) -> Iterator[list[ReceivedMessage]]:
    """What one publish request may carry: one ordering key, and so many bytes."""
    by_key: defaultdict[str, list[ReceivedMessage]] = defaultdict(list)
    sizes: Counter[str] = Counter()
    for letter in letters:
        key = original(letter.message).ordering_key
        size = len(letter.message.data) + _LETTER_OVERHEAD
        if by_key[key] and sizes[key] + size > _REQUEST_BYTES:
            yield by_key.pop(key)
            sizes[key] = 0
        by_key[key].append(letter)
        sizes[key] += size
    yield from by_key.values()


def _send(
    publisher: PublisherClient,
    subscriber: SubscriberClient,
    subscription: str,
    letters: list[ReceivedMessage],
    report: RedriveReport,
    leased: set[str],
) -> None:
    """Publish, then acknowledge. Of a request that the topic refuses for what is in it, halves are tried."""
    try:
        publisher.publish(topic=report.topic, messages=[original(letter.message) for letter in letters])
    except exceptions.InvalidArgument as error:
        if len(letters) == 1:
            report.refused[error.message or "invalid"] += 1
            return
        middle = len(letters) // 2
        for half in (letters[:middle], letters[middle:]):
            _send(publisher, subscriber, subscription, half, report, leased)
        return
    done = [letter.ack_id for letter in letters]
    subscriber.acknowledge(subscription=subscription, ack_ids=done)
    leased.difference_update(done)
    report.redriven += len(letters)


def _slices(ack_ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ack_ids), _PULL):
        yield ack_ids[start : start + _PULL]


def _words(error: Exception, subscription: str, topic: str, report: RedriveReport) -> str:
    done = (
        f"{report.redriven} of them are sent, the others stay; run it again" if report.redriven else "nothing is sent"
    )
    if isinstance(error, exceptions.PermissionDenied):
        return (
            f"Pub/Sub refuses: {error.message}; redrive needs roles/pubsub.subscriber on {subscription} and "
            f"roles/pubsub.publisher on {topic}, which fastyle:access.operators gives; {done}"
        )
    if isinstance(error, exceptions.NotFound):
        return f"{error.message}; `pulumi up` restores it; {done}"
    if isinstance(error, GoogleAuthError):
        return f"no Google credentials here ({error}); run `gcloud auth application-default login`"
    return f"Pub/Sub: {str(error)[:300]}; {done}"


def run_redrive(endpoints: Endpoints, name: str, *, dry_run: bool, as_json: bool) -> None:
    """Redrive a topic of a stack and print what became of its letters.

    Raises:
        OperatorError: no such topic, Pub/Sub refuses, or letters stay because the topic does not take them.
    """
    subscription, topic = source(endpoints, name)
    publisher, subscriber = clients(endpoints)
    with progress("looking for dead letters") as show:
        report = redrive(
            publisher,
            subscriber,
            subscription,
            topic,
            dry_run=dry_run,
            silence=_OF_STAND_IN if endpoints.pubsub else _OF_PUBSUB,
            advance=lambda letters: show(f"{letters:,} dead letters"),
        )
    if as_json:
        console.print_json(data=report.as_json())
    else:
        for entry in sorted(report.reasons.values(), key=lambda entry: -entry.letters):
            event = f", event {entry.event_id}" if entry.event_id else ""
            console.print(
                f"{entry.letters:,} since {entry.oldest:%Y-%m-%d %H:%M:%S}Z{event}: {entry.error}", markup=False
            )
        done = f"{report.letters:,} would be sent" if dry_run else f"{report.redriven:,} of {report.letters:,} sent"
        console.print(f"dead letters of {short_of(topic)}: {done}")
        if report.newer:
            console.print(f"{report.newer:,} came meanwhile and stay; see why with --dry-run")
    if report.refused:
        error, letters = report.refused.most_common(1)[0]
        raise OperatorError(
            f"{report.refused.total()} letters stay: {short_of(topic)} does not take {letters}: {error}"
        )


def short_of(topic: str) -> str:
    return topic.rpartition("/")[2]


def source(endpoints: Endpoints, name: str) -> tuple[str, str]:
    """The subscription that holds the letters of a stream, and its topic, from either topic's short or full name.

    Raises:
        OperatorError: the stack has no such topic.
    """
    for key, topic in endpoints.topics.items():
        dead = endpoints.dead_letter_topics[key]
        if name in (key, topic, dead, short_of(topic), short_of(dead)):
            return f"{dead.replace('/topics/', '/subscriptions/')}-hold", topic
    topics = ", ".join(short_of(topic) for topic in endpoints.topics.values())
    raise OperatorError(f"no topic {name!r}; its dead letters can be had of {topics}")


def clients(endpoints: Endpoints) -> tuple[PublisherClient, SubscriberClient]:
    """Pub/Sub as the operator, or its stand-in of stack local.

    Raises:
        OperatorError: there are no credentials.
    """
    try:
        if endpoints.pubsub:
            channel = grpc.insecure_channel(endpoints.pubsub, options=_CHANNEL_OPTIONS)
            return (
                PublisherClient(transport=PublisherGrpcTransport(channel=channel)),
                SubscriberClient(transport=SubscriberGrpcTransport(channel=channel)),
            )
        return PublisherClient(), SubscriberClient()
    except GoogleAuthError as error:
        raise OperatorError(
            f"no Google credentials here ({error}); run `gcloud auth application-default login`"
        ) from None


_CHANNEL_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]

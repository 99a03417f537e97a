"""Dead letters: the way of a delivery that failed too often into its subscription's dead-letter topic."""

from __future__ import annotations

from collections.abc import Mapping

from fastyle_localcloud.pubsub import messages
from fastyle_localcloud.pubsub.access import Access, Missing, Refusal
from fastyle_localcloud.pubsub.backlog import Backlog
from fastyle_localcloud.pubsub.delivery import Delivery
from fastyle_localcloud.pubsub.journal import Journal
from fastyle_localcloud.pubsub.topic import MAX_VALUE_BYTES, Topic


class DeadLetters:
    """Moves deliveries between the topics of a broker."""

    def __init__(self, journal: Journal, access: Access, topics: Mapping[str, Topic]) -> None:
        self._journal = journal
        self._access = access
        self._topics = topics

    def move(self, backlog: Backlog, delivery: Delivery, reason: str) -> bool:
        """Move a delivery to its dead-letter topic; False leaves it in the backlog, with the refusal noted.

        The new message and the acknowledgement of the old one share one commit: a kill loses or doubles neither, and
        when it cannot be stored the delivery comes back.
        """
        name = backlog.config.dead_letter_policy.dead_letter_topic
        topic = self._topics.get(name)
        missing = self._missing(backlog.config.name, name)
        body = delivery.body or self._journal.body(delivery.id)
        if topic is None or missing or body is None:
            text = f"cannot dead-letter to {name}: " + ("it does not exist" if topic is None else "a grant is missing")
            backlog.last_refusal = Refusal(404 if topic is None else 403, text, missing)
            return False
        original = messages.PubsubMessage.FromString(body)
        letter = messages.PubsubMessage(
            data=original.data, attributes=original.attributes, ordering_key=original.ordering_key
        )
        project, source = backlog.config.name.split("/")[1::2]
        letter.attributes.update(
            {
                "CloudPubSubDeadLetterSourceDeliveryCount": str(delivery.failures),
                "CloudPubSubDeadLetterSourceSubscription": source,
                "CloudPubSubDeadLetterSourceSubscriptionProject": project,
                "CloudPubSubDeadLetterSourceTopicPublishTime": original.publish_time.ToJsonString(),
                "CloudPubSubDeadLetterSourceDeliveryErrorMessage": reason[:MAX_VALUE_BYTES],
            }
        )
        backlog.settle_with(delivery, topic.append([letter]))
        return True

    def _missing(self, subscription: str, topic: str) -> Missing | None:
        """The grant that Pub/Sub's agent lacks for it."""
        access, agent = self._access, self._access.agent
        return access.missing(topic, "roles/pubsub.publisher", agent) or access.missing(
            subscription, "roles/pubsub.subscriber", agent
        )

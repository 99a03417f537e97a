"""Webhooks of shop systems: what a system sends of its own accord, as events of the contract.

A system is a function in `WEBHOOKS`, served at `POST /v1/webhooks/<name>` with the credential of its location, as tills have
one; there is none yet. A sender that signs its requests instead of carrying a credential cannot be told apart here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from workloads.pos_api.body import BodyError

FOLDER = "/v1/webhooks/"

Event = tuple[str, dict[str, Any]]
Webhook = Callable[[Any], Iterable[Event]]
"""From the request's JSON to events, each with its stream. They are checked as a till's are; what the function cannot read it
refuses by a ValueError, KeyError or TypeError. An event_id must follow from what is sent: systems send it again."""

WEBHOOKS: dict[str, Webhook] = {}
"""By the last part of the path."""


def webhook_of(path: str) -> str | None:
    """The name of the webhook that a path is of, None where there is none."""
    name = path.removeprefix(FOLDER)
    return name if name != path and name in WEBHOOKS else None


def events_of(name: str, body: Any) -> list[Event]:
    """The events of what a webhook was sent.

    Raises:
        BodyError: 400 where the system's function cannot read it.
    """
    try:
        return list(WEBHOOKS[name](body))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise BodyError(400, f"is not what {name} sends: {type(error).__name__}: {error}") from None

"""Why the provider says no: one sentence that a user can act on."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818 - read as a sentence: raise Refused("…")
    """What Google Cloud, or this stand-in for it, does not do; the message names what, where and how to mend it."""


class AlreadyExists(Refused):
    """Another resource of this kind has the name already."""

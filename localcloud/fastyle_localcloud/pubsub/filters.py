"""Subscription filters: the language of the `filter` field over a message's attributes.

Grammar (API guide "Filter messages from a subscription"): `attributes:key`, `attributes.key = "v"`, `!=`,
`hasPrefix(attributes.key, "v")`, joined by AND or OR (mixed only in parentheses), negated by NOT or `-`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from fastyle_localcloud.pubsub.errors import invalid

Predicate = Callable[[Mapping[str, str]], bool]

_TOKEN = re.compile(
    r'\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<word>[A-Za-z_][\w-]*)|(?P<sign>!=|[().,:=-])|(?P<wrong>\S))'
)


def parse(text: str) -> Predicate:
    """The predicate that `text` states; INVALID_ARGUMENT with the place when it is not a filter."""
    parser = _Parser(text)
    predicate = parser.expression()
    parser.expect_end()
    return predicate


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [(m.lastgroup or "", m[m.lastgroup or 0], m.start()) for m in _TOKEN.finditer(text)]
        self._at = 0

    def expression(self) -> Predicate:
        terms = [self._term()]
        joiner = self._peek()
        if joiner not in ("AND", "OR"):
            return terms[0]
        while self._take(joiner):
            terms.append(self._term())
        if self._peek() in ("AND", "OR"):
            raise self._error("put AND and OR of one level into parentheses")
        if joiner == "AND":
            return lambda attributes: all(term(attributes) for term in terms)
        return lambda attributes: any(term(attributes) for term in terms)

    def expect_end(self) -> None:
        if self._at < len(self._tokens):
            raise self._error("expected AND, OR or the end")

    def _term(self) -> Predicate:
        if self._take("NOT") or self._take("-"):
            inner = self._term()
            return lambda attributes: not inner(attributes)
        if self._take("("):
            inner = self.expression()
            self._need(")")
            return inner
        if self._take("hasPrefix"):
            self._need("(")
            self._need("attributes")
            self._need(".")
            key = self._name()
            self._need(",")
            prefix = self._name()
            self._need(")")
            return lambda attributes: attributes.get(key, "").startswith(prefix) and key in attributes
        self._need("attributes")
        if self._take(":"):
            key = self._name()
            return lambda attributes: key in attributes
        self._need(".")
        key = self._name()
        if self._take("!="):
            unwanted = self._name()
            return lambda attributes: attributes.get(key) != unwanted
        self._need("=")
        wanted = self._name()
        return lambda attributes: attributes.get(key) == wanted

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _take(self, token: str) -> bool:
        if self._peek() != token:
            return False
        self._at += 1
        return True

    def _need(self, token: str) -> None:
        if not self._take(token):
            raise self._error(f"expected {token!r}")

    def _name(self) -> str:
        """A quoted string, or a bare attribute key."""
        if self._at >= len(self._tokens):
            raise self._error("expected a key or a quoted string")
        kind, token, _ = self._tokens[self._at]
        if kind not in ("string", "word"):
            raise self._error("expected a key or a quoted string")
        self._at += 1
        return re.sub(r"\\(.)", r"\1", token[1:-1]) if kind == "string" else token

    def _error(self, reason: str) -> Exception:
        place = self._tokens[self._at][2] if self._at < len(self._tokens) else len(self._text)
        return invalid(f"Invalid filter at character {place + 1} of {self._text!r}: {reason}.")

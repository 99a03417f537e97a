"""Requests that nobody in their right mind sends, drawn from an OpenAPI document, and answers held against it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from jsonschema import Draft202012Validator

Json = dict[str, Any]
App = Callable[..., Awaitable[None]]

# Percent-encoded: some are no UTF-8.
_HOSTILE = [
    *("", "%00", "a%00b", "%ED%A0%80", "%FF", "%F0%9F%9B%8D", "%E2%80%AE", "%0A", "%20", ".", "..", "a%2Fb", "%252F"),
    *("0", "-1", "1e400", "NaN", "Infinity", "null", "[]", "{}", "%27%3B--", "%D9%A3", "9" * 400, "1_0", "1.0"),
    *("2026-W05-1", "20260131", "2026-02-30", "0001-01-01", "9999-12-31", "0000-00-00", "1969-12-31", "2026-01-31"),
    *("2026-01-31T00:00:00Z", "2026-01-31T00:00:00", "0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00"),
]


def _token(*key: Any) -> str:
    raw = json.dumps(key, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


_SECONDS: tuple[Any, ...] = ("b", "\ud800", "\0", 1, None, [])
_TOKENS = [
    *(_token(date) for date in ("2026-W05-1", "0001-01-01", "9999-12-31", "20260131", "-infinity", "\ud800", "\0")),
    *(_token("a", second) for second in _SECONDS),
    *(_token(rank, "a", "b") for rank in ("1", "NaN", "Infinity", "1e400", "9" * 30, "9" * 31, "-0.0", "\ud800")),
    *(_token(date, *"abcd"[:n]) for date in ("2026-01-31", "0001-01-01", "\ud800") for n in range(1, 5)),
    *(_token(number) for number in ("1", "-1", "999999999", "9999999999", "\u0663", "")),
    base64.urlsafe_b64encode(b"[" * 1400).decode(),
    "%C3%A9",
    "=",
]

_CHARACTERS = [chr(c) for c in (*range(0x20, 0x7F), 0, 9, 0xE9, 0x0660, 0x202E, 0x4E00, 0xD800, 0xFFFE, 0x1F6CD)]
_HOSTILE_JSON: list[Any] = [
    *(None, True, False, 0, -1, 2**31, 10**20, 0.5, 1e300, float("nan"), float("inf"), [], {}, [[]], {"a": {}}),
    *("", "\0", "a\0b", "\ud800", "0", "-1", "NaN", "\u202e", "\U0001f6cd", "x" * 129, "9" * 5000, "\u0663", "1_0"),
    *("2026-W05-1", "20260131", "2026-02-30", "0001-01-01", "9999-12-31", "2026-01-31", "2026-01-31T00:00:00"),
    *("2026-01-31T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+14:00"),
    *("9999-12-31T23:59:59-14:00", "2026-01-31T24:00:00Z", "2026-01-31T00:00:00+25:00", "2026-06-30T23:59:60Z"),
]


def text(rng: Random, most: int = 12) -> str:
    """Any text; also what JSON may hold and UTF-8 may not."""
    return "".join(rng.choices(_CHARACTERS, k=rng.randint(0, most)))


def hostile(rng: Random) -> Any:
    """Any JSON."""
    kind = rng.random()
    if kind < 0.6:
        return rng.choice(_HOSTILE_JSON)
    if kind < 0.8:
        return text(rng)
    if kind < 0.9:
        return [hostile(rng) for _ in range(rng.randint(0, 3))]
    return {text(rng, 6): hostile(rng) for _ in range(rng.randint(0, 3))}


@dataclass(frozen=True)
class Asked:
    """A request to one operation: `path` as it is sent, `template` as the document names it."""

    method: str
    template: str
    path: str


def encoded(value: str) -> str:
    return quote(value, safe="", errors="surrogatepass")


def request_of(document: Json, rng: Random) -> Asked:
    """A request to a GET operation of the document: arguments from their schemas, near them, and far from them."""
    template, operation = rng.choice([(path, o["get"]) for path, o in document["paths"].items() if "get" in o])
    path, pairs = template, []
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            path = path.replace("{" + parameter["name"] + "}", _value(parameter, rng) or "x")
        elif parameter.get("required") or rng.random() < 0.3:
            pairs.append((parameter["name"], _value(parameter, rng)))
    if rng.random() < 0.03:
        pairs.append((encoded(text(rng)), encoded(text(rng))))
    return Asked("GET", template, path + ("?" + "&".join(f"{n}={v}" for n, v in pairs) if pairs else ""))


def _value(parameter: Json, rng: Random) -> str:
    """A value as it is sent, percent-encoded. Most are good, or no request would get further than the first check."""
    name, schema = parameter["name"], parameter["schema"]
    good = [str(example) for example in (schema.get("examples") or parameter.get("examples") or [])]
    if "example" in parameter:
        good.append(str(parameter["example"]))
    for branch in schema.get("anyOf", [schema]):
        good += [str(value) for value in branch.get("enum", [])]
        if branch.get("type") == "integer":
            good += [str(branch.get("minimum", 0)), str(branch.get("maximum", 7)), "3"]
        if branch.get("format") == "date":
            good += ["2026-01-31", "2026-03-01", "2025-12-31", "2000-01-01", "1900-01-01", "9000-12-31"]
    if name == "by":
        good += ["", "channel", "category,channel", "location_id,customer_type"]
    if good and rng.random() < 0.7:
        return encoded(rng.choice(good))
    if name == "page_token" and rng.random() < 0.8:
        return rng.choice(_TOKENS)
    return rng.choice(_HOSTILE) if rng.random() < 0.8 else encoded(text(rng))


class Answers:
    """Holds answers against a document: the status is one of the operation's, the body of the status's schema."""

    def __init__(self, document: Json, else_: Iterable[int] = ()) -> None:
        self._document = document
        self._else = set(else_)
        self._validators: dict[tuple[str, str, int], Draft202012Validator | None] = {}

    def check(self, asked: Asked, status: int, headers: Mapping[str, str], body: bytes) -> None:
        where = f"{asked.method} {asked.path}: {status} {body[:300]!r}"
        assert status < 500, where
        assert headers["x-content-type-options"] == "nosniff", where
        if status in self._else:
            return
        validator = self._validator(asked, status, where)
        if validator is None:
            assert not body, where
            return
        fault = next(validator.iter_errors(json.loads(body)), None)
        assert fault is None, f"{where}: {fault.json_path}: {fault.message}"

    def _validator(self, asked: Asked, status: int, where: str) -> Draft202012Validator | None:
        key = (asked.method, asked.template, status)
        if key not in self._validators:
            responses = self._document["paths"][asked.template][asked.method.lower()]["responses"]
            assert str(status) in responses, f"{where}: the description promises only {sorted(responses)}"
            content = responses[str(status)].get("content", {}).get("application/json")
            schema = content and {**content["schema"], "components": self._document["components"]}
            self._validators[key] = Draft202012Validator(schema) if schema else None
        return self._validators[key]


async def ask(
    app: App, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> tuple[int, dict[str, str], bytes]:
    """One request to an ASGI application, as a server would hand it over. The target is sent as it is."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    sent: list[Json] = []
    over = asyncio.Event()

    async def receive() -> Json:
        nonlocal body
        if body is None:
            await over.wait()
            return {"type": "http.disconnect"}
        message, body = {"type": "http.request", "body": body, "more_body": False}, None  # type: ignore[assignment]
        return message

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    over.set()
    start = sent[0]
    named = {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]}
    return start["status"], named, b"".join(message.get("body", b"") for message in sent[1:])


def mutated(good: Sequence[Json], rng: Random) -> Any:
    """A document with one value replaced, taken away or added, anywhere in it; now and then as it is, or any JSON."""
    document = rng.choice(good)
    kind = rng.random()
    if kind < 0.1:
        return document
    if kind < 0.25:
        return hostile(rng)
    for _ in range(rng.choice((1, 1, 1, 2))):
        if places := list(_places(document)):
            document = _changed(document, rng.choice(places), hostile(rng), rng.choice(("set", "set", "drop", "add")))
    return document


def _places(node: Any, path: tuple[Any, ...] = ()) -> Iterable[tuple[Any, ...]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from _places(value, (*path, key))


def _changed(node: Any, path: tuple[Any, ...], value: Any, what: str) -> Any:
    copy = node.copy()
    key = path[0]
    if len(path) > 1:
        copy[key] = _changed(node[key], path[1:], value, what)
    elif what == "set":
        copy[key] = value
    elif what == "drop":
        del copy[key]
    elif isinstance(copy, dict):
        copy[f"{key}x"] = value
    else:
        copy.append(value)
    return copy

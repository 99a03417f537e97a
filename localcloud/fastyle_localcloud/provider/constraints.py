"""Constraints on the arguments of a resource, which the rules name: a value's form, a number's range, what goes together.

A check is a function from a resource's inputs to problems; the constructors below make the common ones. They skip
what is absent or unknown: absence is for `required`-like checks, and what a preview cannot know cannot be judged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from fastyle_localcloud.provider.wire import UNKNOWN, Path, Properties, dotted, walk


class Problem(NamedTuple):
    """One thing wrong: where, and a sentence that says how it should be."""

    path: str
    reason: str


Check = Callable[[Properties], Iterator[Problem]]

# --- one value ---


def check(path: str, good: Callable[[Any], bool], words: str) -> Check:
    """Every known value at `path` must satisfy `good`; `words` continue the sentence "<value> …"."""

    def run(inputs: Properties) -> Iterator[Problem]:
        for at, value in walk(inputs, path):
            if not good(value):
                yield Problem(dotted(at), f"{value!r} {words}")

    return run


def matches(path: str, pattern: str, words: str) -> Check:
    compiled = re.compile(pattern)
    return check(path, lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None, words)


def filled(path: str) -> Check:
    return check(path, bool, "is empty")


def at_least(path: str, low: float, words: str) -> Check:
    return check(path, lambda value: value >= low, words)


def share(path: str, most: float, words: str) -> Check:
    """A number over 0 and at most `most`."""
    return check(path, lambda value: 0 < value <= most, words)


def one_of(path: str, *values: Any) -> Check:
    listed = ", ".join(map(str, values))
    return check(path, lambda value: value in values, f"is not one of {listed}")


def between(path: str, low: float, high: float, unit: str = "") -> Check:
    words = f"is outside {low:g} to {high:g}{' ' + unit if unit else ''}"
    return check(path, lambda value: isinstance(value, (int, float)) and low <= value <= high, words)


def at_most(path: str, items: int, what: str) -> Check:
    """The list at `path` has at most `items` elements."""

    def run(inputs: Properties) -> Iterator[Problem]:
        for at, value in _holders(inputs, path):
            if isinstance(value, list) and len(value) > items:
                yield Problem(dotted(at), f"{len(value)} {what}: at most {items} are taken")

    return run


def duration(path: str, low: float, high: float, step: float | None = None) -> Check:
    """Seconds as the APIs write them, `600s`, from `low` to `high`."""

    def good(value: Any) -> bool:
        match = re.fullmatch(r"(\d+(?:\.\d{1,9})?)s", value) if isinstance(value, str) else None
        return match is not None and low <= float(match[1]) <= high and (step is None or float(match[1]) % step == 0)

    whole = f" in steps of {step:g}s" if step else ""
    return check(path, good, f"is not a duration from {low:g}s to {high:g}s{whole}, written in seconds")


def length(path: str, low: int, high: int, what: str = "characters") -> Check:
    return check(path, lambda value: low <= len(value) <= high, f"has not {low} to {high} {what}")


def labels(path: str = "labels") -> Check:
    """The rules of labels on every service: 64 at most, lower case, 63 characters."""

    def run(inputs: Properties) -> Iterator[Problem]:
        for at, given in _holders(inputs, path):
            if len(given) > 64:
                yield Problem(dotted(at), f"{len(given)} labels: at most 64 are taken")
            for key, value in given.items():
                if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key):
                    words = "starts with a lower-case letter, then lower-case letters, digits, _ and -, 63 at most"
                    yield Problem(dotted((*at, key)), f"a label's key {words}")
                if isinstance(value, str) and not re.fullmatch(r"[a-z0-9_-]{0,63}", value):
                    words = "is not a label's value: lower-case letters, digits, _ and -, 63 at most"
                    yield Problem(dotted((*at, key)), f"{value!r} {words}")

    return run


# --- the arguments of one block ("" is the resource itself) ---


def _holders(inputs: Properties, parent: str) -> Iterator[tuple[Path, Any]]:
    """The blocks, or the list itself, at a dotted path; lists on the way are gone through, a last one is not."""
    if not parent:
        yield (), inputs
        return
    head, _, last = parent.rpartition(".")
    for at, block in walk(inputs, head) if head else [((), inputs)]:
        if isinstance(block, dict) and block.get(last) not in (None, UNKNOWN):
            yield (*at, last), block[last]


def blocks(inputs: Properties, parent: str) -> Iterator[tuple[Path, Properties]]:
    """Every block at a dotted path, those in lists one by one."""
    for at, holder in _holders(inputs, parent):
        if isinstance(holder, dict):
            yield at, holder
        elif isinstance(holder, list):
            yield from (((*at, n), item) for n, item in enumerate(holder) if isinstance(item, dict))


def given(block: Properties, key: str) -> bool:
    """True when an argument is there, known or not; the SDK sends None for what is left out."""
    return block.get(key) is not None


def exactly_one(parent: str, *keys: str) -> Check:
    return _count(parent, keys, lambda n: n == 1, f"exactly one of {', '.join(keys)} is needed")


def at_most_one(parent: str, *keys: str) -> Check:
    return _count(parent, keys, lambda n: n <= 1, f"{', '.join(keys)} exclude each other")


def _count(parent: str, keys: tuple[str, ...], good: Callable[[int], bool], words: str) -> Check:
    def run(inputs: Properties) -> Iterator[Problem]:
        for at, block in blocks(inputs, parent):
            # an empty list or False is how a program says "not this one"
            there = [key for key in keys if given(block, key) and block[key] is not False and block[key] != []]
            if not good(len(there)):
                given_text = f"; given: {', '.join(there)}" if there else ""
                yield Problem(dotted((*at, there[0] if there else keys[0])), words + given_text)

    return run


def needs(parent: str, key: str, *others: str) -> Check:
    """Where `key` is given, so must be each of `others`."""

    def run(inputs: Properties) -> Iterator[Problem]:
        for at, block in blocks(inputs, parent):
            for other in others:
                if given(block, key) and not given(block, other):
                    yield Problem(dotted((*at, key)), f"needs {other} beside it")

    return run


def ordered(parent: str, low: str, high: str) -> Check:
    """Where both are given, `low` is `high` at most."""

    def run(inputs: Properties) -> Iterator[Problem]:
        for at, block in blocks(inputs, parent):
            least, most = block.get(low), block.get(high)
            if isinstance(least, int) and isinstance(most, int) and least > most:
                yield Problem(dotted((*at, low)), f"{least} is over {high} {most}")

    return run


def member(path: str = "member") -> Check:
    """A principal as IAM writes it."""
    kinds = "user|serviceAccount|group|domain|projectOwner|projectEditor|projectViewer|principal|principalSet"
    pattern = rf"allUsers|allAuthenticatedUsers|({kinds}):[^\s:].*"
    return matches(path, pattern, "is not a principal: it starts with serviceAccount:, user:, group: or the like")


def role(path: str = "role") -> Check:
    pattern = r"roles/[A-Za-z0-9.]+|(projects|organizations)/[^/]+/roles/[A-Za-z0-9_.]+"
    return matches(path, pattern, "is not a role: roles/… or projects/…/roles/… (or organizations/…)")

"""Resources of a Pulumi program from what Pulumi prints: a preview, its event stream, or a stack export."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.model import UNKNOWN, Resource
from policies.pricing.lines import PricingError

# Pulumi's marks in JSON: computed values are this UUID; secrets, assets and outputs are objects under SIGNATURE.
COMPUTED = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 (a mark, no secret)
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
GONE = {"delete", "delete-replaced", "discard-replaced", "read-discard"}


@dataclass(frozen=True)
class Document:
    """A program's resources, and the configuration that was printed with them (a stack export has none)."""

    resources: tuple[Resource, ...]
    config: Mapping[str, Any]

    @property
    def region(self) -> str | None:
        """The provider's default region, where the configuration names one."""
        value = self.config.get("gcp:region")
        return value if isinstance(value, str) else None


def load(path: Path) -> Document:
    """Read a file of `pulumi preview --json` or `pulumi stack export`.

    Raises:
        PricingError: it cannot be read, or is neither; one line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise PricingError(f"{path}: cannot be read ({getattr(e, 'strerror', None) or 'no UTF-8'})") from None
    return parse(text, str(path))


def parse(text: str, name: str = "the plan") -> Document:
    """As `load`, of a text. What Pulumi printed before the JSON is skipped."""
    start = text.find("{")
    try:
        content, _ = json.JSONDecoder().raw_decode(text[start:]) if start >= 0 else (None, 0)
    except (json.JSONDecodeError, RecursionError):
        raise PricingError(
            f"{name}: is no JSON; make it with `pulumi preview --json` or `pulumi stack export`"
        ) from None
    if isinstance(content, dict) and "sequence" in content:
        return _events(text[start:], name)
    return read(content, name)


def read(content: Any, name: str = "the plan") -> Document:
    """Resources of a decoded preview or export.

    Raises:
        PricingError: it is neither.
    """
    if isinstance(content, dict) and isinstance(content.get("steps"), list):
        steps = content["steps"]
        states = (s.get("newState") for s in steps if isinstance(s, dict) and s.get("op") not in GONE)
        return Document(_resources(states), content.get("config") or {})
    deployment = content.get("deployment", content) if isinstance(content, dict) else None
    if isinstance(deployment, dict) and isinstance(deployment.get("resources"), list):
        return Document(_resources(r for r in deployment["resources"] if not _on_its_way_out(r)), {})
    raise PricingError(
        f"{name}: has neither `steps` nor `deployment.resources`; make it with `pulumi preview --json` "
        "or `pulumi stack export`"
    )


def _on_its_way_out(state: Any) -> bool:
    return isinstance(state, dict) and bool(state.get("delete"))


def _events(text: str, name: str) -> Document:
    """The engine's event stream, which newer Pulumi prints line by line."""
    states: list[Any] = []
    config: dict[str, Any] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            raise PricingError(f"{name}: is cut off; make it again") from None
        config |= (event.get("preludeEvent") or {}).get("config") or {}
        step = (event.get("resourcePreEvent") or {}).get("metadata") or {}
        if step.get("op") not in GONE:
            states.append(step.get("new"))
    return Document(_resources(states), config)


def _resources(states: Iterable[Any]) -> tuple[Resource, ...]:
    """One resource an URN: a replacement is told of more than once."""
    found: dict[str, Resource] = {}
    for state in states:
        if not isinstance(state, Mapping) or not state.get("urn") or state.get("external"):
            continue
        urn = str(state["urn"])
        type_ = str(state.get("type") or urn.split("::")[2].rpartition("$")[2])
        props = plain(state.get("inputs") or {})
        if "id" not in props and state.get("id"):
            props["id"] = state["id"]
        found[urn] = Resource(type_, urn.rpartition("::")[2], props, urn, parent=str(state.get("parent") or ""))
    return tuple(found.values())


def plain(value: Any) -> Any:
    """Values without Pulumi's marks: UNKNOWN for computed ones and for secrets that stay encrypted."""
    if isinstance(value, dict):
        mark = value.get(SIGNATURE)
        if mark == _SECRET:
            return _opened(value)
        if mark == _OUTPUT:
            return plain(value["value"]) if "value" in value else UNKNOWN
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return UNKNOWN if value == COMPUTED else value


def _opened(secret: Mapping[str, Any]) -> Any:
    try:
        return plain(json.loads(secret["plaintext"]))
    except (KeyError, TypeError, ValueError):
        return UNKNOWN

"""Resources of a Pulumi program from what Pulumi prints: a preview, its event stream, or a stack export."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastyle_policies.model import UNKNOWN, Resource, dig, text_of
from fastyle_policies.pricing.lines import PricingError

# Pulumi's marks in JSON: computed values are this UUID; secrets, assets and outputs are objects under SIGNATURE.
COMPUTED = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 (a mark, no secret)
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
HIDDEN = "[secret]"  # what the engine's events print for one
MAKE = "make it with `pulumi preview --json --show-sames` or `pulumi stack export`"
FAILED = "the preview reports errors: the plan may lack resources"
GONE = {"delete", "delete-replaced", "discard-replaced", "read-discard"}


@dataclass(frozen=True)
class Document:
    """A program's resources, and the configuration that was printed with them (a stack export has none)."""

    resources: tuple[Resource, ...]
    config: Mapping[str, Any]
    notes: tuple[str, ...] = ()  # why the resources may not be all

    @property
    def region(self) -> str | None:
        """The provider's default region, where the configuration names one."""
        return text_of(self.config.get("gcp:region")) or None


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
    _, brace, rest = text.partition("{")
    text = brace + rest
    try:
        content, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):  # an integer of thousands of digits is a ValueError, too
        raise PricingError(f"{name}: is no JSON, or cut off; {MAKE}") from None
    if isinstance(content, dict) and "sequence" in content:
        return _events(text, name)
    if rest := text[end:].strip():
        raise PricingError(f"{name}: has more after its JSON ('{rest[:20]}'); {MAKE}")
    return read(content, name)


def read(content: Any, name: str = "the plan") -> Document:
    """Resources of a decoded preview or export.

    Raises:
        PricingError: it is neither.
    """
    content = _mapping(content)
    if isinstance(content.get("steps"), list) or "changeSummary" in content:
        steps = [step for step in content.get("steps") or [] if isinstance(step, dict)]
        same, shown = dig(content, "changeSummary.same"), sum(step.get("op") == "same" for step in steps)
        if isinstance(same, int) and same > shown:
            raise PricingError(f"{name}: leaves {same - shown} unchanged resources out; {MAKE}")
        states = [step.get("newState") for step in steps if str(step.get("op")) not in GONE]
        failed = any(dig(each, "severity") == "error" for each in content.get("diagnostics") or [])
        return _document(states, content.get("config"), name, (FAILED,) if failed else ())
    deployment = content.get("deployment", content)
    if isinstance(deployment, dict) and ("resources" in deployment or "manifest" in deployment):
        states = [state for state in deployment.get("resources") or [] if not dig(state, "delete")]
        return _document(states, None, name)
    raise PricingError(f"{name}: has neither `steps` nor `deployment.resources`; {MAKE}")


def _events(text: str, name: str) -> Document:
    """The engine's event stream, which newer Pulumi prints line by line."""
    states, config, failed = list[Any](), dict[str, Any](), False
    for line in filter(None, map(str.strip, text.splitlines())):
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            raise PricingError(f"{name}: is cut off; make it again") from None
        config |= _mapping(dig(event, "preludeEvent.config"))
        step = _mapping(dig(event, "resourcePreEvent.metadata"))
        if str(step.get("op")) not in GONE:
            states.append(step.get("new"))
        failed = failed or dig(event, "diagnosticEvent.severity") == "error"
    return _document(states, config, name, (FAILED,) if failed else ())


def _document(states: Iterable[Any], config: Any, name: str, notes: tuple[str, ...] = ()) -> Document:
    try:
        return Document(_resources(list(states), _mapping(config)), _mapping(config), notes)
    except RecursionError:
        raise PricingError(f"{name}: is nested too deeply to be a plan; {MAKE}") from None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _resources(states: Sequence[Any], config: Mapping[str, Any]) -> tuple[Resource, ...]:
    """One resource an URN: a replacement is told of more than once."""
    resources: dict[str, Resource] = {}
    providers = {
        str(state["urn"]): _mapping(plain(state.get("inputs")))
        for state in states
        if isinstance(state, dict) and str(state.get("type")).startswith("pulumi:providers:") and state.get("urn")
    }
    for state in states:
        if not isinstance(state, dict) or not state.get("urn") or state.get("external"):
            continue
        urn = str(state["urn"])
        type_ = str(state.get("type") or urn.rpartition("::")[0].rpartition("::")[2].rpartition("$")[2])
        props = _mapping(plain(state.get("inputs")))
        if "id" not in props and state.get("id"):
            props["id"] = state["id"]
        provider = providers.get(str(state.get("provider") or "").rpartition("::")[0], {})
        resources[urn] = Resource(
            type_,
            urn.rpartition("::")[2],
            props,
            urn,
            references=_references(state.get("propertyDependencies")),
            parent=str(state.get("parent") or ""),
            custom=state["custom"] if isinstance(state.get("custom"), bool) else None,
            region=_default("region", provider, config) or _default("zone", provider, config).rpartition("-")[0],
            project=text_of(props.get("project")) or _default("project", provider, config),
        )
    return tuple(resources.values())


def _references(value: Any) -> dict[str, tuple[str, ...]]:
    """URNs that each property was computed from: what remains of a link while its value is unknown."""
    links = {key: urns for key, urns in _mapping(value).items() if isinstance(urns, list)}
    return {str(key): tuple(urn for urn in urns if isinstance(urn, str)) for key, urns in links.items()}


def _default(key: str, provider: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """A default of a resource's own provider, else that of the configuration."""
    return text_of(provider.get(key)) or text_of(config.get(f"gcp:{key}"))


def plain(value: Any) -> Any:
    """Values without Pulumi's marks: UNKNOWN for computed ones and for secrets.

    A secret is not opened even where its plaintext is there: every value may be shown in an explanation.
    """
    if isinstance(value, dict):
        mark = value.get(SIGNATURE)
        if mark == _SECRET:
            return UNKNOWN
        if mark == _OUTPUT:
            return UNKNOWN if value.get("secret") or "value" not in value else plain(value["value"])
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return UNKNOWN if value in (COMPUTED, HIDDEN) else value

"""Resources that live: code that makes a checked resource real in the stand-ins.

Most types are only checked and recorded. A type that lives has one subclass of `Live`, registered under its
Pulumi type token by a module in `provider/handlers/`:

    @live("gcp:pubsub/topic:Topic")
    class Topic(Live):
        async def create(self, cloud, inputs):
            ...
            return inputs["id"], {}

All values are plain (secrets unwrapped, no unknowns), keyed as in the provider: camelCase. The core does the rest:
checks, differences, keeping secrets secret, dropping write-only values, recording, `deletionProtection` and
`deletionPolicy`. A handler raises `Refused` with a sentence for whatever the cloud would refuse; any other
exception is reported with its type and logged with its traceback.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from fastyle_localcloud.provider.errors import Refused

if TYPE_CHECKING:
    from fastyle_localcloud.cloud import LocalCloud

__all__ = ["Live", "Properties", "Refused", "live", "load_handlers"]

Properties = dict[str, Any]


class Live(ABC):
    """The life of one resource type. Methods run on the daemon's event loop: blocking work goes to a thread."""

    @abstractmethod
    async def create(self, cloud: LocalCloud, inputs: Properties) -> tuple[str, Properties]:
        """Make it, and return its id with the outputs that differ from, or add to, `inputs`.

        `inputs` are the checked inputs with what the core already knows of the outputs: `id`, `project`,
        `selfLink` and the like; usually the id to return is `inputs["id"]`.
        What an interrupted create of the same resource left behind must be taken over, not refused.
        """

    @abstractmethod
    async def read(self, cloud: LocalCloud, id: str, state: Properties) -> Properties | None:
        """What it is now, as changes to `state` (the recorded outputs); None when it is gone.

        `{}` says "unchanged". What a stand-in cannot hold stays as recorded.
        """

    async def update(self, cloud: LocalCloud, id: str, old: Properties, new: Properties) -> Properties:
        """Change it in place from `old` (recorded outputs) to `new` (as `inputs` of create); outputs as of create.

        Without one of its own a type has nothing in a stand-in that could change: what is new is recorded.
        """
        return {}

    @abstractmethod
    async def delete(self, cloud: LocalCloud, id: str, state: Properties) -> None:
        """Remove it; what is gone already is fine."""


_LIVE: dict[str, Live] = {}
_L = TypeVar("_L", bound=type[Live])


def live(*tokens: str) -> Callable[[_L], _L]:
    """Register a `Live` class for one or more Pulumi type tokens."""

    def register(cls: _L) -> _L:
        for token in tokens:
            if token in _LIVE:
                raise ValueError(f"two handlers for {token}: {type(_LIVE[token]).__name__} and {cls.__name__}")
            _LIVE[token] = cls()
        return cls

    return register


def load_handlers() -> dict[str, Live]:
    """Import every module of `fastyle_localcloud.provider.handlers` and return the registered handlers by type token."""
    package = importlib.import_module("fastyle_localcloud.provider.handlers")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return _LIVE

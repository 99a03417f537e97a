"""Resources that live: code that makes a checked resource real in the stand-ins.

Most types are only checked and recorded. A type that lives has one subclass of `Live`, registered under its
Pulumi type token by a module in `provider/handlers/`:

    @live("gcp:pubsub/topic:Topic")
    class Topic(Live):
        async def create(self, inputs):
            ...
            return {}

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
    """The life of one resource type in `cloud`. Methods run on the daemon's event loop: blocking work goes to a thread."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud = cloud

    @abstractmethod
    async def create(self, inputs: Properties) -> Properties:
        """Make it, and return the outputs that differ from, or add to, `inputs`.

        `inputs` are the checked inputs with what the core already knows of the outputs: `id`, `project`,
        `selfLink` and the like; usually the id is that.
        What an interrupted create of the same resource left behind must be taken over, not refused.
        """

    @abstractmethod
    async def read(self, state: Properties) -> Properties | None:
        """What it is now, as changes to `state` (the recorded outputs with `id`); None when it is gone.

        `{}` says "unchanged". What a stand-in cannot hold stays as recorded.
        """

    async def update(self, old: Properties, new: Properties) -> Properties:
        """Change it in place from `old` (recorded outputs) to `new` (as `inputs` of create); outputs as of create.

        Without one of its own a type has nothing in a stand-in that could change: what is new is recorded.
        """
        return {}

    @abstractmethod
    async def delete(self, state: Properties) -> None:
        """Remove it; what is gone already is fine."""


_LIVE: dict[str, type[Live]] = {}
_L = TypeVar("_L", bound=type[Live])


def live(token: str) -> Callable[[_L], _L]:
    """Register a `Live` class for a Pulumi type token."""

    def register(cls: _L) -> _L:
        if token in _LIVE:
            raise ValueError(f"two handlers for {token}: {_LIVE[token].__name__} and {cls.__name__}")
        _LIVE[token] = cls
        return cls

    return register


def load_handlers() -> dict[str, type[Live]]:
    """Import every module of `fastyle_localcloud.provider.handlers` and return the registered handlers by type token."""
    package = importlib.import_module("fastyle_localcloud.provider.handlers")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return _LIVE

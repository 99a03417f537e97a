"""A lock on a whole stack: a destroy is refused before its first step."""

from dataclasses import dataclass

import pulumi

from fastyle_components.base import Args, given, optional, token


@dataclass(frozen=True, kw_only=True)
class DeletionLockArgs(Args):
    deletion_protection: bool | None = optional(True)
    """Whether the lock is closed. Keep the component when it is to open: Pulumi refuses to delete one that is
    closed."""


class DeletionLock(pulumi.ComponentResource):
    """A resource of Pulumi's alone that must go before everything that it depends on, and does not go.

    Pulumi deletes in the reverse order of dependencies and refuses a protected resource only when its turn comes: what
    is not protected itself, grants and subscriptions among it, would be gone by then. Give it everything in
    `depends_on`, and whoever destroys the stack is refused at the first step, without a preview and with
    `--continue-on-error` as well. It owns nothing in the cloud and costs nothing. It does not keep a program from
    taking single resources away: that is for each component's `deletion_protection`.
    """

    locked: pulumi.Output[bool]
    """Whether the lock is closed."""

    def __init__(self, name: str, args: DeletionLockArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        args = DeletionLockArgs.complete(args, name)
        locked = given(args.deletion_protection)
        protect = pulumi.ResourceOptions(protect=locked)
        super().__init__(token(type(self)), name, None, pulumi.ResourceOptions.merge(opts, protect))
        self.locked = pulumi.Output.from_input(locked)
        self.register_outputs({"locked": self.locked})

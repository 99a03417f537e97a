"""Grants of one role on one resource: one for each member, named by the member.

IAM is a set: adding a member that is there adds nothing, and taking it away takes it from everybody who added it. Two
resources for one grant are therefore a trap. Pulumi creates before it deletes, so that a renamed grant, or one of two
that goes, takes the other's right with it, while the state still shows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pulumi

from fastyle_components.base import ArgsError

_CASE_COUNTS = ("principal:", "principalSet:")  # paths; whatever else names a member is an e-mail or a domain


@dataclass(frozen=True)
class Holder:
    """A member that holds the role, and the logical name of its grant."""

    name: str
    member: pulumi.Input[str]
    keys: tuple[str, ...]
    """The names that its keys would have made: what the grant was called before it was named by its member."""

    def opts(self, parent: pulumi.Resource, *, earlier_type: str | None = None) -> pulumi.ResourceOptions:
        """Options of the grant: what it was called, and was (`earlier_type`), is this grant still."""
        aliases = [pulumi.Alias(name=name) for name in self.keys if name != self.name]
        if earlier_type is not None:
            aliases += [pulumi.Alias(name=name, type_=earlier_type) for name in self.keys]
        return pulumi.ResourceOptions(
            parent=parent,
            aliases=aliases,
            # One of another type must go first: afterwards it would take the new one's right with it.
            delete_before_replace=None if earlier_type is None else True,
        )


def holders(where: str, prefix: str, members: Mapping[str, pulumi.Input[str]]) -> list[Holder]:
    """Each member once, whatever it is called and however often it is named.

    `members` are by the logical name that a grant would have of its key. A member given as text is named by itself,
    `<prefix>-<member>`: its key may change, or be one of two. One that is an output is known too late for that and
    keeps its key's name; that it is no other's member is checked once it is known, before its grant is made.

    Raises:
        ArgsError: one line that begins with `where`, when the outputs are known.
    """
    texts: dict[str, Holder] = {}
    outputs: dict[int, Holder] = {}
    for key, member in members.items():
        if isinstance(member, str):
            holder = texts.setdefault(same := _same(member), Holder(f"{prefix}-{same}", member, ()))
            texts[same] = replace(holder, keys=(*holder.keys, key))
        else:
            outputs.setdefault(id(member), Holder(key, member, (key,)))
    made = list(texts.values())
    for holder in outputs.values():
        made.append(replace(holder, member=_distinct(where, holder, tuple(made))))
    return made


def keyed(prefix: str, members: Mapping[str, pulumi.Input[str]] | None) -> dict[str, pulumi.Input[str]]:
    """Members by a stable key, as `holders` takes them."""
    return {f"{prefix}-{key}": member for key, member in (members or {}).items()}


def _distinct(where: str, holder: Holder, others: tuple[Holder, ...]) -> pulumi.Output[str]:
    """The holder's member, unless it is one of the others' too. It depends on nothing that those depend on."""

    async def checked(member: str) -> str:
        for other in others:
            known = pulumi.Output.from_input(other.member)
            if await known.is_known() and _same(str(await known.future())) == _same(member):
                raise ArgsError(
                    f"{where}: {other.keys[0]} and {holder.keys[0]} are both {member}; one grant would be two "
                    "resources, and the first that goes would take it from both; name the member once"
                )
        return member

    return pulumi.Output.from_input(holder.member).apply(checked)


def _same(member: str) -> str:
    """A member as IAM compares it: e-mail addresses and domains without regard to case."""
    kind, colon, address = member.partition(":")
    return member if member.startswith(_CASE_COUNTS) else f"{kind}{colon}{address.lower()}"

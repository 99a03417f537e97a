"""What really happens to resources: made, read, changed and removed, in the stand-ins and in the records."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fastyle_localcloud.provider.admission import admit
from fastyle_localcloud.provider.check import DEFAULTS
from fastyle_localcloud.provider.clock import Clock
from fastyle_localcloud.provider.diff import OWN_ARGUMENTS
from fastyle_localcloud.provider.errors import AlreadyExists, Refused
from fastyle_localcloud.provider.live import Live, Properties
from fastyle_localcloud.provider.records import Record, Records
from fastyle_localcloud.provider.schema import token_of
from fastyle_localcloud.provider.settle import ProviderConfig, settle
from fastyle_localcloud.provider.table import lookup, rules_by_token
from fastyle_localcloud.provider.vocabulary import Reference, Rules, Shared, fill
from fastyle_localcloud.provider.wire import Asset, dotted, walk
from fastyle_localcloud.settings import Settings

if TYPE_CHECKING:
    from fastyle_localcloud.cloud import LocalCloud

log = logging.getLogger("fastyle_localcloud.provider")

SCRATCH = "scratch-"
"""Beginning of the names of stacks for trials, which every local cloud takes. They meet what Google Cloud answers to a
name that is taken; a stack that the cloud is for takes over what an interrupted run of its own left."""


class Lifecycle:
    """Operations on resources of the local cloud; every method raises `Refused` with a sentence."""

    def __init__(self, cloud: LocalCloud | None, records: Records, handlers: dict[str, Live]) -> None:
        self._cloud = cloud
        self._stacks = (cloud.settings if cloud is not None else Settings()).stacks
        self._records = records
        self._clock = Clock(records)
        self._handlers = handlers

    async def create(
        self, urn: str, token: str, inputs: Properties, secret: set[str], config: ProviderConfig
    ) -> Properties:
        """Make a resource; returns all its outputs, `id` among them."""
        self._guard(urn)
        schema, rules = lookup(token)
        planned = settle(schema, rules, inputs, config, preview=False)
        if planned["id"] is None:
            raise Refused(f"{token}: cannot tell its id from {rules.id!r} and what was given")
        existing = self._records.get(token, planned["id"])
        adopted = rules.adopts is not None and inputs.get(rules.adopts) is True
        # What a run that was cut short left, or what a lost Pulumi state knew: nobody else has a part in this cloud.
        own = existing is not None and existing.urn == urn and _stack(urn) in self._stacks
        if rules.exclusive and not adopted and not own and existing is not None and existing.complete:
            maker = f"{existing.urn} made it" if existing.urn else "it was abandoned (deletionPolicy ABANDON)"
            raise AlreadyExists(f"{planned['id']} already exists: {maker}; choose another name or import it")
        self._check_references(rules, planned)
        self._check_conditions(rules, planned)
        admit(token, planned, self._records, self._clock)
        self._share(rules, urn, planned)
        self._note(token, urn, inputs, planned, secret, complete=False)
        outputs = planned
        if handler := self._handlers.get(token):
            outputs = _outputs(planned, await handler.create({**planned, **_write_only(inputs)}))
            if outputs["id"] != planned["id"]:
                self._records.remove(token, planned["id"])
        self._note(token, urn, inputs, outputs, secret)
        if rules.seconds:
            self._clock.advance(rules.seconds)
        self._records.note_made(token, outputs["id"], self._clock.now())
        return outputs

    async def update(
        self, urn: str, token: str, old: Properties, inputs: Properties, secret: set[str], config: ProviderConfig
    ) -> Properties:
        """Change a resource in place; `old` are its outputs in Pulumi's state."""
        self._guard(urn)
        schema, rules = lookup(token)
        id = old["id"]
        planned = settle(schema, rules, inputs, config, old=old, preview=False)
        self._check_references(rules, planned)
        if any(planned.get(key) != old.get(key) for key in {*planned, *old} - {*OWN_ARGUMENTS}):
            self._check_conditions(rules, planned)
        now = self._records.get(token, id)
        if now is not None and rules.refuses_update and (reason := rules.refuses_update(now.outputs, planned)):
            raise Refused(f"{id}: {reason}")
        admit(token, planned, self._records, self._clock)
        outputs = planned
        if handler := self._handlers.get(token):
            made = await handler.update(old, {**planned, **_write_only(inputs), "id": id})
            outputs = _outputs(planned, made)
        self._note(token, urn, inputs, {**outputs, "id": id}, secret)
        return outputs

    async def read(
        self, urn: str, token: str, id: str, state: Properties, inputs: Properties
    ) -> tuple[Properties, Properties] | None:
        """What the resource is now, as outputs and inputs; None when it is gone. `state` is empty for an import."""
        self._guard(urn)
        lookup(token)
        record = self._records.get(token, id)
        if record is None or not record.complete:
            return None
        # The records hold neither secrets nor assets: those are as Pulumi's state has them.
        kept = {key: value for key, value in state.items() if key not in record.outputs or isinstance(value, Asset)}
        before = {**record.outputs, **kept}
        changed: Properties | None = {}
        if handler := self._handlers.get(token):
            changed = await handler.read({**before, "id": id})
        if changed is None:
            log.warning("%s %s is gone", token, id)
            self._records.remove(token, id)
            return None
        outputs = _outputs(before, {**changed, "id": id})
        declared = inputs or record.inputs
        # An asset is compared by its hash, which no read gives back; a write-only value never comes back at all.
        now = {
            key: outputs[key] if key in outputs and not isinstance(value, Asset) else value
            for key, value in declared.items()
        }
        now = _without_computed(now, record.outputs, record.inputs)
        return outputs, {key: value for key, value in now.items() if value is not None}

    async def delete(self, urn: str, token: str, id: str, state: Properties) -> None:
        """Remove a resource, unless it is protected or in use; one that is abandoned stays, and is nobody's."""
        self._guard(urn)
        _, rules = lookup(token)
        policy = state.get("deletionPolicy")
        if state.get("deletionProtection") is True or policy == "PREVENT":
            setting = "deletionPolicy is PREVENT" if policy == "PREVENT" else "deletionProtection is on"
            raise Refused(f"{id} is protected: {setting}; turn it off, run `pulumi up`, then delete")
        record = self._records.get(token, id)
        if policy == "ABANDON":
            if record is not None:
                self._records.put(dataclasses.replace(record, urn=""))
            return
        self._check_conditions(rules, {**state, "id": id})
        self._check_unused(rules, id, policy)
        owned = self._owned(token, id)
        if handler := self._handlers.get(token):
            await handler.delete({**state, "id": id})
        self._records.remove(token, id)
        for record in owned:
            self._records.remove(record.token, record.id)
        self._unshare(rules, state)

    def _guard(self, urn: str) -> None:
        """Never pretend: only the stacks of this machine exist here."""
        stack = _stack(urn)
        if stack.startswith(SCRATCH):
            return
        if stack not in self._stacks:
            raise Refused(
                f"stack {stack} lives on Google Cloud and this is the local cloud, which can preview it but never "
                f"change it: it is for {', '.join(self._stacks)} (--stacks); use a shell without its variables, where "
                "Pulumi takes the official gcp provider"
            )
        if self._cloud is None:
            raise Refused(
                "the local cloud is not running: this provider only plans; start it with `python -m fastyle_localcloud up`"
            )

    def _share(self, rules: Rules, urn: str, values: Properties) -> None:
        """Refuse or merge what another declaration has made already, and take away what this one would overwrite."""
        if rules.shared is None:
            return
        if rules.shared.refuses:
            for other in self._stand_for(rules.shared, values):
                if other.complete and other.urn != urn:
                    raise AlreadyExists(
                        f"{values['id']}: existing object already found, {other.urn} made it; a second declaration of "
                        "one entry is refused, and the first that goes would take it from both; keep one of them"
                    )
        self._drop(rules.shared, values)

    def _unshare(self, rules: Rules, state: Properties) -> None:
        """Whoever deletes takes the one thing away from all that stand for it."""
        if rules.shared is not None:
            for other in self._stand_for(rules.shared, state):
                self._records.remove(other.token, other.id)
            self._drop(rules.shared, state)

    def _stand_for(self, shared: Shared, values: Properties) -> list[Record]:
        key = shared.key(values)
        return [other for other in self._sharing(shared) if key is not None and shared.key(other.outputs) == key]

    def _drop(self, shared: Shared, values: Properties) -> None:
        for other in self._sharing(shared) if shared.drops else ():
            if shared.drops is not None and shared.drops(values, other.outputs):
                log.warning("%s overwrote %s", values.get("id"), other.id)
                self._records.remove(other.token, other.id)

    def _sharing(self, shared: Shared) -> list[Record]:
        return [record for type_ in shared.types for record in self._records.all(token_of(type_))]

    def _check_references(self, rules: Rules, values: Properties) -> None:
        for at in dict.fromkeys(reference.path for reference in rules.references):
            choices = [reference for reference in rules.references if reference.path == at]
            for path, value in walk(values, at):
                if not any(any(self._named(choice, values, value)) for choice in choices):
                    kinds = " or ".join(choice.target for choice in choices)
                    raise Refused(f"{dotted(path)}: there is no {kinds} {value!r}; the stack must make it first")

    def _check_conditions(self, rules: Rules, values: Properties) -> None:
        for condition in rules.conditions:
            for owner in self._referred(condition.reference, values):
                if not condition.holds(owner.outputs):
                    raise Refused(f"{values['id']}: {condition.words.format(owner.id)}")

    def _check_unused(self, rules: Rules, id: str, policy: object) -> None:
        for user in rules.users:
            if user.despite is not None and policy == user.despite:
                continue
            for record in self._records.all(token_of(user.type)):
                for _, value in walk(record.outputs, user.path):
                    if id in (value, fill(user.id, {**record.outputs, "value": value})):
                        left = "" if record.urn else ", which was abandoned (deletionPolicy ABANDON)"
                        raise Refused(f"{id} is in use by {user.type} {record.id}{left}: delete that first")

    def _owned(self, token: str, id: str) -> list[Record]:
        """Records of what goes with a resource."""
        kinds = [(kind, rules.owner) for kind, rules in rules_by_token().items() if rules.owner]
        return [
            record
            for kind, owner in kinds
            if token_of(owner.target) == token
            for record in self._records.all(kind)
            if any(one.id == id for one in self._referred(owner, record.outputs))
        ]

    def _referred(self, reference: Reference, values: Properties) -> Iterator[Record]:
        """Records that a reference leads to."""
        for _, value in walk(values, reference.path):
            yield from self._named(reference, values, value)

    def _named(self, reference: Reference, values: Properties, value: object) -> Iterator[Record]:
        """The records that one value at the path of a reference names."""
        ids = (value, fill(reference.id, {**values, "value": value}))
        for id in dict.fromkeys(each for each in ids if isinstance(each, str)):
            if record := self._records.get(token_of(reference.target), _bare(id)):
                yield record

    def _note(
        self, token: str, urn: str, inputs: Properties, outputs: Properties, secret: set[str], complete: bool = True
    ) -> None:
        def keep(properties: Properties) -> Properties:
            hidden = {key for key in properties if key in secret or key.endswith("Wo")} | {DEFAULTS}
            return {key: _plain(value) for key, value in properties.items() if key not in hidden}

        self._records.put(Record(token, outputs["id"], urn, complete, keep(inputs), keep(outputs)))


def _stack(urn: str) -> str:
    return urn.split("::")[0].rpartition(":")[2]


def _bare(id: str) -> str:
    """An id without the address of its API."""
    return re.sub(r"^https://www\.googleapis\.com/[a-z]+/v\d+/", "", id)


def _plain(value: Any) -> Any:
    """What JSON can hold: of an asset, its hash."""
    if isinstance(value, Asset):
        return {"hash": value.hash}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _without_computed(now: Properties, outputs: Properties, inputs: Properties) -> Properties:
    """`now` less what the resource itself added inside a block (a function's `serviceConfig.uri`): nobody asked for it."""
    kept = {}
    for key, value in now.items():
        if isinstance(value, dict) and isinstance(outputs.get(key), dict) and isinstance(inputs.get(key), dict):
            asked = {k: v for k, v in value.items() if k in inputs[key] or k not in outputs[key]}
            kept[key] = _without_computed(asked, outputs[key], inputs[key])
        else:
            kept[key] = value
    return kept


def _write_only(inputs: Properties) -> Properties:
    return {key: value for key, value in inputs.items() if key.endswith("Wo")}


def _outputs(before: Properties, reported: Properties) -> Properties:
    """Outputs of a resource with what its handler reports; nothing that may only be written."""
    return {key: value for key, value in {**before, **reported}.items() if not key.endswith("Wo")}

"""Avro schemas, their revisions, and the check of a message at publish."""

from __future__ import annotations

import io
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from fastyle_localcloud.pubsub import messages
from fastyle_localcloud.pubsub.avro_json import Mismatch, compile_reader
from fastyle_localcloud.pubsub.errors import (
    ApiError,
    already_exists,
    failed_precondition,
    invalid,
    not_found,
    unimplemented,
)
from fastyle_localcloud.pubsub.journal import Journal, Statement
from fastyle_localcloud.pubsub.resources import check_name

MAX_REVISIONS = 20
MAX_DEFINITION_BYTES = 300_000

Decoder = Callable[[bytes], Any]


def parse_avro(definition: str) -> Any:
    """The parsed schema; INVALID_ARGUMENT says what is wrong with it."""
    if len(definition.encode()) > MAX_DEFINITION_BYTES:
        raise invalid(f"Schema definition is larger than {MAX_DEFINITION_BYTES} bytes.")
    try:
        parsed = fastavro.parse_schema(json.loads(definition))
    except json.JSONDecodeError as error:
        raise invalid(f"Schema definition is not JSON: {error}.") from None
    except (SchemaParseException, UnknownType, KeyError, TypeError, ValueError) as error:
        raise invalid(f"Schema definition is not Avro: {type(error).__name__}: {error}.") from None
    if not isinstance(parsed, dict) or parsed.get("type") != "record":
        raise invalid("Schema definition must be an Avro record at the top level.")
    return parsed


@dataclass
class Revision:
    """One committed definition: the protobuf `Schema`, and decoders compiled when first needed."""

    body: Any

    @property
    def id(self) -> str:
        return str(self.body.revision_id)

    @cached_property
    def avro(self) -> Any:
        return parse_avro(self.body.definition)

    @cached_property
    def _json(self) -> Decoder:
        return compile_reader(self.avro)

    def decode(self, data: bytes, encoding: int) -> Any:
        """The value in `data`; `Mismatch` names the field that does not fit."""
        if encoding == messages.JSON:
            return self._json(data)
        source = io.BytesIO(data)
        try:
            value = fastavro.schemaless_reader(source, self.avro, None)
        except (EOFError, ValueError, IndexError, OverflowError, KeyError, TypeError, MemoryError) as error:
            raise Mismatch("", f"not Avro binary of {self.avro['name']}: {error or type(error).__name__}") from None
        if source.tell() != len(data):
            raise Mismatch("", f"not Avro binary of {self.avro['name']}: {len(data) - source.tell()} bytes left over")
        return value


@dataclass
class Schema:
    name: str
    revisions: list[Revision] = field(default_factory=list)

    @property
    def latest(self) -> Revision:
        return self.revisions[-1]

    def revision(self, revision_id: str) -> Revision:
        for revision in self.revisions:
            if revision.id == revision_id:
                return revision
        raise not_found(f"{self.name}@{revision_id}")

    def between(self, first: str, last: str) -> list[Revision]:
        """The revisions a topic accepts, newest first."""
        ids = [revision.id for revision in self.revisions]
        low = ids.index(first) if first in ids else 0
        high = ids.index(last) if last in ids else len(ids) - 1
        return self.revisions[low : high + 1][::-1]


class Schemas:
    """The registry, kept in the journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._schemas: dict[str, Schema] = {}
        for name, body in journal.query("SELECT name, body FROM schema_revisions ORDER BY name, position"):
            self._schemas.setdefault(name, Schema(name)).revisions.append(Revision(messages.Schema.FromString(body)))

    def get(self, name: str) -> Schema:
        """By name, or `name@revision` (then with that revision as its only one)."""
        base, _, revision = name.partition("@")
        schema = self._schemas.get(base)
        if schema is None:
            raise not_found(base)
        return Schema(base, [schema.revision(revision)]) if revision else schema

    def list(self, parent: str) -> list[Schema]:
        return [schema for name, schema in sorted(self._schemas.items()) if name.startswith(f"{parent}/schemas/")]

    @staticmethod
    def check(body: Any) -> None:
        if body.type_ != messages.AVRO:
            raise unimplemented("A schema of a type other than AVRO")
        parse_avro(body.definition)

    async def create(self, name: str, body: Any) -> Revision:
        check_name(name, "schemas")
        if name in self._schemas:
            raise already_exists(name)
        self.check(body)
        schema = self._schemas[name] = Schema(name)
        return await self._add(schema, body, undo=lambda: self._schemas.pop(name))

    async def commit(self, name: str, body: Any) -> Revision:
        """A new revision; the same definition again is the latest revision, unchanged."""
        schema = self.get(name)
        self.check(body)
        if body.definition == schema.latest.body.definition:
            return schema.latest
        if len(schema.revisions) >= MAX_REVISIONS:
            raise failed_precondition(f"{name} has {MAX_REVISIONS} revisions already: delete one that no topic uses.")
        return await self._add(schema, body)

    async def rollback(self, name: str, revision_id: str) -> Revision:
        schema = self.get(name)
        return await self._add(schema, schema.revision(revision_id).body)

    async def delete_revision(self, name: str) -> Schema:
        base, _, revision_id = name.partition("@")
        schema = self.get(base)
        if len(schema.revisions) == 1:
            raise failed_precondition(f"{name} is the only revision of {base}: delete the schema instead.")
        revision = schema.revision(revision_id)
        position = schema.revisions.index(revision)
        schema.revisions.remove(revision)
        await self._journal.store(
            ("DELETE FROM schema_revisions WHERE name = ? AND revision = ?", (base, revision_id)),
            undo=lambda: schema.revisions.insert(position, revision),
        )
        return schema

    async def delete(self, name: str) -> None:
        self.get(name)
        schema = self._schemas.pop(name)
        await self._journal.store(
            ("DELETE FROM schema_revisions WHERE name = ?", (name,)),
            undo=lambda: self._schemas.setdefault(name, schema),
        )

    async def _add(self, schema: Schema, source: Any, *, undo: Callable[[], object] | None = None) -> Revision:
        body = messages.Schema(
            name=schema.name, type_=messages.AVRO, definition=source.definition, revision_id=secrets.token_hex(4)
        )
        body.revision_create_time.FromNanoseconds(time.time_ns())
        revision = Revision(body)
        schema.revisions.append(revision)
        statement: Statement = (
            "INSERT INTO schema_revisions"
            " SELECT ?1, coalesce(max(position), 0) + 1, ?2, ?3 FROM schema_revisions WHERE name = ?1",
            (schema.name, body.revision_id, body.SerializeToString()),
        )
        await self._journal.store(statement, undo=undo or (lambda: schema.revisions.remove(revision)))
        return revision


class Validator:
    """A topic's schema settings, applied: which revision a message is of, or why it is of none."""

    def __init__(self, schemas: Schemas, settings: Any) -> None:
        self._schemas = schemas
        self._settings = settings

    @property
    def name(self) -> str:
        return str(self._settings.schema)

    @property
    def encoding(self) -> int:
        return int(self._settings.encoding)

    def revisions(self) -> list[Revision]:
        """Newest first; none when the schema was deleted."""
        try:
            schema = self._schemas.get(self.name)
        except ApiError:
            return []
        return schema.between(self._settings.first_revision_id, self._settings.last_revision_id)

    def decode(self, data: bytes) -> tuple[Revision, Any]:
        """The newest revision that `data` fits and the value; `Mismatch` of the newest when it fits none."""
        first: Mismatch | None = None
        for revision in self.revisions():
            try:
                return revision, revision.decode(data, self.encoding)
            except Mismatch as error:
                first = first or error
        raise first or Mismatch("", f"the topic's schema {self.name} was deleted")

"""google.pubsub.v1.SchemaService."""

from __future__ import annotations

from typing import Any

from google.pubsub_v1 import types

from fastyle_localcloud.pubsub import messages
from fastyle_localcloud.pubsub.avro_json import Mismatch
from fastyle_localcloud.pubsub.broker import Broker
from fastyle_localcloud.pubsub.errors import invalid
from fastyle_localcloud.pubsub.rpc import Api, page
from fastyle_localcloud.pubsub.schemas import Revision


class SchemaApi(Api):
    service = "google.pubsub.v1.SchemaService"

    def __init__(self, broker: Broker, caller: str | None) -> None:
        super().__init__(broker, caller)
        self._schemas = broker.schemas

    async def create_schema(self, request: Any) -> Any:
        self._require(request.parent, "roles/pubsub.editor")
        revision = await self._schemas.create(f"{request.parent}/schemas/{request.schema_id}", request.schema)
        return revision.body

    async def get_schema(self, request: Any) -> Any:
        self._require(request.name, "roles/pubsub.viewer")
        return _shown(self._schemas.get(request.name).latest, request.view)

    async def list_schemas(self, request: Any) -> Any:
        self._require(request.parent, "roles/pubsub.viewer")
        shown = [_shown(schema.latest, request.view) for schema in self._schemas.list(request.parent)]
        return page(types.ListSchemasResponse, "schemas", shown, request)

    async def list_schema_revisions(self, request: Any) -> Any:
        self._require(request.name, "roles/pubsub.viewer")
        newest_first = self._schemas.get(request.name).revisions[::-1]
        shown = [_shown(revision, request.view) for revision in newest_first]
        return page(types.ListSchemaRevisionsResponse, "schemas", shown, request)

    async def commit_schema(self, request: Any) -> Any:
        self._require(request.name, "roles/pubsub.editor")
        return (await self._schemas.commit(request.name, request.schema)).body

    async def rollback_schema(self, request: Any) -> Any:
        self._require(request.name, "roles/pubsub.editor")
        return (await self._schemas.rollback(request.name, request.revision_id)).body

    async def delete_schema_revision(self, request: Any) -> Any:
        self._require(request.name.partition("@")[0], "roles/pubsub.editor")
        name = request.name if "@" in request.name else f"{request.name}@{request.revision_id}"
        return (await self._schemas.delete_revision(name)).latest.body

    async def delete_schema(self, request: Any) -> Any:
        self._require(request.name, "roles/pubsub.editor")
        await self._schemas.delete(request.name)

    async def validate_schema(self, request: Any) -> Any:
        self._require(request.parent, "roles/pubsub.viewer")
        self._schemas.check(request.schema)
        return types.ValidateSchemaResponse.pb()()

    async def validate_message(self, request: Any) -> Any:
        """Against a schema by name, or against one given in the request."""
        self._require(request.parent, "roles/pubsub.viewer")
        if request.WhichOneof("schema_spec") == "name":
            revision = self._schemas.get(request.name).latest
        else:
            self._schemas.check(request.schema)
            revision = Revision(request.schema)
        try:
            revision.decode(request.message, request.encoding)
        except Mismatch as error:
            raise invalid(f"Invalid data in message: {error}.") from None
        return types.ValidateMessageResponse.pb()()


def _shown(revision: Revision, view: int) -> Any:
    """The revision; without its definition in the BASIC view."""
    if view != messages.SCHEMA_VIEW_BASIC:
        return revision.body
    shown = messages.Schema()
    shown.CopyFrom(revision.body)
    shown.ClearField("definition")
    return shown

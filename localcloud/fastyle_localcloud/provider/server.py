"""The gRPC server that Pulumi's engine attaches to with `PULUMI_DEBUG_PROVIDERS=gcp:PORT`."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import re
from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from fastyle_localcloud.grpc_callers import guarded_server
from fastyle_localcloud.provider import wire
from fastyle_localcloud.provider.check import check
from fastyle_localcloud.provider.diff import Change, diff, must_delete_first
from fastyle_localcloud.provider.errors import Refused
from fastyle_localcloud.provider.lifecycle import Lifecycle
from fastyle_localcloud.provider.live import load_handlers
from fastyle_localcloud.provider.records import Records
from fastyle_localcloud.provider.settle import ProviderConfig, settle, unplaced
from fastyle_localcloud.provider.table import lookup
from fastyle_localcloud.settings import Settings

if TYPE_CHECKING:
    from fastyle_localcloud.cloud import LocalCloud

log = logging.getLogger("fastyle_localcloud.provider")

MAX_MESSAGE = 400 * 1024 * 1024  # bytes; the engine's own limit
_Method = Callable[[Any, Any, Any], Awaitable[Any]]


def _answers(method: _Method) -> _Method:
    """Turn what a method raises into a gRPC error of one line."""

    @wraps(method)
    async def wrapped(self: Provider, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            return await method(self, request, context)
        except Refused as refusal:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(refusal))
        except Exception as error:
            if isinstance(error, grpc.aio.AbortError):
                raise
            log.exception("%s of %s failed", method.__name__, getattr(request, "urn", ""))
            first = (str(error).strip().splitlines() or [""])[0]
            await context.abort(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {first} (see the provider's log)")

    return wrapped


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Google Cloud's side of Pulumi's provider protocol. One instance serves any number of engines at once."""

    def __init__(self, lifecycle: Lifecycle, project: str | None, region: str | None, number: str | None) -> None:
        self._lifecycle = lifecycle
        self._base = ProviderConfig(project, region, number or Settings.project_number)
        # A provider resource of a program is a connection of its own: explicit providers do not mix with the default.
        self._configs: dict[str, ProviderConfig] = {}

    async def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    async def Attach(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    async def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    async def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi-gcp"))

    @_answers
    async def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    @_answers
    async def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.DiffResponse(changes=_some(request.old_inputs != request.news))

    @_answers
    async def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        args, _ = wire.decode(request.args)
        labels = args.get("defaultLabels")
        if isinstance(labels, str):
            labels = json.loads(labels)
        defaults = {key: args[key] for key in ("project", "region") if isinstance(args.get(key), str)}
        self._configs[context.peer()] = ProviderConfig(
            project=defaults.get("project", self._base.project),
            region=defaults.get("region", self._base.region),
            project_number=self._base.project_number,
            default_labels=tuple(sorted(labels.items())) if isinstance(labels, dict) else (),
        )
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    @_answers
    async def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        raise Refused(f"{request.tok} reads from Google Cloud, and this is the local cloud: give the value as config")

    @_answers
    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        schema, rules = lookup(_token(request.urn))
        news, secrets = wire.decode(request.news)
        olds, _ = wire.decode(request.olds)
        name = request.urn.rpartition("::")[2]
        inputs, problems = check(schema, rules, news, olds, name=name, seed=request.randomSeed)
        if not problems:
            problems = unplaced(schema, rules, inputs, self._config(context))
        failures = [provider_pb2.CheckFailure(property=problem.path, reason=problem.reason) for problem in problems]
        return provider_pb2.CheckResponse(inputs=wire.encode(inputs, secrets), failures=failures)

    @_answers
    async def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        schema, rules = lookup(_token(request.urn))
        old, _ = wire.decode(request.old_inputs)
        new, _ = wire.decode(request.news)
        changes = [change for change in diff(schema, rules, old, new) if not _ignored(change, request.ignoreChanges)]
        replaces = sorted({change.path for change in changes if change.replaces})
        return provider_pb2.DiffResponse(
            changes=_some(bool(changes)),
            replaces=replaces,
            diffs=sorted({re.split(r"[.\[]", change.path)[0] for change in changes}),
            detailedDiff={change.path: _property_diff(change) for change in changes},
            hasDetailedDiff=True,
            deleteBeforeReplace=bool(replaces) and must_delete_first(rules, old, new),
        )

    @_answers
    async def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        inputs, secrets = wire.decode(request.properties)
        token, config = _token(request.urn), self._config(context)
        if request.preview:
            schema, rules = lookup(token)
            outputs = settle(schema, rules, inputs, config, preview=True)
            outputs.pop("id")
            return provider_pb2.CreateResponse(properties=wire.encode(outputs, secrets))
        outputs = await self._lifecycle.create(request.urn, token, inputs, _top(secrets), config)
        return provider_pb2.CreateResponse(id=outputs.pop("id"), properties=wire.encode(outputs, secrets))

    @_answers
    async def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        inputs, secrets = wire.decode(request.news)
        old, _ = wire.decode(request.olds)
        old["id"] = request.id
        token, config = _token(request.urn), self._config(context)
        if request.preview:
            schema, rules = lookup(token)
            outputs = settle(schema, rules, inputs, config, old=old, preview=True)
        else:
            outputs = await self._lifecycle.update(request.urn, token, old, inputs, _top(secrets), config)
        outputs.pop("id")
        return provider_pb2.UpdateResponse(properties=wire.encode(outputs, secrets))

    @_answers
    async def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        state, secrets = wire.decode(request.properties)
        inputs, input_secrets = wire.decode(request.inputs)
        resource = await self._lifecycle.read(request.urn, _token(request.urn), request.id, state, inputs)
        if resource is None:
            return provider_pb2.ReadResponse()
        outputs, inputs = resource
        outputs.pop("id", None)
        return provider_pb2.ReadResponse(
            id=request.id,
            properties=wire.encode(outputs, secrets | input_secrets),
            inputs=wire.encode(inputs, input_secrets),
        )

    @_answers
    async def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        state, _ = wire.decode(request.properties)
        await self._lifecycle.delete(request.urn, _token(request.urn), request.id, state)
        return empty_pb2.Empty()

    def _config(self, context: Any) -> ProviderConfig:
        return self._configs.get(context.peer(), self._base)


def _token(urn: str) -> str:
    """The type of a resource, from `urn:pulumi:stack::project::parent$type::name`."""
    token: str = urn.split("::")[2].rpartition("$")[2]
    return token


def _top(secrets: frozenset[wire.Path]) -> set[str]:
    return {str(path[0]) for path in secrets}


def _some(differs: bool) -> Any:
    return provider_pb2.DiffResponse.DIFF_SOME if differs else provider_pb2.DiffResponse.DIFF_NONE


def _ignored(change: Change, paths: Any) -> bool:
    return any(change.path == path or change.path.startswith((f"{path}.", f"{path}[")) for path in paths)


def _property_diff(change: Change) -> Any:
    kind = f"{change.kind}_REPLACE" if change.replaces else change.kind
    return provider_pb2.PropertyDiff(kind=provider_pb2.PropertyDiff.Kind.Value(kind), inputDiff=True)


class ProviderServer:
    """A provider that listens on loopback."""

    def __init__(self, server: grpc.aio.Server, port: int, records: Records) -> None:
        self.port = port
        self._server = server
        self._records = records

    async def stop(self) -> None:
        """Let operations in flight end (5 s at most), then close."""
        await self._server.stop(grace=5)
        self._records.close()


async def serve(cloud: LocalCloud | None, records: Path | None, port: int = 0) -> ProviderServer:
    """Start the provider on a loopback port (0: a free one).

    With a cloud, the stacks that it is for and `scratch-…` are real in it. Without one, every stack can be previewed, and
    `scratch-…` stacks are recorded in `records` (None: in memory) and nowhere else.
    """
    store = Records(records if records is not None else ":memory:")
    handlers = {token: handler(cloud) for token, handler in load_handlers().items()} if cloud is not None else {}
    lifecycle = Lifecycle(cloud, store, handlers)
    base = (cloud.project, cloud.region, str(cloud.project_number)) if cloud is not None else (None, None, None)
    options = [("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE)]
    server = guarded_server(options=[*options, ("grpc.so_reuseport", 0)])
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(lifecycle, *base), server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    return ProviderServer(server, bound, store)

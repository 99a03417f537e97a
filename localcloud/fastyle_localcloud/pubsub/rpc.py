"""gRPC plumbing: handlers over Google's message classes, without generated servicer code."""

from __future__ import annotations

import inspect
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf import empty_pb2
from google.pubsub_v1 import types

from fastyle_localcloud.pubsub.broker import Broker
from fastyle_localcloud.pubsub.errors import ApiError, invalid

log = logging.getLogger(__name__)


class Api:
    """The calls as one caller makes them: a member such as `serviceAccount:…`, or None for the project's owner.

    Each public method of a subclass, such as `create_topic`, answers the method of that name of `service`.
    """

    service: str

    def __init__(self, broker: Broker, caller: str | None) -> None:
        self._broker = broker
        self._caller = caller

    def _require(self, resource: str, role: str) -> None:
        self._broker.access.require(resource, role, self._caller)


def handler(api: Api) -> Any:
    """A generic handler for the service that an API serves."""
    handlers = {}
    for name, function in vars(type(api)).items():
        if name.startswith("_") or not inspect.isfunction(function):
            continue
        method, answer = "".join(map(str.capitalize, name.split("_"))), getattr(api, name)
        streams = inspect.isasyncgenfunction(function)
        make = grpc.stream_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
        # A topic or subscription is created by what it is to be, anything else is asked for by a request.
        request = getattr(types, f"{method}Request", None) or getattr(types, method.removeprefix("Create"))
        handlers[method] = make(
            (_streaming if streams else _unary)(f"{api.service}/{method}", answer),
            request_deserializer=request.pb().FromString,
            response_serializer=_serialize,
        )
    return grpc.method_handlers_generic_handler(api.service, handlers)


def _serialize(response: Any) -> bytes:
    data: bytes = (response if response is not None else empty_pb2.Empty()).SerializeToString()
    return data


def _unary(method: str, handle: Callable[[Any], Awaitable[Any]]) -> Callable[[Any, Any], Awaitable[Any]]:
    async def call(request: Any, context: Any) -> Any:
        try:
            return await handle(request)
        except Exception as error:
            await _abort(method, error, context)

    return call


def _streaming(method: str, handle: Callable[[Any], AsyncIterator[Any]]) -> Callable[[Any, Any], AsyncIterator[Any]]:
    async def call(requests: Any, context: Any) -> AsyncIterator[Any]:
        try:
            async for response in handle(requests):
                yield response
        except Exception as error:
            await _abort(method, error, context)

    return call


async def _abort(method: str, error: Exception, context: Any) -> None:
    if isinstance(error, ApiError):
        await context.abort(error.status, error.message)
    if isinstance(error, sqlite3.Error):
        # Not stored, so not acknowledged: the clients try UNAVAILABLE again.
        await context.abort(grpc.StatusCode.UNAVAILABLE, f"The message store cannot write: {error}.")
    if isinstance(error, grpc.aio.AbortError):
        raise error
    log.error("%s failed", method, exc_info=error)
    await context.abort(grpc.StatusCode.INTERNAL, f"{method} failed inside the local cloud; its log says why.")


def page(response: Any, field: str, items: list[Any], request: Any) -> Any:
    """A `response` whose `field` is the page of `items` that `request` asks for, with the token of the next one."""
    token = request.page_token
    if token and not token.isdigit():
        raise invalid(f"page_token {token!r} is not one that a list call returned.")
    start = int(token or 0)
    end = start + (request.page_size or 1_000)
    return response.pb()(**{field: items[start:end], "next_page_token": str(end) if end < len(items) else ""})


def merged(current: Any, update: Any, mask: Any, allowed: frozenset[str]) -> Any:
    """A copy of `current` with the fields of `mask` taken from `update`; only `allowed` ones may change."""
    if not mask.paths:
        raise invalid("update_mask is empty: name the fields to change.")
    for path in mask.paths:
        if path.split(".")[0] not in allowed:
            raise invalid(
                f"update_mask names {path}, which cannot be changed; changeable: {', '.join(sorted(allowed))}."
            )
        if not mask.IsValidForDescriptor(current.DESCRIPTOR):
            raise invalid(f"update_mask names {path}, which {current.DESCRIPTOR.name} does not have.")
    result = type(current)()
    result.CopyFrom(current)
    for path in mask.paths:
        # MergeMessage adds to what is there; a named field is to be replaced, or cleared when it is absent.
        _clear(result, path)
    mask.MergeMessage(update, result, replace_message_field=True, replace_repeated_field=True)
    return result


def _clear(message: Any, path: str) -> None:
    head, _, rest = path.partition(".")
    if not rest:
        message.ClearField(head)
    elif message.HasField(head):
        _clear(getattr(message, head), rest)

"""Callers that a gRPC server answers. Apart from `callers`, so that a server without gRPC does not load it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import grpc

from fastyle_localcloud import callers
from fastyle_localcloud.socket_owner import FOREIGN

_grpc_server = grpc.aio.server  # before the BigQuery stand-in puts its own in this place


def guarded_server(*, options: Any, interceptors: Sequence[Any] = ()) -> grpc.aio.Server:
    """A server that answers this user's programs."""
    only_this_user = OnlyThisUser()
    server = _grpc_server(interceptors=[only_this_user, *interceptors], options=options)
    listen = server.add_insecure_port

    def listening(address: str) -> int:
        only_this_user.port = listen(address)
        return only_this_user.port

    server.add_insecure_port = listening  # type: ignore[method-assign]
    return server


class OnlyThisUser(grpc.aio.ServerInterceptor):
    """Refuses other users. A browser cannot speak HTTP/2 without TLS, so that only the user matters."""

    def __init__(self) -> None:
        self.port: int | None = None
        """The port of the server, once it has one."""

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        """Wrap the handler of one method: the peer is known only when it is called."""
        handler = await continuation(details)
        if handler is None:
            return None
        kind = f"{'stream' if handler.request_streaming else 'unary'}_{'stream' if handler.response_streaming else 'unary'}"
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        guarded = _guarded(getattr(handler, kind), self._foreign)
        return make(guarded, handler.request_deserializer, handler.response_serializer)

    def _foreign(self, context: Any) -> bool:
        port = context.peer().rpartition(":")[2]
        return port.isdigit() and not callers.USERS.allowed(int(port), self.port)


def _guarded(method: Any, foreign: Callable[[Any], bool]) -> Any:
    """The method behind the check, of the same colour: grpc runs plain functions in threads, with a plain context."""

    def plain(request: Any, context: Any) -> Any:
        if foreign(context):
            context.abort(grpc.StatusCode.PERMISSION_DENIED, FOREIGN)
        return method(request, context)

    async def coroutine(request: Any, context: Any) -> Any:
        if foreign(context):
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, FOREIGN)
        return await method(request, context)

    async def generator(request: Any, context: Any) -> Any:
        if foreign(context):
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, FOREIGN)
        async for response in method(request, context):
            yield response

    if inspect.isasyncgenfunction(method):
        return generator
    return coroutine if inspect.iscoroutinefunction(method) else plain

"""A `gcp` provider that accepts whatever it is given, so that a preview's only judge is the policy pack.

The real provider and the local cloud's refuse some of what the rules forbid, and so would end a preview early. It
plans as the real one does: a map with one unknown value is unknown as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from fastyle_localcloud.provider import wire
from fastyle_localcloud.provider.errors import Refused
from fastyle_localcloud.provider.schema import load
from fastyle_localcloud.provider.settle import planned
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc


class Accepting(provider_pb2_grpc.ResourceProviderServicer):
    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version="10.2.0")

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        assert request.preview, "this provider is for previews"
        inputs, secrets = wire.decode(request.properties)
        try:
            schema = load(request.urn.split("::")[2].rpartition("$")[2])
        except Refused:  # such as a kind of grant that the SDK no longer has
            return provider_pb2.CreateResponse(properties=request.properties)
        return provider_pb2.CreateResponse(properties=wire.encode(planned(schema, inputs), secrets))


@contextmanager
def accepting_provider() -> Iterator[int]:
    """Serve it; yields its port."""
    server = grpc.server(ThreadPoolExecutor(8))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Accepting(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()

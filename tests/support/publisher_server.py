"""A gRPC server with Pub/Sub's `Publish` alone, which refuses or delays as a test asks it to.

For what a whole Pub/Sub cannot be made to do at a chosen moment; what it can is tested against the stand-in.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from google.pubsub_v1.types import PublishRequest, PublishResponse


class PublisherServer:
    """Keeps the requests it acknowledged in `requests`.

    `refuse` maps an ordering key (`""`: any) to the status it is refused with; `failures` are the statuses of
    the next attempts, one each; while `hold` is cleared, no request is answered.
    """

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.refuse: dict[str, grpc.StatusCode] = {}
        self.failures: list[grpc.StatusCode] = []
        self.attempts = 0
        self.hold = threading.Event()
        self.hold.set()
        self.port = 0

    def messages(self) -> list[Any]:
        """Return every acknowledged message."""
        return [message for request in self.requests for message in request.messages]

    def publish(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Serve `google.pubsub.v1.Publisher/Publish`."""
        self.attempts += 1
        while not self.hold.wait(0.05):
            if not context.is_active():
                break
        if self.failures:
            context.abort(self.failures.pop(0), "as the test asks")
        keys = {message.ordering_key for message in request.messages}
        if len(keys) > 1:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "one ordering key a request")
        for key in ("", *keys):
            if key in self.refuse:
                context.abort(self.refuse[key], "as the test asks")
        self.requests.append(request)
        return PublishResponse(message_ids=[str(number) for number in range(len(request.messages))])


@contextmanager
def publisher_server() -> Iterator[PublisherServer]:
    """Serve on a free port of the loopback interface."""
    service = PublisherServer()
    handler = grpc.unary_unary_rpc_method_handler(
        service.publish, request_deserializer=PublishRequest.deserialize, response_serializer=PublishResponse.serialize
    )
    server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", 10_000_000)])
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("google.pubsub.v1.Publisher", {"Publish": handler}),)
    )
    service.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield service
    finally:
        service.hold.set()
        server.stop(None).wait()

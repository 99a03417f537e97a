"""The Pub/Sub stand-in as a process of its own, with an issuer's key, that a test kills and starts again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import grpc
import httpx
from fastyle_localcloud.iam import Iam
from fastyle_localcloud.identity import Identities
from google.pubsub_v1 import PublisherClient, SchemaServiceClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

PROJECT = "projects/p"
NUMBER = "100000000001"
AGENT = f"serviceAccount:service-{NUMBER}@gcp-sa-pubsub.iam.gserviceaccount.com"
ISSUER = "http://127.0.0.1:1/issuer"
_http = httpx.Client()  # one reading of the system's certificates, of which none is needed


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PubSub:
    """One stand-in in `folder`; ports stay the same over restarts."""

    def __init__(self, folder: Path, *, storage: str = "", bigquery: str = "") -> None:
        self.folder, self.port, self.control = folder, free_port(), free_port()
        self.iam = Iam(folder / "iam.sqlite")
        self.identities = Identities(folder, ISSUER)
        self._environment = os.environ | {
            "LOCALCLOUD_IAM": str(folder / "iam.sqlite"),
            "LOCALCLOUD_OIDC_KEY": str(self.identities.key_path),
            "LOCALCLOUD_OIDC_ISSUER": ISSUER,
            "STORAGE_EMULATOR_HOST": storage,
            "LOCALCLOUD_BIGQUERY": bigquery,
        }
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "fastyle_localcloud.pubsub", "--data-dir", str(self.folder / "data")]
        command += ["--port", str(self.port), "--control-port", str(self.control), "--project-number", NUMBER]
        self.process = subprocess.Popen(command, env=self._environment)
        deadline = time.monotonic() + 60
        while True:
            assert self.process.poll() is None, "the stand-in ended at its start"
            assert time.monotonic() < deadline, "the stand-in did not start"
            try:
                _http.get(f"{self.control_url}/health").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.05)
        # Clients on channels of their own: no variable of the process's environment is touched.
        channel = grpc.insecure_channel(f"127.0.0.1:{self.port}")
        # Any: the clients take dictionaries for messages, their annotations do not say so.
        self.publisher: Any = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        self.subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        self.schemas = SchemaServiceClient(transport=SchemaServiceGrpcTransport(channel=channel))

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(20)

    def identity(self, email: str) -> int:
        return int(_http.put(f"{self.control_url}/identities/{email}").raise_for_status().json()["port"])

    @property
    def control_url(self) -> str:
        return f"http://127.0.0.1:{self.control}"

    def stats(self, subscription: str) -> dict[str, Any]:
        return dict(_http.get(f"{self.control_url}/stats").json()[subscription.rsplit("/", 1)[-1]])

    def topic(self, name: str, **settings: Any) -> str:
        self.publisher.create_topic(request={"name": f"{PROJECT}/topics/{name}", **settings})
        return f"{PROJECT}/topics/{name}"

    def subscription(self, name: str, topic: str, **settings: Any) -> str:
        full = f"{PROJECT}/subscriptions/{name}"
        self.subscriber.create_subscription(request={"name": full, "topic": topic, **settings})
        return full

    def pull(self, subscription: str, most: int = 1000, *, ack: bool = True) -> list[Any]:
        received = list(self.subscriber.pull(subscription=subscription, max_messages=most).received_messages)
        if ack and received:
            self.subscriber.acknowledge(subscription=subscription, ack_ids=[m.ack_id for m in received])
        return received

    def pull_all(self, subscription: str, count: int) -> list[Any]:
        """Pull until `count` messages came."""
        received: list[Any] = []
        while len(received) < count:
            pulled = self.pull(subscription)
            assert pulled, f"{len(received)} of {count} messages came"
            received += pulled
        return received


def eventually(condition: Any, what: str, seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)
    return result

"""Push deliveries for the tests: an OIDC issuer of our own on loopback, and messages as Pub/Sub wraps them."""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from workloads.events import STREAMS, encode

AUDIENCE = "https://inventory-sync.example/push"
ACCOUNT = "push-invoker@fastyle-test.iam.gserviceaccount.com"
NOW = datetime(2026, 3, 15, 15, 0, tzinfo=UTC)


class Issuer:
    """Signs tokens with a key and serves its certificates (`/v1`) and JWK set (`/v3`); counts the fetches."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.key_id = uuid.uuid4().hex
        self.fetches = 0
        self.broken = False
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetches += 1
                body = json.dumps(issuer.certs() if self.path == "/v1" else issuer.jwks()).encode()
                self.send_response(500 if issuer.broken else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def certs(self) -> dict[str, str]:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(self.key, hashes.SHA256())
        )
        return {self.key_id: certificate.public_bytes(serialization.Encoding.PEM).decode()}

    def jwks(self) -> dict[str, Any]:
        jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**jwk, "kid": self.key_id, "alg": "RS256", "use": "sig"}]}

    def token(self, *, key: rsa.RSAPrivateKey | None = None, without: tuple[str, ...] = (), **claims: Any) -> str:
        now = int(time.time())
        payload = {
            "iss": self.url,
            "aud": AUDIENCE,
            "email": ACCOUNT,
            "email_verified": True,
            "sub": "1",
            "iat": now,
            "exp": now + 3600,
        } | claims
        payload = {name: value for name, value in payload.items() if name not in without}
        return jwt.encode(payload, key or self.key, "RS256", headers={"kid": self.key_id})


def wrap(stream: str, event: dict[str, Any] | bytes, **message: Any) -> dict[str, Any]:
    """The body of a push request that delivers an event (or raw data) of a stream."""
    data = event if isinstance(event, bytes) else encode(STREAMS[stream], event)
    message_id = uuid.uuid4().hex
    return {
        "message": {
            "data": base64.b64encode(data).decode(),
            "attributes": {"stream": stream},
            "messageId": message_id,
            "message_id": message_id,
            "publishTime": NOW.isoformat().replace("+00:00", "Z"),
            "publish_time": NOW.isoformat().replace("+00:00", "Z"),
        }
        | message,
        "subscription": f"projects/fastyle-test/subscriptions/{stream}-to-inventory",
    }


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def change(kind: str = "receipt", quantity: int = 5, **fields: Any) -> dict[str, Any]:
    """An inventory change as `validate` gives it."""
    return {
        "event_id": str(uuid.uuid4()),
        "event_time": rfc3339(NOW - timedelta(hours=1)),
        "location_id": "S01",
        "sku": "TOP-1",
        "kind": kind,
        "quantity": quantity,
        "reference": None,
    } | fields


def sale(*lines: tuple[str, int], **fields: Any) -> dict[str, Any]:
    """A sales transaction of (sku, quantity) lines, as `validate` gives it."""
    event_id = str(uuid.uuid4())
    return {
        "event_id": event_id,
        "transaction_id": f"T-{event_id}",
        "event_time": rfc3339(NOW - timedelta(hours=1)),
        "location_id": "S01",
        "channel": "store",
        "customer_id": None,
        "currency": "USD",
        "lines": [
            {"line_number": n, "sku": sku, "quantity": quantity, "unit_price": "10.00", "discount": "0"}
            for n, (sku, quantity) in enumerate(lines or (("TOP-1", 1),), start=1)
        ],
    } | fields

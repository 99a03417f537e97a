"""Who a process is: the OpenID issuer of the local cloud and the access tokens of its service accounts.

The signing key and the tokens lie in the state folder, readable by its owner only. An access token is opaque and
stays the same for a service account: it is also the password of its Cloud SQL user (`DATABASE_AUTH=iam`), as an
access token is in the cloud.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from fastyle_localcloud.files import write_atomically

TOKEN_SECONDS = 3600


class Identities:
    """Tokens for service accounts by e-mail, and the issuer's public keys."""

    def __init__(self, state_dir: Path, issuer: str) -> None:
        self.issuer = issuer
        self.key_path = state_dir / "identity" / "key.pem"
        self._tokens_path = state_dir / "identity" / "access-tokens.json"
        if not self.key_path.exists():
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            pem = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            write_atomically(self.key_path, pem)
        self._key = load_key(self.key_path)
        self.key_id = key_id(self._key.public_key())
        self._tokens: dict[str, str] = json.loads(self._tokens_path.read_text()) if self._tokens_path.exists() else {}

    def access_token(self, email: str) -> str:
        if email not in self._tokens:
            tokens = {**self._tokens, email: f"local.{secrets.token_urlsafe(32)}"}
            write_atomically(self._tokens_path, json.dumps(tokens, indent=2).encode())
            self._tokens = tokens
        return self._tokens[email]

    def id_token(self, email: str, audience: str) -> str:
        """A signed token of an account for an audience."""
        return id_token(self._key, self.issuer, email, audience)

    def jwks(self) -> dict[str, Any]:
        """The public key as a JSON Web Key Set."""
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [{**key, "kid": self.key_id, "use": "sig", "alg": "RS256"}]}

    def x509_certs(self) -> dict[str, str]:
        """The public key as `{key id: PEM certificate}`, which `google.oauth2.id_token` reads at a `certs_url`."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localcloud")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .sign(self._key, hashes.SHA256())
        )
        return {self.key_id: certificate.public_bytes(serialization.Encoding.PEM).decode()}


def load_key(path: Path) -> rsa.RSAPrivateKey:
    """The issuer's signing key."""
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey), "the issuer's key is RSA"
    return key


def id_token(key: rsa.RSAPrivateKey, issuer: str, email: str, audience: str) -> str:
    """A signed token with the claims Google's carry, good for an hour."""
    now = int(time.time())
    claims = {
        "iss": issuer,
        "aud": audience,
        "azp": email,
        "sub": subject(email),
        "email": email,
        "email_verified": True,
        "iat": now,
        "exp": now + TOKEN_SECONDS,
    }
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": key_id(key.public_key())})


def key_id(key: rsa.RSAPublicKey) -> str:
    """The JWK thumbprint (RFC 7638): whoever holds the key computes the same id."""
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key))
    canonical = json.dumps({k: jwk[k] for k in ("e", "kty", "n")}, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()


def subject(email: str) -> str:
    """A stable number of 21 digits, as Google's unique ids are."""
    return str(10**20 + int.from_bytes(hashlib.sha256(email.encode()).digest()[:8], "big"))

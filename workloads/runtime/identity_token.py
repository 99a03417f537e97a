"""OIDC identity tokens of a service's callers: Pub/Sub's pushes, Cloud Scheduler's calls, an operator's requests.

On Google Cloud the invoker check stands before a service. It verifies a token and then takes away its signature, so that
no service can use a caller's token for another one: in its place is the word `SIGNATURE_REMOVED_BY_GOOGLE`.
https://docs.cloud.google.com/run/docs/troubleshooting#signature-removed names this for tokens that `gcloud` makes; tokens
of service accounts come with their signature, or without it. So a service takes both there, and still reads the claims,
which bind the request to one account and audience: the invoker grant alone does not. Where nothing stands before the
service, as on a local stack, a token without its signature proves nothing and is refused.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping
from typing import Any

import jwt
import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from pydantic import Field
from pydantic_settings import BaseSettings

from workloads.runtime.interface import InvokerCheck

GOOGLE_ISSUER = "https://accounts.google.com"
GOOGLE_ISSUERS = (GOOGLE_ISSUER, "accounts.google.com")  # Google signs with either
GOOGLE_CERTS = "https://www.googleapis.com/oauth2/v3/certs"
REMOVED_SIGNATURE = "SIGNATURE_REMOVED_BY_GOOGLE"
_LEEWAY_SECONDS = 30
_FETCH_SECONDS = 3.0
_MINIMUM_AGE_SECONDS = 10.0  # unknown key ids do not make us ask the issuer more often than this
_DEFAULT_AGE_SECONDS = 3600.0
_REMEMBERED = 1024


class CallerSettings(BaseSettings):
    """What a service reads that verifies its callers' tokens."""

    invoker_check: InvokerCheck = Field(
        default=InvokerCheck.NONE, description="platform where Cloud Run's invoker check stands before it, else none"
    )
    oidc_issuer: str = Field(default=GOOGLE_ISSUER, description="the issuer of the callers' identity tokens")
    oidc_certs_url: str = Field(default=GOOGLE_CERTS, description="where the issuer publishes its keys")

    @property
    def platform_checks(self) -> bool:
        """Whether Cloud Run has verified a request's token already. It does not verify another issuer's: a local stack
        sets the same variables as the cloud, but for the issuer."""
        return self.invoker_check is InvokerCheck.PLATFORM and self.oidc_issuer in GOOGLE_ISSUERS


class TokenRefused(Exception):  # noqa: N818
    """The request does not prove whom it comes from; says why. `status` is 401 or 403."""

    def __init__(self, reason: str, status: int = 401) -> None:
        super().__init__(reason)
        self.status = status


class KeysUnavailable(Exception):  # noqa: N818
    """The issuer's keys cannot be had now; nothing can be said about the token."""


class IdentityTokenVerifier:
    """Checks signature, issuer, audience, expiry and account. For one event loop."""

    def __init__(self, settings: CallerSettings, *, audience: str | None = None, email: str | None = None) -> None:
        """Take the tokens of one account for one audience; None is any, for an issuer that signs for friends alone."""
        self._issuers = list(GOOGLE_ISSUERS) if settings.oidc_issuer in GOOGLE_ISSUERS else [settings.oidc_issuer]
        self._audience = audience
        self._email = email
        self._platform_checks = settings.platform_checks
        self._keys = _Keys(settings.oidc_certs_url)
        # A caller uses a token for many requests: each is verified once. token -> its expiry
        self._verified: dict[str, float] = {}

    async def verify(self, authorization: str | None) -> None:
        """Return if the `Authorization` header is good.

        Raises:
            TokenRefused: it is not.
            KeysUnavailable: the issuer cannot be asked.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise TokenRefused("no bearer token")
        if self._verified.get(token, 0.0) > time.time():
            return
        claims = await self._claims(token)
        verified = claims.get("email_verified") is True
        if self._email is not None and (claims.get("email") != self._email or not verified):
            raise TokenRefused(f"the token is of {str(claims.get('email'))[:100]!a}, not of {self._email}", 403)
        if len(self._verified) >= _REMEMBERED:
            self._verified.clear()
        self._verified[token] = float(claims["exp"])

    async def _claims(self, token: str) -> dict[str, Any]:
        try:
            unsigned = self._platform_checks and token.endswith(f".{REMOVED_SIGNATURE}")
            return jwt.decode(
                token,
                "" if unsigned else await self._key(token),
                algorithms=["RS256"],
                audience=self._audience,
                issuer=self._issuers,
                leeway=_LEEWAY_SECONDS,
                options={
                    "require": ["exp", "iat", "aud", "iss", "email"],
                    "verify_signature": not unsigned,
                    # Without these a token whose signature is not verified would be asked for nothing else either.
                    "verify_exp": True,
                    "verify_iat": True,
                    "verify_nbf": True,
                    "verify_iss": True,
                    "verify_aud": self._audience is not None,
                },
            )
        except jwt.InvalidTokenError as error:
            raise TokenRefused(f"the token is not good: {error}") from None

    async def _key(self, token: str) -> RSAPublicKey:
        key_id = str(jwt.get_unverified_header(token).get("kid", ""))
        key = await self._keys.get(key_id)
        if key is None:
            raise TokenRefused(f"the issuer has no key {key_id[:64]!a}")
        return key


class _Keys:
    """The issuer's public keys by id, fetched again when they expire or an unknown id turns up."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: dict[str, RSAPublicKey] = {}
        self._fetched = self._expires = float("-inf")
        self._lock = asyncio.Lock()

    async def get(self, key_id: str) -> RSAPublicKey | None:
        if not self._is_due(key_id):
            return self._keys.get(key_id)
        async with self._lock:  # one fetch, whoever waits
            if self._is_due(key_id):
                try:
                    await asyncio.to_thread(self._fetch)
                except (requests.RequestException, ValueError, KeyError) as error:
                    # A known key is as good as it was before the issuer fell silent.
                    if key_id not in self._keys:
                        raise KeysUnavailable(f"{self._url}: {type(error).__name__}: {error}") from None
        return self._keys.get(key_id)

    def _is_due(self, key_id: str) -> bool:
        now = time.monotonic()
        return now >= self._expires or (key_id not in self._keys and now - self._fetched >= _MINIMUM_AGE_SECONDS)

    def _fetch(self) -> None:
        response = requests.get(self._url, timeout=_FETCH_SECONDS)
        response.raise_for_status()
        self._keys = parse_keys(response.json())
        self._fetched = time.monotonic()
        age = re.search(r"max-age=(\d+)", response.headers.get("Cache-Control", ""))
        self._expires = self._fetched + max(float(age[1]) if age else _DEFAULT_AGE_SECONDS, _MINIMUM_AGE_SECONDS)


def parse_keys(document: Mapping[str, Any]) -> dict[str, RSAPublicKey]:
    """Read either form in which Google publishes keys: a JWK set (v3) or certificates by key id (v1).

    Raises:
        ValueError, KeyError: it is neither. Keys that are not RSA are left out.
    """
    keys: dict[str, Any] = {}
    if isinstance(document.get("keys"), list):
        keys = {
            jwk["kid"]: jwt.algorithms.RSAAlgorithm.from_jwk(json.dumps(jwk))
            for jwk in document["keys"]
            if jwk.get("kty") == "RSA"
        }
    else:
        keys = {id_: x509.load_pem_x509_certificate(pem.encode()).public_key() for id_, pem in document.items()}
    return {id_: key for id_, key in keys.items() if isinstance(key, RSAPublicKey)}

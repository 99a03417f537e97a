"""Identity tokens of callers, with their signature and as Cloud Run hands them on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.push import ACCOUNT, AUDIENCE, Issuer
from workloads.runtime.identity_token import (
    GOOGLE_ISSUER,
    REMOVED_SIGNATURE,
    CallerSettings,
    IdentityTokenVerifier,
    TokenRefused,
)
from workloads.runtime.interface import InvokerCheck


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.close()


def verifier(
    issuer: Issuer, check: InvokerCheck = InvokerCheck.PLATFORM, of: str = GOOGLE_ISSUER, **changed: Any
) -> IdentityTokenVerifier:
    settings = CallerSettings(invoker_check=check, oidc_issuer=of, oidc_certs_url=issuer.url + "/v3")
    return IdentityTokenVerifier(settings, **{"audience": AUDIENCE, "email": ACCOUNT} | changed)


def unsigned(token: str, signature: str = REMOVED_SIGNATURE) -> str:
    return f"{token.rpartition('.')[0]}.{signature}"


async def refusal(verifier: IdentityTokenVerifier, token: str) -> int | None:
    try:
        await verifier.verify(f"Bearer {token}")
    except TokenRefused as refused:
        return refused.status
    return None


async def test_where_the_platform_checks_a_token_is_taken_without_its_signature(issuer: Issuer) -> None:
    """Cloud Run takes it away: every delivery to live inventory was refused with 401."""
    checked = verifier(issuer)
    fetches = issuer.fetches
    for issued_by in (GOOGLE_ISSUER, "accounts.google.com"):
        assert await refusal(checked, unsigned(issuer.token(iss=issued_by))) is None
    assert issuer.fetches == fetches  # there is nothing to verify with a key


async def test_its_claims_are_still_read(issuer: Issuer) -> None:
    checked = verifier(issuer)
    claims: dict[str, tuple[dict[str, Any], int]] = {
        "another issuer": ({"iss": issuer.url}, 401),
        "another audience": ({"aud": "https://elsewhere.example"}, 401),
        "expired": ({"iat": 1_700_000_000, "exp": 1_700_003_600}, 401),
        "not yet good": ({"nbf": 4_000_000_000, "exp": 4_000_003_600}, 401),
        "without expiry": ({"without": ("exp",)}, 401),
        "another account": ({"email": "till@fastyle-test.iam.gserviceaccount.com"}, 403),
        "unverified e-mail": ({"email_verified": False}, 403),
    }
    for what, (changed, status) in claims.items():
        token = issuer.token(**{"iss": GOOGLE_ISSUER} | changed)
        assert await refusal(checked, unsigned(token)) == status, what


async def test_a_signature_that_is_there_is_verified(issuer: Issuer) -> None:
    checked = verifier(issuer)
    token = issuer.token(iss=GOOGLE_ISSUER)
    assert await refusal(checked, token) is None
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    none = jwt.encode(jwt.decode(token, options={"verify_signature": False}), "", "none")
    for forged in (issuer.token(key=stranger, iss=GOOGLE_ISSUER), unsigned(token, ""), unsigned(token, "x"), none):
        assert await refusal(checked, forged) == 401


@pytest.mark.parametrize("check", InvokerCheck)
async def test_where_nothing_stands_before_the_service_a_signature_is_needed(
    issuer: Issuer, check: InvokerCheck
) -> None:
    """A local stack says `platform` as the cloud does, and has an issuer of its own."""
    checked = verifier(issuer, check, issuer.url)
    token = issuer.token()
    assert await refusal(checked, unsigned(token)) == 401
    assert await refusal(checked, token) is None


async def test_without_the_platform_s_word_google_s_tokens_need_one_too(issuer: Issuer) -> None:
    checked = verifier(issuer, InvokerCheck.NONE)
    token = issuer.token(iss=GOOGLE_ISSUER)
    assert await refusal(checked, unsigned(token)) == 401
    assert await refusal(checked, token) is None


async def test_whoever_the_issuer_signs_for_where_no_account_is_named(issuer: Issuer) -> None:
    anybody = verifier(issuer, of=issuer.url, audience=None, email=None)
    token = issuer.token(aud="http://127.0.0.1:1", email="user@localhost")
    assert await refusal(anybody, token) is None
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert await refusal(anybody, issuer.token(key=stranger)) == 401
    assert await refusal(anybody, issuer.token(iat=1_700_000_000, exp=1_700_003_600)) == 401

"""Calls to Google's REST APIs and to the stack's own services, as the operator, in the cloud or on this machine."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Collection
from functools import cache
from typing import Any

import click
import httpx

from ops.endpoints import LOCAL, Endpoints
from ops.errors import OperatorError

SIGNER = "FASTYLE_SERVICE_ACCOUNT"
"""Variable that names the service account as which the command asks an API behind Identity-Aware Proxy."""
IAM_CREDENTIALS = "https://iamcredentials.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class NoCredentials(OperatorError):  # noqa: N818
    """The caller has no token of the kind that is asked for."""


class Unreachable(OperatorError):  # noqa: N818
    """Nothing answers there now."""


def call(endpoints: Endpoints, method: str, api: str, path: str, body: Any = None) -> dict[str, Any]:
    """Call `https://<api>.googleapis.com/v1/<path>`, or its stand-in when the stack is local.

    Raises:
        OperatorError: no credentials, no connection, or the API refuses; a missing resource says so.
    """
    if endpoints.stack == LOCAL:
        base, headers = endpoints.control, {}
    else:
        base, headers = f"https://{api}.googleapis.com", {"authorization": f"Bearer {access_token()}"}
    return request(method, f"{base}/v1/{path}", headers=headers, body=body)


def request(
    method: str,
    url: str,
    *,
    headers: dict[str, str] | None = None,
    body: Any = None,
    timeout: float = 60,
    accept: Collection[int] = (),
) -> dict[str, Any]:
    """One JSON request; an answer other than 2xx, or in `accept`, is an `OperatorError` with the server's own words.

    Raises:
        Unreachable: there is no answer.
    """
    try:
        response = httpx.request(method, url, headers=headers, json=body, timeout=timeout, **connection(url))
    except httpx.HTTPError as e:
        raise Unreachable(f"{url} cannot be reached ({type(e).__name__}: {e}); see `fastyle status`") from None
    if not response.is_success and response.status_code not in accept:
        raise OperatorError(f"{method} {url} answers {response.status_code}: {_said(response)}")
    return dict(response.json()) if response.content else {}


def connection(url: str) -> dict[str, Any]:
    """Options of httpx for an address: for this machine's neither a proxy nor certificates, which take 30 ms to read."""
    is_here = "127.0.0.1" in url
    return {"trust_env": not is_here, "verify": _trusted(is_here)}


@cache
def _trusted(is_here: bool) -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if is_here else httpx.create_ssl_context()


def _said(response: httpx.Response) -> str:
    """The message of an error, whole, for its end says how to mend it; of anything else the beginning."""
    try:
        error = response.json()["error"]
        return error if isinstance(error, str) else str(error["message"])
    except (ValueError, KeyError, TypeError):
        return response.text[:300]


def until_done(endpoints: Endpoints, base: str, path: str, body: Any) -> dict[str, Any]:
    """Call what answers `incomplete` when its time is up, until it is done; return the last report."""
    while True:
        # Headers anew each time: a call takes 25 minutes, a token lives for an hour.
        report = request("POST", f"{base}{path}", headers=service_headers(endpoints, base), body=body, timeout=1800)
        if report.get("state") != "incomplete":
            return report
        click.echo(report["error"], err=True)  # the report alone goes to standard output


def flush(endpoints: Endpoints) -> None:
    """Have the exports of stack local write what they hold: they write every few minutes, as in the cloud, and here
    nobody wants to wait for them."""
    if endpoints.pubsub_control:
        # It answers by itself when nothing moves; however much there is to write may take its time.
        request("POST", f"{endpoints.pubsub_control}/flush", timeout=3600)


def service_headers(endpoints: Endpoints, url: str) -> dict[str, str]:
    """What opens one of the stack's own services: an identity token for `url`, or what stands in its place for the API,
    which is the token of stack local or what Identity-Aware Proxy takes."""
    if endpoints.stack == LOCAL:
        token = endpoints.api_token if url == endpoints.api else _local_token(endpoints, url)
        return {"authorization": f"Bearer {token}"}
    if endpoints.api_iap and url == endpoints.api:
        return {"authorization": f"Bearer {_proxy_token(url)}"}
    return {"authorization": f"Bearer {_identity_token(url)}"}


def access_token() -> str:
    """The operator's own token.

    Raises:
        OperatorError: there are no credentials.
    """
    import google.auth
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request

    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
        credentials.refresh(Request())  # type: ignore[no-untyped-call]
    except GoogleAuthError as e:
        raise NoCredentials(f"no Google credentials here ({e}); run `gcloud auth application-default login`") from None
    return str(credentials.token)


def _proxy_token(url: str) -> str:
    """A JWT for every path of `url`, signed by a service account, which the proxy takes from programs:
    https://docs.cloud.google.com/iap/docs/authentication-howto

    Raises:
        OperatorError: the caller is no service account and names none, or may not sign for it.
    """
    email, now = os.environ.get(SIGNER) or _own_account(), int(time.time())
    if email is None:
        raise NoCredentials(
            "the API is behind Identity-Aware Proxy, which takes a person from a browser only; name a service account "
            f"of fastyle:access.programs or operators for which you have roles/iam.serviceAccountTokenCreator: {SIGNER}=…"
        )
    claims = {"iss": email, "sub": email, "aud": f"{url.rstrip('/')}/*", "iat": now, "exp": now + 3600}
    answer = request(
        "POST",
        f"{IAM_CREDENTIALS}/v1/projects/-/serviceAccounts/{email}:signJwt",
        headers={"authorization": f"Bearer {access_token()}"},
        body={"payload": json.dumps(claims)},
    )
    return str(answer["signedJwt"])


def _own_identity_token(audience: str) -> str | None:
    """An identity token of the account that this runs as, where it may make one for itself; None elsewhere."""
    if (email := _own_account()) is None:
        return None
    try:
        answer = request(
            "POST",
            f"{IAM_CREDENTIALS}/v1/projects/-/serviceAccounts/{email}:generateIdToken",
            headers={"authorization": f"Bearer {access_token()}"},
            body={"audience": audience, "includeEmail": True},
        )
    except OperatorError:
        return None
    return str(answer["token"])


def _own_account() -> str | None:
    """The service account that this runs as, or impersonates; None for a person."""
    import google.auth
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request

    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
        email = getattr(credentials, "service_account_email", None)
        if email == "default":  # a machine's own account has its name only after a look at the metadata server
            credentials.refresh(Request())  # type: ignore[no-untyped-call]
            email = getattr(credentials, "service_account_email", None)
    except GoogleAuthError:
        return None
    return str(email) if email else None


def _local_token(endpoints: Endpoints, audience: str) -> str:
    return str(request("POST", f"{endpoints.control}/identityToken", body={"audience": audience})["token"])


def _identity_token(audience: str) -> str:
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request
    from google.oauth2 import id_token

    try:
        return str(id_token.fetch_id_token(Request(), audience))  # type: ignore[no-untyped-call]
    except GoogleAuthError:
        pass  # a person's or a federated identity's credentials have no identity token of their own
    if token := _own_identity_token(audience):
        return token
    if gcloud := shutil.which("gcloud"):
        result = subprocess.run([gcloud, "auth", "print-identity-token"], capture_output=True, text=True, check=False)
        if result.returncode == 0:
            return result.stdout.strip()
    raise NoCredentials("no identity token can be had here; run `gcloud auth login`, or use a service account")

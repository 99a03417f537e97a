"""The API and the dashboard as people, programs and strangers meet them."""

from __future__ import annotations

import re
import time
from urllib.parse import urljoin, urlsplit

import httpx

from ops.checks import Check, failed, passed, unknown
from ops.endpoints import LOCAL, Endpoints
from ops.google import NoCredentials, service_headers
from ops.verify.journey import credential
from ops.verify.stores import get

_ACCESS = "see docs/operations/access.md#people-and-programs"
_ERRORS = "see docs/operations/alerts.md#errors"
_OWN_CHECK = 'Bearer realm="fastyle"'  # what the API itself answers where nothing stands in front of it
_NOTICED_SECONDS = 90.0
_ASSET = re.compile(r'(?:src|href)="([^"#:]+\.(?:js|css|svg)[^"]*)"').findall


def stranger(endpoints: Endpoints) -> Check:
    """Somebody without any credential is let in to nothing."""
    name, url = "api-stranger", f"{endpoints.api}/v1/inventory?page_size=1"
    answer = get(url)
    if answer.status_code in (401, 403):
        return passed(name, f"refused with {answer.status_code}")
    if answer.is_redirect and urlsplit(answer.headers["location"]).hostname != urlsplit(url).hostname:
        return passed(name, f"sent to sign in at {urlsplit(answer.headers['location']).hostname}")
    return failed(name, f"the API answers a stranger with {answer.status_code}: {answer.text[:100]!r}", _ACCESS)


def callers(endpoints: Endpoints) -> list[Check]:
    """The API with a person's token and with a program's: whichever the caller is, and the other where it can be."""
    url = f"{endpoints.api}/v1/inventory?page_size=1"
    checks_itself = get(url).headers.get("www-authenticate") == _OWN_CHECK
    if checks_itself:  # one kind of token for everybody; a program's is issued, and taken back
        person = (
            _asked("api-person", url, service_headers(endpoints, endpoints.api), "the operator's token")
            if endpoints.stack == LOCAL
            else unknown("api-person", "this stack's API takes tokens of its own (fastyle:access.api_auth: token)")
        )
        return [person, _with_issued(endpoints, url)]
    if endpoints.api_iap:
        headers = service_headers(endpoints, endpoints.api)
        person = unknown(
            "api-person", "Identity-Aware Proxy lets a person in by a browser only", f"open {endpoints.api}"
        )
        return [person, _asked("api-program", url, headers, "a service account, through the proxy,")]
    kind = _kind()
    headers = service_headers(endpoints, endpoints.api)
    mine = _asked(f"api-{kind}", url, headers, f"the caller, a {kind}")
    if kind == "program":
        other = unknown("api-person", "the caller is a program", "run this once as a person as well: gcloud auth login")
    else:
        other = unknown(
            "api-program", "the caller is a person", "the deploy workflow runs this as a program after each `up`"
        )
    return [mine, other]


def dashboard(endpoints: Endpoints) -> Check:
    """The page, and everything that it names, as a browser would load them."""
    name, url = "dashboard", f"{endpoints.api}/"
    headers = service_headers(endpoints, endpoints.api)
    page = get(url, headers)
    if page.status_code != 200 or "<html" not in page.text[:500].lower():
        return failed(name, f"GET {url} answers {page.status_code}: {page.text[:100]!r}", _ERRORS)
    assets = sorted({urljoin(url, asset) for asset in _ASSET(page.text)})
    if not assets:
        return failed(name, f"the page at {url} names no script and no style", "deploy it again: `pulumi up`")
    missing = [f"{asset} answers {s}" for asset in assets if (s := get(asset, headers).status_code) != 200]
    if missing:
        return failed(name, "; ".join(missing[:5]), "deploy it again: `pulumi up`")
    return passed(name, f"the page and the {len(assets)} files that it names are served")


def _with_issued(endpoints: Endpoints, url: str) -> Check:
    """A credential issued for the moment: the way of every program's token, from Secret Manager to the API."""
    deadline = time.monotonic() + _NOTICED_SECONDS
    with credential(endpoints, "api_credentials", ["*"], None) as token:
        while True:
            check = _asked("api-program", url, {"authorization": f"Bearer {token}"}, "a token issued for this")
            if check.state == "passed" or time.monotonic() > deadline:
                return check
            time.sleep(0.5)


def _asked(name: str, url: str, headers: dict[str, str], who: str) -> Check:
    answer: httpx.Response = get(url, headers)
    if answer.status_code != 200:
        words = " ".join(answer.text.split())[:200]
        mend = _ACCESS if answer.status_code in (302, 401, 403) else _ERRORS
        return failed(name, f"{who} is answered {answer.status_code}: {words}", mend)
    try:
        answer.json()["items"]
    except (ValueError, KeyError, TypeError):
        return failed(name, f"{who} is answered with something else than a list: {answer.text[:100]!r}", _ACCESS)
    return passed(name, f"{who} is answered in {answer.elapsed.total_seconds() * 1000:.0f} ms")


def _kind() -> str:
    """Whether the caller's Google credentials are a person's or a program's."""
    import google.auth
    from google.auth.exceptions import GoogleAuthError
    from google.oauth2.credentials import Credentials

    try:
        credentials, _ = google.auth.default()
    except GoogleAuthError as error:
        raise NoCredentials(
            f"no Google credentials here ({error}); run `gcloud auth application-default login`"
        ) from None
    return "person" if isinstance(credentials, Credentials) else "program"

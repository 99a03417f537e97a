"""Who is answered by the pipeline's service where no platform checks that before it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.support.jobs import settings
from tests.support.push import Issuer
from workloads.pipeline import operating, replay, runner, service
from workloads.pipeline.service import ServiceSettings
from workloads.runtime.identity_token import CallerSettings, IdentityTokenVerifier
from workloads.runtime.settings import SettingsError, load

OPERATIONS: tuple[tuple[str, Any, str], ...] = (
    ("/run", runner, "run"),
    ("/replay", replay, "replay"),
    ("/quality/redrive", operating, "redrive"),
)


async def test_without_a_token_of_the_issuer_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user of a developer's machine could start a run, replay the lake and have the quarantine judged again."""
    begun: list[str] = []

    def note(name: str) -> Any:
        def begin(*_: Any, **__: Any) -> None:
            begun.append(name)
            raise runner.NotReady("no schema yet")

        return begin

    for _, module, name in OPERATIONS:
        monkeypatch.setattr(module, name, note(name))
    issuer = Issuer()
    checks = CallerSettings(oidc_issuer=issuer.url, oidc_certs_url=issuer.url + "/v1")
    transport = httpx.ASGITransport(app=service.create_app(settings("postgresql:///x"), IdentityTokenVerifier(checks)))
    good = {"authorization": f"Bearer {issuer.token()}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://pipeline") as client:
        issuer.broken = True
        answer = await client.post("/run", headers=good)
        assert (answer.status_code, issuer.url in answer.json()["error"], begun) == (503, True, [])
        issuer.broken = False
        assert (await client.get("/health")).status_code == 200
        for path in (*(path for path, *_ in OPERATIONS), "/quality/waive"):
            for given in ("", "Bearer x", f"Bearer {issuer.token(iss='https://evil.example')}"):
                answer = await client.post(path, headers={"authorization": given})
                assert (answer.status_code, answer.json()["status"]) == (401, "refused"), path
        assert begun == []
        for path, _, name in OPERATIONS:
            assert (await client.post(path, headers=good)).status_code == 503, path
            assert begun.pop() == name
        assert (await client.post("/quality/waive", headers=good)).status_code == 400, (
            "it is judged by what it asks for"
        )
    issuer.close()


def test_it_does_not_start_where_nobody_would_check_its_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's issuer signs for everybody who has an account."""
    for name, value in settings("postgresql:///x").model_dump(mode="json").items():
        monkeypatch.setenv(name.upper(), str(value))
    with pytest.raises(SettingsError, match=r"nobody would check who calls.*set INVOKER_CHECK to platform"):
        load(ServiceSettings)
    monkeypatch.setenv("INVOKER_CHECK", "platform")
    assert load(ServiceSettings).platform_checks
    monkeypatch.setenv("OIDC_ISSUER", "http://127.0.0.1:1")
    assert not load(ServiceSettings).platform_checks, "a local stack says platform, as the cloud does"

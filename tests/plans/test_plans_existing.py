"""A stack that exists is planned without its passphrase, its key and any credential: by a reviewer, and by a fork's CI."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from fastyle_localcloud.engine.bootstrap import ensure_engine
from fastyle_policies.pricing import documents

from ops.cost import Request, priced
from ops.plan import plan
from tests.support.configuration import REPOSITORY, configuration
from tests.support.plans import PROGRAM

CREDENTIALS = {
    "GOOGLE_CREDENTIALS": '{"type": "authorized_user", "refresh_token": "stale"}',
    "GOOGLE_APPLICATION_CREDENTIALS": "/nowhere/key.json",
    "PULUMI_ACCESS_TOKEN": "pul-stale",
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout whose owner ran `pulumi stack init dev` with a passphrase of their own, and set a secret."""
    folder = tmp_path / "copy"
    for name in ("infra", "state", "archives"):
        (folder / name).mkdir(parents=True)
    text = PROGRAM.format(repository=str(REPOSITORY), archives=str(folder / "archives"))
    (folder / "infra" / "__main__.py").write_text(text, encoding="utf-8")
    (folder / "Pulumi.yaml").write_text((REPOSITORY / "Pulumi.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": configuration("dev")}), encoding="utf-8")
    owner = os.environ | {"PULUMI_BACKEND_URL": f"file://{folder}/state", "PULUMI_CONFIG_PASSPHRASE": "theirs alone"}
    engine = str(ensure_engine(print).pulumi)
    for arguments in (
        ["stack", "init", "dev"],
        ["config", "set", "--secret", "--stack", "dev", "fastyle:billing_account", "0A0A0A-0B0B0B-0C0C0C"],
    ):
        subprocess.run([engine, *arguments, "--non-interactive"], cwd=folder, env=owner, check=True)
    return folder


def test_a_stack_that_exists_is_planned_by_who_has_nothing_of_it(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = copy / "Pulumi.dev.yaml"
    before = file.read_text(encoding="utf-8")
    assert "encryptionsalt" in before
    assert "secure" in before
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "not theirs")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "gs://nobody-s")

    planned = plan("dev", repository=copy)

    assert len([r for r in planned.resources if r["type"].startswith("gcp:")]) > 100
    assert "fastyle:billing_account" in planned.notes[0]
    assert "0A0A0A" not in str(planned.document)
    assert [v for v in planned.violations if v["enforcementLevel"] == "mandatory"] == []
    assert priced(documents.read(planned.document), Request(stack="dev")).total > 0
    assert file.read_text(encoding="utf-8") == before

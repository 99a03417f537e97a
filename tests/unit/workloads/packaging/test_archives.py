"""Archives: the same commit gives the same bytes, and what is inside starts without this repository."""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from workloads.packaging import archives
from workloads.packaging.archives import REPOSITORY, PackagingError, build, load

pytestmark = pytest.mark.slow


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small repository with one service and one function, sharing this one's lock file."""
    root = tmp_path / "here"
    for folder in ("workloads/events", "workloads/runtime", "workloads/api", "workloads/pos_api", "sql", "components"):
        (root / folder).mkdir(parents=True)
    for name in ("uv.lock", "pyproject.toml", "components/pyproject.toml", "README.md"):
        shutil.copy(REPOSITORY / name, root / name)
    for folder in ("", "events", "runtime", "api", "pos_api"):
        (root / "workloads" / folder / "__init__.py").write_text("")
    code = "import orjson\ndef start(request=None):\n    print(orjson.dumps('started').decode())\n"
    (root / "workloads/api/app.py").write_text(code)
    (root / "workloads/pos_api/app.py").write_text(code)
    (root / "sql/query.sql").write_text("SELECT 1\n")
    declare(root, "api", 'kind = "service"\ngroup = "runtime"\nentry = "workloads.api.app:start"\ninclude = ["sql"]\n')
    declare(root, "pos_api", 'kind = "function"\ngroup = "runtime"\nentry = "workloads.pos_api.app:start"\n')
    return root


def declare(root: Path, name: str, text: str) -> None:
    (root / "workloads" / name / "workload.toml").write_text(text)


@pytest.mark.parametrize("name", ["api", "pos_api"])
def test_same_commit_same_bytes_in_another_folder_with_another_cache(
    repository: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "else where"
    shutil.copytree(repository, elsewhere)
    for f in elsewhere.rglob("*"):
        f.touch()
    (elsewhere / "sql/query.sql").chmod(0o700)
    first = build(name, tmp_path / "out1", repository)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    second = build(name, tmp_path / "out2", elsewhere)
    assert second.name == first.name
    assert second.read_bytes() == first.read_bytes()
    assert first.name == f"{name}-{hashlib.sha256(first.read_bytes()).hexdigest()}{load(name, repository).suffix}"


def test_service_archive_starts_without_the_repository(repository: Path, tmp_path: Path) -> None:
    archive = build("api", tmp_path / "out", repository)
    with tarfile.open(archive) as t:
        t.extractall(tmp_path / "unpacked")
    # -I -S: nothing of this environment helps it
    run = subprocess.run(
        [sys.executable, "-I", "-S", "main.py"], cwd=tmp_path / "unpacked", capture_output=True, text=True, check=False
    )
    assert run.stdout == '"started"\n', run.stderr
    assert (tmp_path / "unpacked/sql/query.sql").read_text() == "SELECT 1\n"
    manifest = json.loads((tmp_path / "unpacked/MANIFEST.json").read_text())
    assert manifest["kind"] == "service"
    assert any(pin.startswith("orjson==") for pin in manifest["requirements"])
    assert not any("fastyle" in pin for pin in manifest["requirements"])


def test_function_archive_exposes_handle_and_its_locked_requirements(repository: Path, tmp_path: Path) -> None:
    archive = build("pos_api", tmp_path / "out", repository)
    with zipfile.ZipFile(archive) as z:
        assert z.testzip() is None
        z.extractall(tmp_path / "unpacked")
        assert b"--hash=sha256:" in z.read("requirements.txt")
    code = "import main; main.handle()"
    run = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=tmp_path / "unpacked", capture_output=True, text=True, check=False
    )
    assert run.stdout == '"started"\n', run.stderr


def test_changed_source_changes_the_name_and_unchanged_source_is_not_built_again(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build("api", tmp_path / "out", repository)
    with monkeypatch.context() as m:
        m.setattr(archives, "_uv", lambda *_: pytest.fail("built again"))
        assert build("api", tmp_path / "out", repository) == first
    (repository / "workloads/events/__init__.py").write_text("x = 1\n")
    assert build("api", tmp_path / "out", repository) != first


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('kind = "job"\ngroup = "api"\nentry = "a:b"\n', "use service or function"),
        ('kind = "service"\nentry = "a:b"\n', "needs kind, group and entry"),
        ('kind = "service"\ngroup = "nosuch"\nentry = "a:b"\n', "nosuch"),
        ('kind = "service"\ngroup = "api"\nentry = "a:b"\ninclude = ["nowhere"]\n', "'nowhere' does not exist"),
    ],
)
def test_mistakes_in_a_declaration_are_named(repository: Path, tmp_path: Path, text: str, words: str) -> None:
    declare(repository, "api", text)
    with pytest.raises(PackagingError, match=r"workloads/api|uv export") as e:
        build("api", tmp_path / "out", repository)
    assert words in str(e.value)


def test_an_archive_over_the_limit_is_refused(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "SIZE_LIMIT", 1000)
    with pytest.raises(PackagingError, match="over Cloud Run's"):
        build("api", tmp_path / "out", repository)

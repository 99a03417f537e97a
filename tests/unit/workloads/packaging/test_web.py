"""Browser libraries: the same files whoever brings npm, with their licences, and in the bill."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from pathlib import Path

import pytest

from tools import sbom
from workloads.api.app import STATIC
from workloads.packaging import web
from workloads.packaging.archives import REPOSITORY, load

pytestmark = pytest.mark.slow

FOLDER = REPOSITORY / "workloads" / "api" / "web"


def digests(folder: Path) -> dict[str, str]:
    files = (f for f in folder.rglob("*") if f.is_file())
    return {f.relative_to(folder).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of this module's own: the packages are fetched once, by the npm of this machine."""
    return tmp_path_factory.mktemp("theirs")


def test_npm_of_this_machine_and_of_the_lock_bring_the_same_files(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = web.install(FOLDER, cache, REPOSITORY)
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "npm" else which(name))
    ours = web.install(FOLDER, tmp_path / "ours", REPOSITORY)
    assert digests(ours) == digests(theirs)
    assert web.install(FOLDER, tmp_path / "ours", REPOSITORY) == ours, "found ready"


def test_each_package_is_locked_by_its_hash_and_brings_its_licence(cache: Path) -> None:
    packages = web.locked(FOLDER)
    assert {"d3", "@observablehq/plot"} <= {p.name for p in packages}
    assert all(p.integrity.startswith("sha512-") and p.licence in sbom.ALLOWED for p in packages)
    files = dict(web.files(FOLDER, load("api").web, cache, REPOSITORY))
    assert {"web/plot.umd.min.js", "web/d3.min.js", "web/licenses/d3.txt"} <= set(files)
    assert len([name for name in files if name.startswith("web/licenses/")]) == len(packages)


def test_all_that_the_page_loads_is_light(cache: Path) -> None:
    libraries = [f for name, f in web.files(FOLDER, load("api").web, cache, REPOSITORY) if name.endswith(".js")]
    ours = [f for f in STATIC.rglob("*") if f.is_file()]
    compressed = {f.name: len(gzip.compress(f.read_bytes(), 9)) for f in (*libraries, *ours)}
    assert sum(compressed.values()) < 250_000, compressed


def test_a_changed_package_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "web"
    shutil.copytree(FOLDER, folder)
    lock = folder / "package-lock.json"
    [d3] = [p for p in web.locked(FOLDER) if p.name == "d3"]
    lock.write_text(lock.read_text().replace(d3.integrity, f"sha512-{'A' * 86}=="))
    with pytest.raises(web.WebError, match="npm ci failed"):
        web.install(folder, tmp_path / "cache", REPOSITORY)


def test_a_file_that_no_package_has_is_named(cache: Path) -> None:
    with pytest.raises(web.WebError, match=r"d3/dist/none\.js.*workload\.toml"):
        dict(web.files(FOLDER, ("d3/dist/none.js",), cache, REPOSITORY))


def test_without_npm_and_uv_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(web.WebError, match="make setup"):
        web.install(FOLDER, tmp_path, REPOSITORY)


def test_the_bill_of_the_api_names_what_its_page_is_made_of() -> None:
    components = {c["name"]: c for c in sbom.archive_bill("api")["components"]}
    assert components["@observablehq/plot"]["purl"].startswith("pkg:npm/%40observablehq/plot@")
    assert components["d3"]["licenses"] == [{"expression": "ISC"}]

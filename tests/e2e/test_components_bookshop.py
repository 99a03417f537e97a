"""Another company's use of the components: installed from the wheel, away from this repository, and really running.

The example of a bookshop runs under a Python that has `fastyle-components` and nothing else of ours, as a stack of its
own in the session's local cloud; then a sale is published, and arrives in the bookshop's lake and warehouse.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.api_core.exceptions import InvalidArgument
from google.pubsub_v1 import PublisherClient, PubsubMessage
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from tests.support.checkout import Checkout

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "components"
PROJECT, STACK = "bookshop-1", "scratch-bookshop"


def uv(*arguments: str, cwd: Path = REPOSITORY) -> str:
    done = subprocess.run(["uv", *arguments], cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheel, which is built from the source archive, and the source archive."""
    out = tmp_path_factory.mktemp("dist")
    uv("build", "--quiet", "--out-dir", str(out), str(PACKAGE))
    return {"wheel": next(out.glob("*.whl")), "source": next(out.glob("*.tar.gz"))}


@pytest.fixture(scope="module")
def python(distributions: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel, at the versions that the lock names for it, and nothing else of ours."""
    home = tmp_path_factory.mktemp("bookshop-env")
    pins = uv("export", "--frozen", "--quiet", "--package", "fastyle-components", "--no-emit-workspace", "--no-hashes")
    (home / "pins.txt").write_text(pins, encoding="utf-8")
    uv("venv", "--quiet", "--python", "3.11", str(home / "venv"))
    interpreter = home / "venv" / "bin" / "python"
    command = ("pip", "install", "--quiet", "--python", str(interpreter), "--constraint", str(home / "pins.txt"))
    uv(*command, str(distributions["wheel"]))
    return interpreter


def test_the_package_holds_itself_and_no_more(distributions: dict[str, Path]) -> None:
    version = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    with zipfile.ZipFile(distributions["wheel"]) as wheel:
        names = wheel.namelist()
        metadata = wheel.read(f"fastyle_components-{version}.dist-info/METADATA").decode()
    assert {name.split("/")[0] for name in names} == {"fastyle_components", f"fastyle_components-{version}.dist-info"}
    assert "fastyle_components/py.typed" in names, "its users' type checkers read the annotations"
    assert any(name.endswith("licenses/LICENSE") for name in names)
    needs = {
        line.split()[1].rstrip("<>=0123456789.,") for line in metadata.splitlines() if line[:14] == "Requires-Dist:"
    }
    assert needs == {"pulumi", "pulumi-gcp"}
    assert f"## {version}" in (PACKAGE / "CHANGELOG.md").read_text(encoding="utf-8"), "a version says what is new in it"
    with tarfile.open(distributions["source"]) as source:
        inside = {name.partition("/")[2] for name in source.getnames()}
    assert {"PulumiPlugin.yaml", "__main__.py", "REFERENCE.md", "CHANGELOG.md", "README.md"} <= inside


def test_it_imports_where_nothing_else_of_ours_is(python: Path, tmp_path: Path) -> None:
    code = (
        "import importlib.util as u, json, fastyle_components as f;"
        "print(json.dumps([f.__file__, len(f.COMPONENTS), [m for m in ('infra', 'policies', 'ops') if u.find_spec(m)]]))"
    )
    done = subprocess.run([python, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    file, components, ours = json.loads(done.stdout)
    assert Path(file).is_relative_to(python.parents[1])
    assert components >= 15
    assert ours == []


class Bookshop:
    """The example as another company has it: its own folder, its own Python, its own state."""

    def __init__(self, folder: Path, stack: Checkout, python: Path) -> None:
        self.folder, self.endpoints = folder, stack.endpoints
        shutil.copytree(PACKAGE / "examples" / "minimal", folder / "program")
        # The local cloud's language host is started by that Python too: it gets this one package beside its own.
        (folder / "host").mkdir()
        (folder / "host" / "localcloud").symlink_to(stack.root / "localcloud")
        lines = stack.fastyle("env").stdout.splitlines()
        exports = dict(line.removeprefix("export ").split("=", 1) for line in lines if line.startswith("export "))
        (folder / "state").mkdir()
        self.environment = {
            **os.environ,
            **{name: value.strip("'") for name, value in exports.items()},
            "LOCALCLOUD_PYTHON": str(python),
            "VIRTUAL_ENV": str(python.parents[1]),
            "PYTHONPATH": str(folder / "host"),
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        }

    def pulumi(self, *arguments: str, ok: bool = True) -> str:
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color", "never"],
            cwd=self.folder / "program",
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert (done.returncode == 0) is ok, done.stdout + done.stderr
        return done.stdout

    def leave(self) -> None:
        """Give the shop up: everything in it is protected until its owner says otherwise."""
        path = self.folder / "program" / "__main__.py"
        text = path.read_text(encoding="utf-8")
        text = text.replace("**place}", '**place, "deletion_protection": False}')
        text = text.replace("storage=fastyle.Storage", "deletion_protection=False,\n    storage=fastyle.Storage")
        path.write_text(text.replace('"bucket_name"', '"force_destroy": True, "bucket_name"'), encoding="utf-8")
        self.pulumi("up", "--yes", "--skip-preview", "--stack", STACK)
        self.pulumi("destroy", "--yes", "--skip-preview", "--stack", STACK)


@pytest.fixture(scope="module")
def bookshop(stack: Checkout, python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bookshop]:
    shop = Bookshop(tmp_path_factory.mktemp("bookshop"), stack, python)
    shop.pulumi("stack", "init", STACK)
    # The number is the local cloud's: grants to Pub/Sub's agent are grants to the one that is here.
    for key, value in (
        ("gcp:project", PROJECT),
        ("project_number", "100000000001"),
        ("billing_account", "000000-000000-000000"),
    ):
        shop.pulumi("config", "set", key, value, "--stack", STACK)
    yield shop
    shop.leave()  # the session's stack is left as it was


@pytest.mark.local
def test_a_bookshops_sale_reaches_its_lake_and_warehouse(bookshop: Bookshop, eventually: Callable[..., None]) -> None:
    bookshop.pulumi("up", "--yes", "--skip-preview", "--stack", STACK)
    outputs = json.loads(bookshop.pulumi("stack", "output", "--json", "--stack", STACK))
    assert outputs == {"topic": f"projects/{PROJECT}/topics/book-sales"}
    bookshop.pulumi("preview", "--expect-no-changes", "--stack", STACK)

    endpoints = bookshop.endpoints
    sale = {"isbn": "9780141439518", "price": "7.99", "sold_at": "2026-01-05T10:00:00Z"}
    with grpc.insecure_channel(endpoints["pubsub"]) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        [message] = publisher.publish(
            topic=outputs["topic"], messages=[PubsubMessage(data=json.dumps(sale).encode())]
        ).message_ids
        with pytest.raises(InvalidArgument):
            publisher.publish(topic=outputs["topic"], messages=[PubsubMessage(data=b'{"isbn": 1}')])

    def get(base: str, path: str) -> Any:
        return httpx.get(f"{endpoints[base]}{path}", timeout=30, trust_env=False).raise_for_status().json()

    objects = f"/storage/v1/b/{PROJECT}-lake/o"
    httpx.post(f"{endpoints['pubsub_control']}/flush", timeout=60, trust_env=False).raise_for_status()
    eventually(lambda: get("storage", objects).get("items"), "the sale is not in the bookshop's lake")
    query = {"query": "SELECT isbn, price, message_id FROM raw.sales", "useLegacySql": False}
    answer = httpx.post(
        f"{endpoints['bigquery']}/bigquery/v2/projects/{PROJECT}/queries", json=query, timeout=60, trust_env=False
    )
    rows = [[cell["v"] for cell in row["f"]] for row in answer.raise_for_status().json().get("rows", [])]
    assert rows == [[sale["isbn"], sale["price"], message]]


@pytest.mark.local
def test_nobody_destroys_a_bookshop_by_mistake(bookshop: Bookshop) -> None:
    """Protection is the components' default: the data stays, whatever Pulumi is told."""
    refused = bookshop.pulumi("destroy", "--yes", "--skip-preview", "--stack", STACK, ok=False)
    assert "cannot be deleted" in refused
    assert "because it is protected" in refused
    assert "Subscription::sales-to-" in refused, "its backlog would go first"
    lake = httpx.get(f"{bookshop.endpoints['storage']}/storage/v1/b/{PROJECT}-lake/o", timeout=30, trust_env=False)
    assert lake.json()["items"]
    bookshop.pulumi("up", "--yes", "--skip-preview", "--stack", STACK)  # what had no data comes back

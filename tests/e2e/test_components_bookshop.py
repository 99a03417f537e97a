"""Another company's use of the three packages: installed from their wheels, away from this repository, really running.

A bookshop has a folder, a Python of its own with `fastyle-components`, `fastyle-policies` and `fastyle-localcloud`, and
nothing else of ours. By the commands of their READMEs it starts a local cloud, plans and prices its forty lines, has them
judged by its own settings and brings them up; then a sale is published, and arrives in its lake and warehouse.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.api_core.exceptions import InvalidArgument
from google.pubsub_v1 import PublisherClient, PubsubMessage
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from tests.support.checkout import share_compiled

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("components", "policies", "localcloud")
PROJECT, STACK = "bookshop-1", "dev"


def uv(*arguments: str) -> str:
    done = subprocess.run(["uv", *arguments], cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Path]]:
    """Of each package the wheel, which is built from the source archive, and the source archive."""
    out = tmp_path_factory.mktemp("dist")
    for package in PACKAGES:
        uv("build", "--quiet", "--package", f"fastyle-{package}", "--out-dir", str(out))
    return {
        package: {
            "wheel": next(out.glob(f"fastyle_{package}-*.whl")),
            "source": next(out.glob(f"fastyle_{package}-*.gz")),
        }
        for package in PACKAGES
    }


@cache
def pins() -> str:
    """What the lock names for all that the packages need."""
    chosen = ("--frozen", "--quiet", "--no-emit-workspace", "--no-hashes")
    return "".join(uv("export", *chosen, "--package", f"fastyle-{package}") for package in PACKAGES)


def environment_of(home: Path, *wheels: Path) -> Path:
    """The Python of a fresh environment with these wheels, at the versions that the lock names for what they need."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "pins.txt").write_text(pins(), encoding="utf-8")
    uv("venv", "--quiet", "--python", "3.11", str(home / ".venv"))
    python = home / ".venv" / "bin" / "python"
    command = ("pip", "install", "--quiet", "--python", str(python), "--constraint", str(home / "pins.txt"))
    uv(*command, *map(str, wheels))
    share_compiled(Path(sys.prefix), home / ".venv")  # what they need, as this environment has it compiled
    return python


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_holds_itself_and_no_more(package: str, distributions: dict[str, dict[str, Path]]) -> None:
    folder, module = REPOSITORY / package, f"fastyle_{package}"
    declared = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    with zipfile.ZipFile(distributions[package]["wheel"]) as wheel:
        names = wheel.namelist()
    about = f"{module}-{declared['version']}.dist-info"
    assert {name.split("/")[0] for name in names} == {module, about}
    assert f"{module}/py.typed" in names, "its users' type checkers read the annotations"
    assert any(name.endswith("licenses/LICENSE") for name in names)
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", module],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert {path for path in tracked.stdout.split() if (folder / path).exists()} <= set(names), "data files, too"
    assert f"## {declared['version']}" in (folder / "CHANGELOG.md").read_text(encoding="utf-8"), "what is new in it"
    with tarfile.open(distributions[package]["source"]) as source:
        inside = {name.split("/")[1] for name in source.getnames() if "/" in name}
    assert {"CHANGELOG.md", "README.md", "LICENSE", "examples"} <= inside
    if package == "policies":
        assert not inside & {"config", "config.json", "usage", "__main__.py"}, "the settings of this program"
    if package == "components":
        assert {"PulumiPlugin.yaml", "__main__.py", "REFERENCE.md"} <= inside


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_imports_where_only_the_wheel_is(
    package: str, distributions: dict[str, dict[str, Path]], tmp_path: Path
) -> None:
    """What a module needs is declared, and nothing of this repository is needed."""
    python = environment_of(tmp_path, distributions[package]["wheel"])
    others = ["infra", "ops", "tools", "workloads", "policies", "tests"]
    others += [f"fastyle_{other}" for other in PACKAGES if other != package]
    code = f"""
import importlib, importlib.util, json, pkgutil
import fastyle_{package} as package
names = [module.name for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
names = [name for name in names if not name.endswith("__main__")]
for name in names:
    importlib.import_module(name)
print(json.dumps([package.__file__, len(names), [other for other in {others!r} if importlib.util.find_spec(other)]]))
"""
    done = subprocess.run([python, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    file, modules, ours = json.loads(done.stdout.splitlines()[-1])
    assert Path(file).is_relative_to(python.parents[1])
    assert modules >= 20
    assert ours == []


class Bookshop:
    """Another company: its folder with its program and policies, its Python, its local cloud."""

    def __init__(self, folder: Path, wheels: list[Path]) -> None:
        self.folder, self.environment = folder, dict[str, str]()
        shutil.copytree(REPOSITORY / "components" / "examples" / "minimal", folder / "shop")
        self.program = folder / "shop"
        (self.program / "pyproject.toml").unlink()  # it has its environment already
        self.python = environment_of(self.program, *wheels)
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "FASTYLE_", "PULUMI_", "VIRTUAL_ENV"))
        }
        self.environment = {
            **kept,
            "PATH": f"{self.python.parent}:{os.environ['PATH']}",
            "VIRTUAL_ENV": str(self.python.parents[1]),
        }

    def run(self, *command: str, ok: bool = True) -> str:
        """A command in the program's folder and environment."""
        done = subprocess.run(
            command,
            cwd=self.program,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert (done.returncode == 0) is ok, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def cloud(self, *arguments: str) -> str:
        return self.run("python", "-m", "fastyle_localcloud", *arguments)

    def pulumi(self, *arguments: str, ok: bool = True) -> str:
        return self.run("pulumi", *arguments, "--stack", STACK, "--non-interactive", "--color", "never", ok=ok)

    def start(self) -> None:
        """The local cloud, and this shell's part of it."""
        self.cloud("up", "--project", PROJECT, "--stacks", STACK)
        exports = re.findall(r"^export (\w+)='?([^'\n]*)'?$", self.cloud("env"), re.MULTILINE)
        self.environment |= {name: value for name, value in exports if name != "VIRTUAL_ENV"}

    @property
    def endpoints(self) -> dict[str, Any]:
        return dict(json.loads((self.program / ".localcloud" / "daemon.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def bookshop(distributions: dict[str, dict[str, Path]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bookshop]:
    folder = tmp_path_factory.mktemp("bookshop")
    shop = Bookshop(folder, [built["wheel"] for built in distributions.values()])
    try:
        shop.start()
        shop.run("pulumi", "stack", "init", STACK, "--non-interactive")
        # The number is the local cloud's: grants to Pub/Sub's agent are grants to the one that is here.
        for key, value in (
            ("gcp:project", PROJECT),
            ("project_number", "100000000001"),
            ("billing_account", "000000-000000-000000"),
        ):
            shop.pulumi("config", "set", key, value)
        shop.run("fastyle-policies", "init", "policies")
        yield shop
    finally:
        shop.cloud("down")


SETTINGS = REPOSITORY / "policies" / "examples" / "bookshop"


@pytest.mark.local
def test_a_bookshop_is_judged_by_its_own_settings_and_priced_by_its_own_usage(bookshop: Bookshop) -> None:
    """The pack as it is written stops it, in its own words; with what the shop decided it passes."""
    stopped = bookshop.pulumi("preview", "--policy-pack", "policies", ok=False)
    assert "budget-currency" in stopped
    assert "no alert policy watches backlog" in stopped
    shutil.copytree(SETTINGS, bookshop.program / "policies", dirs_exist_ok=True)
    passed = bookshop.pulumi("preview", "--policy-pack", "policies")
    assert "google-cloud@" in passed, "the pack was there"
    assert "[mandatory]" not in passed
    narrow = bookshop.program / "policies" / "narrow.json"
    narrow.write_text('{"spend-ceiling": {"maximum": 0.01}}', encoding="utf-8")
    dear = bookshop.pulumi(
        "preview", "--policy-pack", "policies", "--policy-pack-config", "policies/narrow.json", ok=False
    )
    assert "above its ceiling of 0.01" in dear

    plan = bookshop.program / "plan.json"
    plan.write_text(bookshop.pulumi("preview", "--json"), encoding="utf-8")
    idle = json.loads(bookshop.run("fastyle-policies", "cost", "plan.json", "--format", "json"))
    assert float(idle["monthly"]["total"]) == 0, "nothing of it is always on"
    assert idle["not_estimated"] == []
    usage = ("--usage", "policies/usage/month.yaml", "--format", "json")
    months = {
        month: json.loads(bookshop.run("fastyle-policies", "cost", "plan.json", "--month", month, *usage))
        for month in ("ordinary", "sale")
    }
    assert 0 < float(months["ordinary"]["monthly"]["total"]) < float(months["sale"]["monthly"]["total"]) < 30


@pytest.mark.local
def test_a_bookshops_sale_reaches_its_lake_and_warehouse(bookshop: Bookshop, eventually: Callable[..., None]) -> None:
    bookshop.pulumi("up", "--yes", "--skip-preview", "--policy-pack", "policies")
    outputs = json.loads(bookshop.pulumi("stack", "output", "--json"))
    assert outputs == {"topic": f"projects/{PROJECT}/topics/book-sales"}
    bookshop.pulumi("preview", "--expect-no-changes")

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
    refused = bookshop.pulumi("destroy", "--yes", "--skip-preview", ok=False)
    assert "cannot be deleted" in refused
    assert "because it is protected" in refused
    assert "Subscription::sales-to-" in refused, "its backlog would go first"
    lake = httpx.get(f"{bookshop.endpoints['storage']}/storage/v1/b/{PROJECT}-lake/o", timeout=30, trust_env=False)
    assert lake.json()["items"]
    bookshop.pulumi("up", "--yes", "--skip-preview")  # what had no data comes back
    leave(bookshop)


def leave(shop: Bookshop) -> None:
    """Give the shop up: everything in it is protected until its owner says otherwise."""
    path = shop.program / "__main__.py"
    text = path.read_text(encoding="utf-8")
    text = text.replace("**place}", '**place, "deletion_protection": False}')
    text = text.replace("storage=fastyle.Storage", "deletion_protection=False,\n    storage=fastyle.Storage")
    path.write_text(text.replace('"bucket_name"', '"force_destroy": True, "bucket_name"'), encoding="utf-8")
    shop.pulumi("up", "--yes", "--skip-preview")
    shop.pulumi("destroy", "--yes", "--skip-preview")

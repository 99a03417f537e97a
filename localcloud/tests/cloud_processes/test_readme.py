"""The README's example, as a stranger follows it: an environment with the wheel, a program, and nothing else of ours."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.pubsub_v1 import PublisherClient, PubsubMessage
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

PACKAGE = Path(__file__).resolve().parents[2]
EXAMPLE = PACKAGE / "examples" / "orders"
PRICES = "bread,3\n"
OBJECT = """
gcp.storage.BucketObject("prices", bucket=lake.name, name="prices.csv", source=pulumi.FileAsset("prices.csv"))
"""


def uv(*arguments: str) -> None:
    done = subprocess.run(["uv", *arguments], cwd=PACKAGE, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, at the versions of the lock."""
    home = tmp_path_factory.mktemp("stranger")
    uv("build", "--quiet", "--wheel", "--out-dir", str(home / "dist"), str(PACKAGE))
    pins = ("--package", "fastyle-localcloud", "--no-emit-workspace", "--no-hashes")
    uv("export", "--frozen", "--quiet", *pins, "--output-file", str(home / "pins.txt"))
    uv("venv", "--quiet", "--python", "3.11", str(home / "venv"))
    interpreter = home / "venv" / "bin" / "python"
    (wheel,) = (home / "dist").glob("*.whl")
    uv("pip", "install", "--quiet", "--python", str(interpreter), "--constraint", str(home / "pins.txt"), str(wheel))
    return interpreter


class Shell:
    """The README's commands in the example's folder, with that environment's Python first on PATH."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder = folder
        kept = {name: os.environ[name] for name in ("HOME", "XDG_CACHE_HOME") if name in os.environ}
        self._environment = {**kept, "PATH": f"{python.parent}:/usr/bin:/bin"}

    def run(self, commands: list[str]) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(commands)],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def commands() -> list[str]:
    block = re.search(r"```console\n(.*?)```", (PACKAGE / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    lines = [line.removeprefix("$ ") for line in block[1].splitlines()]
    assert lines.pop(0) == "pip install fastyle-localcloud"
    return lines


@pytest.mark.local
@pytest.mark.slow
def test_a_strangers_program_lives_on_the_wheel_alone(tmp_path: Path, python: Path) -> None:
    shell = Shell(tmp_path / "orders", python)
    shutil.copytree(EXAMPLE, shell.folder)
    (shell.folder / "prices.csv").write_text(PRICES, encoding="utf-8")
    with (shell.folder / "__main__.py").open("a", encoding="utf-8") as program:
        program.write(OBJECT)
    lines = commands()
    end = next(n for n, line in enumerate(lines) if "destroy" in line)
    [environment] = [line for line in lines if line.startswith("eval")]
    try:
        said = shell.run(lines[:end])
        assert "11 created" in said
        daemon = json.loads((shell.folder / ".localcloud" / "daemon.json").read_text(encoding="utf-8"))
        with grpc.insecure_channel(daemon["pubsub"]) as channel:
            publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
            publisher.publish(topic="projects/my-project/topics/orders", messages=[PubsubMessage(data=b"a book")])
        httpx.post(f"{daemon['pubsub_control']}/flush", timeout=60, trust_env=False).raise_for_status()
        assert rows(daemon["bigquery"]) == ["a book"]
        objects = httpx.get(f"{daemon['storage']}/storage/v1/b/my-project-orders/o", trust_env=False).json()
        [delivered] = [item["name"] for item in objects["items"] if item["name"] != "prices.csv"]
        assert delivered.startswith("20")
        prices = httpx.get(
            f"{daemon['storage']}/storage/v1/b/my-project-orders/o/prices.csv?alt=media", trust_env=False
        )
        assert prices.text == PRICES, "a relative path is of the program's folder"
        assert "11 unchanged" in shell.run([environment, "pulumi preview --expect-no-changes"])
    finally:
        shell.run([environment, *lines[end:]])
    assert not (shell.folder / ".localcloud" / "daemon.json").exists()


def rows(bigquery: str) -> list[str]:
    """What is in the example's table, at most a minute from now."""
    query: dict[str, Any] = {"query": "SELECT data FROM raw.orders", "useLegacySql": False}
    deadline = time.monotonic() + 60
    while True:
        answer = httpx.post(
            f"{bigquery}/bigquery/v2/projects/my-project/queries", json=query, timeout=60, trust_env=False
        )
        names = [row["f"][0]["v"] for row in answer.raise_for_status().json().get("rows", [])]
        if names or time.monotonic() > deadline:
            return names
        time.sleep(0.2)

"""How an archive is started: by the command that its service declares, or by the functions framework."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastyle_localcloud.provider.errors import Refused
from fastyle_localcloud.provider.handlers.serverless import function_workload, service_workload
from fastyle_localcloud.workloads import Workload, start_command

PYTHON = "/opt/python"


def service(**container: Any) -> Workload:
    source = {"sourceCode": {"cloudStorageSource": {"bucket": "b", "object": "shop.tar.gz"}}}
    return service_workload(
        {"name": "shop", "id": "services/shop", "template": {"containers": [{**source, **container}]}}
    )


@pytest.mark.parametrize(
    ("container", "started"),
    [
        ({}, (PYTHON, "main.py")),
        ({"commands": ["python"], "args": ["-m", "shop"]}, (PYTHON, "-m", "shop")),
        ({"commands": ["python3", "serve.py"], "args": ["--quiet"]}, (PYTHON, "serve.py", "--quiet")),
        ({"commands": ["python", "serve.py"]}, (PYTHON, "serve.py")),
        ({"commands": ["bin/serve"], "args": ["now"]}, ("{folder}/bin/serve", "now")),
    ],
)
def test_a_service_starts_by_its_own_command(
    container: dict[str, Any], started: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "serve").touch()
    assert start_command(service(**container), PYTHON, tmp_path, 8080) == tuple(
        part.format(folder=tmp_path) for part in started
    )


def test_a_program_that_is_neither_python_nor_in_the_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="shop: the local cloud runs `python …` or a program of the archive, and 'nginx'"):
        start_command(service(commands=["nginx"], args=[]), PYTHON, tmp_path, 8080)


@pytest.mark.parametrize(("build", "target"), [({"entryPoint": "sell"}, "sell"), ({}, "till")])
def test_a_function_starts_at_its_entry_point(build: dict[str, Any], target: str, tmp_path: Path) -> None:
    source = {"source": {"storageSource": {"bucket": "b", "object": "till.zip"}}}
    workload = function_workload({"name": "till", "id": "functions/till", "buildConfig": {**source, **build}})
    command = start_command(workload, PYTHON, tmp_path, 8080)
    assert command[:2] == (PYTHON, "-I")
    assert command[command.index("--target") + 1] == target
    assert command[-2:] == ("--port", "8080")


def test_a_workload_of_an_earlier_version_starts_as_it_did() -> None:
    row = {**vars(service()), "secret_files": [], "secret_variables": {}}
    del row["command"]
    assert Workload.load(row).command == ("python", "main.py")

"""The components as a package of their own: schema, host, reference, example."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from fastyle_components import COMPONENTS
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

PACKAGE = Path(__file__).resolve().parents[1]

DESCRIBE = """
import json, sys
import fastyle_components
loaded = [module for module in sys.modules if module.startswith("pulumi_gcp.") and module.count(".") > 1]
from fastyle_components.reference import reference, schema
print(json.dumps([schema(), reference(), loaded]))
"""


@pytest.fixture(scope="module")
def described() -> tuple[dict[str, Any], str, list[str]]:
    """The package's schema, its reference and what its import loads of the provider, from a process of their own.

    Pulumi's component host and Google's clients each register `google.rpc.Status` under a file name of
    its own: one process cannot hold both.
    """
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", DESCRIBE], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    package, text, loaded = json.loads(done.stdout)
    return package, text, loaded


@pytest.mark.slow
def test_an_import_loads_no_class_of_the_provider(described: tuple[dict[str, Any], str, list[str]]) -> None:
    """Each of its modules is megabytes of declarations, to be read by whoever declares such a resource."""
    assert described[2] == []


@pytest.mark.slow
def test_every_component_and_argument_is_described(described: tuple[dict[str, Any], str, list[str]]) -> None:
    package = described[0]
    assert set(package["resources"]) == {f"fastyle:index:{component.__name__}" for component in COMPONENTS}
    for token, component in package["resources"].items():
        assert component["description"], token
        assert component["isComponent"], token
    for token, definition in package["types"].items():
        name = token.rpartition(":")[2]
        assert not definition["description"].startswith(f"{name}("), "its own docstring, not dataclass's signature"


@pytest.mark.slow
def test_only_what_has_no_default_is_required(described: tuple[dict[str, Any], str, list[str]]) -> None:
    lake = described[0]["resources"]["fastyle:index:RawLake"]
    assert sorted(lake["requiredInputs"]) == ["bucketName", "deleteAfterDays", "location"]


@pytest.mark.slow
def test_the_reference_is_current(described: tuple[dict[str, Any], str, list[str]]) -> None:
    text = (PACKAGE / "REFERENCE.md").read_text(encoding="utf-8")
    assert text == described[1], "run: python -m fastyle_components.reference components/REFERENCE.md"


@pytest.mark.slow
def test_the_host_serves_the_schema_as_a_process(described: tuple[dict[str, Any], str, list[str]]) -> None:
    """What `pulumi package add` starts: the folder itself, given the engine's address; it prints its port."""
    process = subprocess.Popen([sys.executable, str(PACKAGE), "127.0.0.1:1"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
            provider = provider_pb2_grpc.ResourceProviderStub(channel)
            served = provider.GetSchema(provider_pb2.GetSchemaRequest(), timeout=60, wait_for_ready=True)
        assert json.loads(served.schema)["resources"].keys() == described[0]["resources"].keys()
    finally:
        process.terminate()
        process.wait(10)


def test_the_example_is_short_and_knows_only_the_package() -> None:
    text = (PACKAGE / "examples" / "minimal" / "__main__.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40
    imports = {line.split()[1] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert imports == {"json", "pulumi", "fastyle_components"}


@pytest.mark.parametrize("path", sorted((PACKAGE / "fastyle_components").glob("*.py")), ids=lambda p: p.name)
def test_components_import_nothing_of_the_program(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        assert not line.startswith(
            ("from infra", "import infra", "from workloads", "import workloads", "from fastyle_policies")
        )
        assert line != "from __future__ import annotations", "Pulumi's analyser reads annotations as objects"


# A log metric's logical name stays: another one would replace the metric of stacks that exist.
KEPT = "-marts-published"
OF_A_TRADE = re.compile(
    r"\b(sales?|inventory|stock|tills?|shops?|pos|retail\w*|sku|catalogue|trade|simulators?|marts?)\b", re.IGNORECASE
)


@pytest.mark.parametrize("path", sorted((PACKAGE / "fastyle_components").glob("*.py")), ids=lambda p: p.name)
def test_components_know_no_word_of_a_trade(path: Path) -> None:
    """They serve any program: whose events these are stands in its arguments."""
    assert OF_A_TRADE.findall(path.read_text(encoding="utf-8").replace(KEPT, "")) == []

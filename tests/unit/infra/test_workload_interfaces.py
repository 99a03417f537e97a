"""The interface between the program and each workload: variables and log events are written once."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from fastyle_components import alerts

from infra.config import load_config
from ops.stacks import stack_names
from tests.support.configuration import as_the_engine_gives_it, configuration
from workloads.api.routes import stream
from workloads.events import STREAMS, consumed_by
from workloads.events.stream import INVENTORY
from workloads.pipeline.interface import LATE
from workloads.plugins import fastyle_deadline
from workloads.runtime import interface as common

REPOSITORY = Path(__file__).resolve().parents[3]
INTERFACES = tuple(sorted(path.parent.name for path in (REPOSITORY / "workloads").glob("*/interface.py")))
WORKLOADS = tuple(name for name in INTERFACES if name != "runtime")
STAND_INS = {"OIDC_ISSUER", "OIDC_CERTS_URL", "BIGQUERY_EMULATOR_HOST", "CLOUD_SCHEDULER_URL", "CLOUD_SQL_ADMIN_URL"}
"""Addresses with Google's own as default: set by the local cloud and by tests alone."""


def constants(interface: ModuleType) -> dict[str, str]:
    return {name: value for name, value in vars(interface).items() if name.isupper() and isinstance(value, str)}


def variables(interface: ModuleType) -> set[str]:
    """Environment variables are in capitals; log events are not."""
    return {value for value in constants(interface).values() if value.isupper()}


def test_every_workload_with_settings_has_an_interface() -> None:
    assert {path.parent.name for path in (REPOSITORY / "workloads").glob("*/settings.py")} == set(INTERFACES)


@pytest.mark.parametrize("name", WORKLOADS)
def test_settings_read_the_variables_of_the_interface(name: str) -> None:
    interface = import_module(f"workloads.{name}.interface")
    read = {field.upper() for field in import_module(f"workloads.{name}.settings").Settings.model_fields}
    of_streams = {common.topic(key) for key in STREAMS} | {
        common.dead_letter_topic(key) for key in consumed_by(INVENTORY)
    }
    told = variables(interface) - {"PIPELINE_CRON"}  # read by the DAG's file, not by the tasks
    assert told <= read
    assert read - told - STAND_INS <= variables(common) | of_streams


def literals(folder: str) -> dict[str, set[str]]:
    """The strings that stand in each file of a folder, docstrings apart."""
    strings = {}
    for path in sorted((REPOSITORY / folder).rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        prose = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        strings[path.relative_to(REPOSITORY).as_posix()] = {
            node.value
            for node in nodes
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
        }
    return strings


def test_no_variable_or_event_of_an_interface_is_written_a_second_time() -> None:
    names: set[str] = set()
    for name in INTERFACES:
        interface = import_module(f"workloads.{name}.interface")
        repeated = names & set(constants(interface).values())
        assert repeated == set(), f"two interfaces name {repeated}"
        names |= set(constants(interface).values())
    # The name of a workload is also the key of its physical name.
    names -= {"budget_guard"}
    again = {
        path: sorted(written & names)
        for folder in ("infra", "workloads")
        for path, written in literals(folder).items()
        if not path.endswith("/interface.py") and written & names
    }
    assert again == {}


@pytest.mark.parametrize("name", INTERFACES)
def test_an_interface_needs_the_standard_library_alone(name: str) -> None:
    """The program reads it without a workload's dependencies: in a Python without site packages."""
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.insert(0, '.'); import workloads.{name}.interface",
    ]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


async def test_the_line_of_a_late_run_begins_with_the_event() -> None:
    """The plugin stands by itself in Composer and imports nothing of ours."""
    assert (await fastyle_deadline.tell_late(5)).startswith(f"{LATE}:")


def test_the_alert_on_the_budget_counts_the_guard_s_event() -> None:
    """The components package knows nothing of the workloads, and documents the event."""
    from workloads.budget_guard.interface import EVENT

    source = Path(alerts.__file__).read_text(encoding="utf-8")
    assert f'jsonPayload.event = "{EVENT}"' in source


@pytest.mark.parametrize("stack", stack_names())
def test_live_streams_end_before_cloud_run_cuts_them_off(stack: str) -> None:
    config = load_config(as_the_engine_gives_it(configuration(stack)))
    assert config.workloads.api.timeout_seconds >= stream._STREAM_SECONDS + 30

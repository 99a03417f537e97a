"""Order of the suite, and one stack `local`, brought up once by `make up` in a fresh copy of this checkout."""

from __future__ import annotations

import functools
import gc
import os
import sys
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # no stubs

if TYPE_CHECKING:  # the process that only hands out tests would import Pulumi and Google's clients, too
    from tests.support.checkout import Checkout
    from tests.support.plans import Plan

# Fast tests first: a mistake is known in seconds. Names of folders, and of what is shared (below). What one worker does for
# minutes, such as all that is asked of the stacks' plans, begins before what several can divide; the many short files of
# `engine` come late, so that no worker ends long after the others.
ORDER = (
    "compositions",
    "provider_classes",
    "unit",
    "policies",
    "plans",
    "grown",
    "bookshops",
    "browser",
    "dags",
    "sql",
    "engine",
    "e2e",
)
# Begun first where other workers run the others meanwhile: tests of one stack follow one another and wait a good deal, so
# that the suite takes as long as they do.
BEGUN = ("stack", "grown")
# These fill the stack with weeks of trade, or need it full: whatever comes after them would wait for all of that.
LAST = ("test_exact_marts.py", "test_operations_data.py", "test_replay.py")
# Files of a group that come first in it, in this order. Of the engine's tests the longest: a worker that took one of them
# last would end minutes after the others. Of the second stack's those that ask what `make up` left, then the rest; what the
# last one sends is more than all before it together.
FIRST = {
    "plans": ("test_plans_prod.py", "test_plans_life.py"),
    "engine": (
        "test_pipeline_faults.py",
        "test_pipeline_crashes.py",
        "test_engine_scratch.py",
        "test_daemon.py",
        "test_readme.py",
        "test_killed_update.py",
        "test_pipeline_quality.py",
    ),
    "grown": (
        "test_new_stream.py",
        "test_acceptance_verify.py",
        "test_redrive.py",
        "test_kills.py",
        "test_exact_inventory.py",
    ),
}
# What a session makes once, each worker would make again: files that share such a thing (the fixture of that
# name) go to one worker together.
SHARED = {
    "e2e": "stack",
    "e2e/test_new_stream.py": "grown",  # a cloud of its own
    "e2e/test_acceptance_verify.py": "grown",
    "e2e/test_redrive.py": "grown",
    "e2e/test_kills.py": "grown",
    "e2e/test_exact_inventory.py": "grown",
    "e2e/test_components_bookshop.py": "bookshops",  # another one, from wheels
    "dags/test_dag_run.py": "stack",
    "browser/test_dashboard_live.py": "stack",
    "unit/ops/test_new_field.py": "extended",
    "unit/ops/test_new_mart.py": "extended",
    "unit/ops/test_new_stream.py": "extended",
    "plans/test_plans_advice.py": "plans",
    "plans/test_plans_cost.py": "plans",
    "plans/test_plans_grants.py": "plans",
    "plans/test_plans_inventory.py": "plans",
    "plans/test_plans_spend.py": "plans",
    "policies/test_plan_grants.py": "plans",
    "sql": "analyser",
    # Classes of Google's provider, which take seconds to make, and each stack's composition (tests.support.program). What
    # needs the classes alone is a group of its own: one worker with all of it would end after the others.
    "unit/infra": "compositions",
    "unit/ops/test_access_proxy.py": "compositions",
    "unit/ops/test_cost_advice.py": "compositions",
    "unit/ops/test_stack_new.py": "compositions",
    "unit/docs/test_docs_operations.py": "compositions",
    "localcloud/tests/cloud_provider": "provider_classes",
    "policies/tests/policy_rules/test_provided.py": "provider_classes",
    "components/tests/component_resources": "provider_classes",
}


@functools.cache  # asked for each of the thousands of tests, more than once
def together(path: str) -> str:
    """What a file, or a folder that it is in, shares with others, else itself."""
    above = (folder.as_posix() for folder in (PurePosixPath(path), *PurePosixPath(path).parents))
    return next((SHARED[folder] for folder in above if folder in SHARED), path)


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Whoever is done takes the next group, in the order of the suite.

    pytest-xdist's own groups are a suffix to a test's id, which this pytest no longer lets it add.
    """

    def _split_scope(self, nodeid: str) -> str:
        return together(nodeid.partition("::")[0].removeprefix("tests/"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    config.option.loadscopereorder = False
    return Scheduling(config, log)


def pytest_configure() -> None:
    """No garbage is collected during imports, which leave none; and what is compiled is kept, as `make test` has it."""
    gc.disable()
    os.environ.setdefault("GOGC", "400")  # each start of the engine ends before a collection of its garbage has paid
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # tests start Python by the hundred, in copies that are thrown away
    sys.dont_write_bytecode = False


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Files and folders in another order for each worker, which so compile other parts of a fresh checkout first.

    All of them import the same; whoever comes to a module later finds it compiled. `pytest_collection_modifyitems` puts
    the tests into one order again.
    """
    report = yield
    worker = getattr(collector.config, "workerinput", None)
    if worker and isinstance(collector, pytest.Directory):
        number = int(worker["workerid"].removeprefix("gw"))
        first = len(report.result) * number // worker["workercount"]
        report.result = [*report.result[first:], *report.result[:first]]
    return report


def pytest_collection_finish() -> None:
    """Everything imported is left out of the garbage collector's rounds, which else take a third of a composition."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 20, 100)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """What is left after pytest's own search for garbage is not searched again, by pytest nor by Python as it ends."""
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def rank(item: pytest.Item) -> tuple[int, int, int, int, tuple[str, ...]]:
        folder, *_, file = parts = place(item).split("/")
        last = LAST.index(file) + 1 if folder == "e2e" and file in LAST else 0
        if any(item.iter_markers("local")):
            folder = folder if folder in ORDER else "engine"
        group = together(place(item))
        kind = group if group in ORDER else folder
        first = FIRST.get(kind, ())
        position = first.index(file) if file in first else len(first)
        # A package's own tests are unit tests.
        return (
            (BEGUN.index(group) if one_of_many and group in BEGUN else len(BEGUN)),
            last,
            ORDER.index(kind) if kind in ORDER else 0,
            position,
            tuple(parts),
        )

    def place(item: pytest.Item) -> str:
        return item.nodeid.partition("::")[0].removeprefix("tests/")

    one_of_many = bool(items) and hasattr(items[0].config, "workerinput")
    items.sort(key=rank)
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}  # named like a fixture, but none
        uses = set(SHARED.values()) & set(getattr(item, "fixturenames", ())) - parameters.keys()
        if uses - {together(place(item))}:
            raise pytest.UsageError(f"{item.nodeid} uses {', '.join(uses)}: say so in SHARED of {__file__}")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    from tests.support.checkout import Checkout

    checkout = Checkout.copy_to(tmp_path_factory.mktemp("checkout"))
    checkout.set_up()
    first = checkout.make("up")
    (checkout.root / ".localcloud" / "first-up.txt").write_text(first.stdout, encoding="utf-8")
    yield checkout
    checkout.make("down", check=False)
    assert processes_of(checkout) == []


def processes_of(checkout: Checkout) -> list[str]:
    """What still runs from the copy's folder: by its path on the command line, its working folder or environment."""
    root = str(checkout.root)
    processes = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        try:
            belongs = any(root in part for part in process.info["cmdline"] or []) or process.cwd().startswith(root)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if belongs:
            processes.append(f"{process.info['pid']}: {' '.join(process.info['cmdline'] or [])}")
    return processes


@pytest.fixture(scope="session")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Plan]]:
    """Each committed stack's preview on the real engine, judged by the policy pack; made once for all tests."""
    from tests.support.plans import STACKS, Project, provider

    folders = {stack: tmp_path_factory.mktemp(stack) for stack in STACKS}
    with provider() as port, ThreadPoolExecutor(2) as two:

        def plan(stack: str) -> Plan:
            project = Project(folders[stack], port)
            project.configure(stack, like=stack)
            return project.preview(stack, policies=True)

        yield dict(zip(STACKS, two.map(plan, STACKS), strict=True))


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    """Poll until a condition holds: the stack is asynchronous by design, so only its end state is asserted."""

    def wait(condition: Callable[[], object], what: str, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
            time.sleep(0.25)

    return wait

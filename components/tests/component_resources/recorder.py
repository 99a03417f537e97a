"""Declare components under Pulumi's mocks and look at what they registered: types, names, inputs."""

from __future__ import annotations

import asyncio
import gc
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pulumi
import pulumi.runtime.resource
from pulumi.runtime import mocks
from pulumi.runtime.proto import source_pb2

PROJECT = "shop-1"

# Only the engine reads where a resource was declared, and finding it takes a sixth of a composition.
pulumi.runtime.resource._get_stack_trace = source_pb2.StackTrace


class Recorder(mocks.Mocks):
    """Answers like Google Cloud as far as a program looks at the answer."""

    def __init__(self) -> None:
        self.resources: dict[str, dict[str, Any]] = {}
        """`<type>::<name>` to inputs."""
        self.options: dict[str, dict[str, Any]] = {}
        """`<type>::<name>` to what the engine is told besides inputs: parent, what it waits for, what it ignores."""
        self.outputs: dict[str, set[str]] = {}
        """A component's name to the names of the outputs that it registers."""
        self.exports: Any = None
        """What the program returned, once all of it was known."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        key = f"{args.typ}::{args.name}"
        assert key not in self.resources, f"registered twice: {key}"
        self.resources[key] = args.inputs
        return f"{args.name}-id", {"project": PROJECT, **args.inputs, **_computed(args)}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"{args.token}: a component looked something up in the cloud")

    def children(self) -> list[str]:
        """`<type> <name>` of everything that is not a component, sorted."""
        return sorted(
            f"{_short(key.partition('::')[0])} {key.partition('::')[2]}"
            for key in self.resources
            if not key.startswith("fastyle:")
        )

    def one(self, name: str) -> dict[str, Any]:
        """Inputs of the one resource of that name."""
        matches = [inputs for key, inputs in self.resources.items() if key.partition("::")[2] == name]
        assert len(matches) == 1, f"{len(matches)} resources are named {name}: {sorted(self.resources)}"
        return matches[0]


class Monitor(mocks.MockMonitor):
    """Pulumi's mocked engine, which forgets options; this one keeps those that a component decides on."""

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        given = {
            "parent": _last(request.parent),
            "after": sorted({_last(urn) for urn in request.dependencies} - {_last(request.parent)}),
            "provider": _last(request.provider.rpartition("::")[0]),
            "ignores": list(request.ignoreChanges),
            "protect": request.protect,
            "delete_before_replace": request.deleteBeforeReplace,
            "retain_on_delete": request.retainOnDelete,
            "aliases": [alias.spec.name for alias in request.aliases],
        }
        recorder = self.mocks
        assert isinstance(recorder, Recorder)
        if request.type != "pulumi:pulumi:Stack":  # made once a process, with whatever is declared first
            recorder.options[f"{request.type}::{request.name}"] = {key: value for key, value in given.items() if value}
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        recorder = self.mocks
        assert isinstance(recorder, Recorder)
        recorder.outputs[_last(request.urn)] = set(request.outputs)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def _last(urn: str) -> str:
    return urn.rpartition("::")[2]


def _short(type_: str) -> str:
    """gcp:pubsub/topic:Topic -> pubsub.Topic"""
    module, _, name = type_.removeprefix("gcp:").partition(":")
    return f"{module.partition('/')[0]}.{name}"


def _computed(args: mocks.MockResourceArgs) -> dict[str, Any]:
    kind = args.typ.rpartition(":")[2]
    if args.typ == "gcp:serviceaccount/account:Account":
        email = f"{args.inputs['accountId']}@{PROJECT}.iam.gserviceaccount.com"
        return {"email": email, "member": f"serviceAccount:{email}"}
    computed: dict[str, dict[str, Any]] = {
        "DatabaseInstance": {"privateIpAddress": "10.1.0.3", "connectionName": f"{PROJECT}:us-central1:db"},
        "BucketObject": {"generation": 7},
        "NotificationChannel": {"name": f"projects/{PROJECT}/notificationChannels/{args.name}"},
        "Budget": {"name": f"billingAccounts/{args.inputs.get('billingAccount')}/budgets/{args.name}"},
        "Slo": {"name": f"projects/1/services/s/serviceLevelObjectives/{args.name}"},
        "Service": {"uri": f"https://{args.inputs.get('name')}.run.app"},
        "Function": {"url": f"https://{args.inputs.get('name')}.functions.net"},
    }
    return computed.get(kind, {})


def declare(program: Callable[[], Any]) -> Recorder:
    """Run `program`, wait for everything it registered and returned, and give what was recorded."""
    recorder = Recorder()

    def kept(exports: Any) -> None:
        recorder.exports = exports

    # Pulumi takes the thread's event loop for granted; an asynchronous test that ran before leaves none.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        with _garbage_collected_later():
            mocks.set_mocks(recorder, project="test", stack="test", preview=False, monitor=Monitor(recorder))
            mocks.test(lambda: pulumi.Output.from_input(program()).apply(kept))()  # type: ignore[no-untyped-call]
    except BaseException:  # outputs of a program that was refused are awaited by nobody
        unfinished = asyncio.all_tasks(loop)
        for task in unfinished:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*unfinished, return_exceptions=True))
        raise
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    return recorder


@contextmanager
def _garbage_collected_later() -> Iterator[None]:
    """A program makes objects by the hundred thousand that live to its end: a search before that finds no garbage."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def resolve(program: Callable[[], pulumi.Output[Any]]) -> Any:
    """The value of the output that `program` returns."""
    return declare(program).exports


def hold_options(path: Path, got: dict[str, Any]) -> None:
    """Assert that a file of recorded options says the same; `UPDATE_SNAPSHOTS=1` writes it."""
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        lines = (f" {json.dumps(key)}: {json.dumps(options)}" for key, options in sorted(got.items()))
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    assert got == json.loads(path.read_text(encoding="utf-8")), "after a meant change run this with UPDATE_SNAPSHOTS=1"

"""How the language host has the SDK wait for a program's outputs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastyle_localcloud.engine import program_runner
from pulumi.runtime import stack
from pulumi.runtime.settings import SETTINGS


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tasks each call of `asyncio.wait` was given."""
    asked, wait = [], asyncio.wait

    async def noted(tasks: Any, **options: Any) -> Any:
        asked.append(len(tasks))
        return await wait(tasks, **options)

    monkeypatch.setattr(asyncio, "wait", noted)
    monkeypatch.setattr(stack, "asyncio", asyncio, raising=False)
    program_runner._wait_for_all()
    return asked


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_outputs_are_waited_for_at_once(waits: list[int]) -> None:
    outputs = [asyncio.ensure_future(turns(number)) for number in range(20)]
    SETTINGS.outputs.update(outputs)
    await stack.wait_for_rpcs()
    assert all(output.done() for output in outputs)
    assert waits == [20]


async def test_one_that_fails_is_told_before_the_others_end(waits: list[int]) -> None:
    async def fails() -> None:
        await turns(3)
        raise ValueError("no such bucket")

    endless = asyncio.ensure_future(asyncio.Event().wait())
    SETTINGS.outputs.update({endless, asyncio.ensure_future(fails())})
    with pytest.raises(ValueError, match="no such bucket"):
        await stack.wait_for_rpcs()
    assert not endless.done()
    endless.cancel()
    SETTINGS.outputs.clear()

"""The guard's effects on Google Cloud: Cloud Scheduler, Cloud SQL and the object that is its memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any

import requests

from workloads.budget_guard.guard import (
    Effect,
    Failed,
    Load,
    Observe,
    Outcome,
    Save,
    State,
    Switch,
    Turn,
)
from workloads.budget_guard.memory import Memory, dump, load
from workloads.runtime.google import call
from workloads.runtime.objects import Changed, ObjectFile

SCHEDULER = "https://cloudscheduler.googleapis.com"
SQL_ADMIN = "https://sqladmin.googleapis.com"
_SECONDS = 90
"""After that nothing is begun: half of a handler's lease, so that no call can outlast it."""

_POLICIES = {True: "ALWAYS", False: "NEVER"}


class GoogleCloud:
    """Carries out one handler's effects."""

    def __init__(
        self,
        session: requests.Session,
        memory: ObjectFile,
        *,
        scheduler: str = SCHEDULER,
        sql_admin: str = SQL_ADMIN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session, self._memory = session, memory
        self._scheduler, self._sql_admin = scheduler, sql_admin
        self._clock, self._until = clock, clock() + _SECONDS

    def drive(self, steps: Generator[Effect, Any, Outcome]) -> Outcome:
        """Carry out each effect in turn; returns what the handler ends with.

        Raises:
            Unreadable: the memory is not the guard's own document.
        """
        try:
            effect = next(steps)
            while True:
                try:
                    result = self._perform(effect)
                except Failed as failure:
                    effect = steps.throw(failure)
                else:
                    effect = steps.send(result)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome

    def _perform(self, effect: Effect) -> Any:
        match effect:
            case Load():
                return self._load()
            case Save(memory, generation):
                return self._save(memory, generation)
            case Observe(switch):
                return self._observe(switch)
            case Turn(switch, on):
                return self._turn(switch, on)

    def _load(self) -> tuple[Memory, int]:
        try:
            content, generation = self._memory.read()
        except OSError as error:
            raise Failed(f"the memory cannot be read: {error}") from None
        return load(content), generation

    def _save(self, memory: Memory, generation: int) -> int:
        try:
            return self._memory.write(dump(memory), generation)
        except Changed:
            raise Failed("another notice was handled meanwhile") from None
        except OSError as error:
            raise Failed(f"the memory cannot be written: {error}") from None

    def _observe(self, switch: Switch) -> State:
        status, answer = self._call("GET", self._url(switch))
        if status == 404:
            return State.MISSING
        if status != 200:
            raise Failed(_reason(switch, status, answer))
        if switch.kind == "job":
            return State.ON if answer.get("state") == "ENABLED" else State.OFF
        settings = answer.get("settings")
        policy = settings.get("activationPolicy") if isinstance(settings, dict) else None
        return State.OFF if policy == _POLICIES[False] else State.ON

    def _turn(self, switch: Switch, on: bool) -> bool:
        if self._clock() > self._until:
            raise Failed(f"{switch.name}: out of time")
        if switch.kind == "job":
            status, answer = self._call("POST", f"{self._url(switch)}:{'resume' if on else 'pause'}", {})
        else:
            body = {"settings": {"activationPolicy": _POLICIES[on]}}
            status, answer = self._call("PATCH", self._url(switch), body)
        if status == 200:
            return True
        # A job is paused only from ENABLED, resumed only from PAUSED: somebody may just have done the same.
        if switch.kind == "job" and status == 400 and self._observe(switch) is (State.ON if on else State.OFF):
            return False
        raise Failed(_reason(switch, status, answer))

    def _url(self, switch: Switch) -> str:
        base = self._scheduler if switch.kind == "job" else self._sql_admin
        return f"{base}/v1/{switch.name}"

    def _call(self, method: str, url: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        try:
            return call(self._session, method, url, body)
        except OSError as error:
            raise Failed(str(error)) from None


def _reason(switch: Switch, status: int, answer: dict[str, Any]) -> str:
    error = answer.get("error")
    message = error.get("message") if isinstance(error, dict) else None
    return f"HTTP {status} for {switch.kind} {switch.name}: {message or 'no reason given'}"

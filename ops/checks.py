"""Checks of a stack, as `fastyle preflight` and `fastyle verify` report them: line by line, as a table, as JSON."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum

from rich.console import Console
from rich.markup import escape

from ops.errors import OperatorError
from ops.google import NoCredentials
from ops.terminal import Table, console


class State(StrEnum):
    """What is known of a check. Only `failed` makes the command exit 1."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


_COLOURS = {State.PASSED: "green", State.FAILED: "red", State.UNKNOWN: "yellow"}


@dataclass(frozen=True)
class Check:
    """One result: what was looked at, what is the case, and how to mend it."""

    name: str
    state: State
    detail: str
    mend: str = ""


def passed(name: str, detail: str) -> Check:
    return Check(name, State.PASSED, detail)


def failed(name: str, detail: str, mend: str) -> Check:
    return Check(name, State.FAILED, detail, mend)


def unknown(name: str, detail: str, mend: str = "") -> Check:
    return Check(name, State.UNKNOWN, detail, mend)


class Checklist:
    """Collects checks, from several threads if need be, and says each as it is known."""

    def __init__(self, *, quiet: bool) -> None:
        self._aside = Console(stderr=True, highlight=False, soft_wrap=True)
        self._quiet = quiet
        self._lock = threading.Lock()
        self._said: set[str] = set()
        self.checks: list[Check] = []

    def add(self, check: Check) -> Check:
        with self._lock:
            self.checks.append(check)
            if not self._quiet:
                colour = _COLOURS[check.state]
                said = "as above" if check.detail in self._said else check.detail
                self._said.add(check.detail)
                self._aside.print(f"[{colour}]{check.state:<7}[/] {escape(check.name)}: {escape(said)}")
        return check

    def attempt(self, name: str, mend: str, work: Callable[[], Check]) -> Check:
        """Add the check that `work` returns; an `OperatorError` of it is a failure with the error's words, or unknown
        where only the caller lacks credentials."""
        try:
            return self.add(work())
        except NoCredentials as error:
            return self.add(unknown(name, f"not tried: {error}"))
        except OperatorError as error:
            return self.add(failed(name, str(error), mend))

    @property
    def failures(self) -> list[Check]:
        return [check for check in self.checks if check.state is State.FAILED]

    def _by_result(self) -> dict[tuple[State, str, str], list[Check]]:
        """Checks of one result together: without credentials all of them would say the same."""
        results: dict[tuple[State, str, str], list[Check]] = {}
        for check in self.checks:
            results.setdefault((check.state, check.detail, check.mend), []).append(check)
        return results

    def show(self, title: str, order: list[str], *, as_json: bool) -> bool:
        """Print everything, in the order of the names given and then of arrival; True when nothing failed."""
        rank = {name: n for n, name in enumerate(order)}
        self.checks.sort(key=lambda check: rank.get(check.name, len(order)))
        if as_json:
            print(json.dumps({"checks": [asdict(check) for check in self.checks]}, indent=1))
            return not self.failures
        table = Table("check", "state", "what is the case, and how to mend it", title=title, title_justify="left")
        for (state, detail, mend), checks in self._by_result().items():
            words = escape(detail) + (f"\n[bold]{escape(mend)}[/]" if mend else "")
            table.add_row(escape("\n".join(check.name for check in checks)), f"[{_COLOURS[state]}]{state}[/]", words)
        console.print(table)
        counts = {state: sum(check.state is state for check in self.checks) for state in State}
        console.print(", ".join(f"{count} {state}" for state, count in counts.items()))
        return not self.failures

"""README's section "Operate a stack", command by command, as a new user types it after `make up`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.test_first_light import counts
from tests.support.checkout import Checkout

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    section = README.split("## Operate a stack", 1)[1].split("\n## ", 1)[0]
    block = re.search(r"```console\n(.*?)```", section, re.DOTALL)
    assert block
    return [line.removeprefix("$ ").split(" #")[0].strip() for line in block[1].splitlines()]


@pytest.mark.local
@pytest.mark.slow
def test_every_command_of_the_readme_runs(stack: Checkout) -> None:
    readme_commands = commands()
    assert len(readme_commands) >= 6
    for command in readme_commands:
        done = stack.run("bash", "-euo", "pipefail", "-c", command, check=False)
        assert done.returncode == 0, f"{command}:\n{done.stdout[-3000:]}"
        assert "Traceback" not in done.stdout, done.stdout[-3000:]
    assert re.search(r"Resources:\s+\d+ unchanged", done.stdout), "the last one previews what is up"
    # What was traded is published: `make up` finds nothing that differs, and nothing to change.
    again = stack.make("up").stdout
    assert "differ" not in again
    assert re.search(r"Resources:\s+\d+ unchanged", again), again[-3000:]
    assert not re.search(r"\b(created|updated|replaced|deleted)\b", again), again[-3000:]
    assert counts(again, "sales")["accepted"] == counts(again, "sales")["marts"]

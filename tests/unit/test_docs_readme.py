"""README's table of what is proven: a yes names the tests that show it, and they exist."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def claims() -> list[list[str]]:
    section = README.split("## What is proven, and by which test", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_every_claim_is_proven_or_said_to_be_open() -> None:
    found = claims()
    assert len(found) >= 15
    for claim, state, proof in found:
        assert state in ("yes", "not yet"), claim
        assert bool(proof) is (state == "yes"), f"{claim}: a yes needs a test, and nothing else has one"


def test_every_proof_is_a_test_that_exists() -> None:
    for claim, _, proof in claims():
        links = re.findall(r"\[`(test_\w+)`\]\((tests/[\w/]+\.py)\)", proof)
        assert len(links) == proof.count("]("), claim
        for name, path in links:
            text = (REPOSITORY / path).read_text(encoding="utf-8")
            assert re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), f"{claim}: {path} has no {name}"


def test_the_first_two_commands_are_up_and_test() -> None:
    first = re.search(r"```console\n(.*?)```", README, re.DOTALL)
    assert first
    assert [line.split("#")[0].strip() for line in first[1].splitlines()] == ["$ make up", "$ make test"]

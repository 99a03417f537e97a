"""README, and the table of what is proven: a yes names the tests that show it, and they exist."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PROOF = (REPOSITORY / "docs" / "proof.md").read_text(encoding="utf-8")
SCREEN_LINES = 60


def claims() -> list[list[str]]:
    rows = [line for line in PROOF.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_every_claim_is_proven_or_said_to_be_open() -> None:
    rows = claims()
    assert len(rows) >= 15
    for claim, state, proof in rows:
        assert state in ("yes", "not yet"), claim
        assert bool(proof) is (state == "yes"), f"{claim}: a yes needs a test, and nothing else has one"


def test_every_proof_is_a_test_that_exists() -> None:
    for claim, _, proof in claims():
        links = re.findall(r"\[`(test_\w+)`\]\(\.\./((?:\w+/)?tests/[\w/]+\.py)\)", proof)
        assert len(links) == proof.count("]("), claim
        for name, path in links:
            text = (REPOSITORY / path).read_text(encoding="utf-8")
            assert re.search(rf"^(async )?def {name}\(", text, re.MULTILINE), f"{claim}: {path} has no {name}"


def test_the_readme_is_a_screen_and_a_half() -> None:
    assert len(README.splitlines()) <= SCREEN_LINES * 1.5


def test_every_page_that_the_readme_links_to_exists() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)", README) if "://" not in link]
    assert len(links) >= 10
    assert [link for link in links if not (REPOSITORY / link).exists()] == []


def test_the_first_two_commands_are_up_and_test() -> None:
    first = re.search(r"```console\n(.*?)```", README, re.DOTALL)
    assert first
    assert [line.split("#")[0].strip() for line in first[1].splitlines()] == ["$ make up", "$ make test"]


# --- CONTRIBUTING.md and the rooms ---

ROOMS = ("infra", "components", "workloads", "sql", "policies", "localcloud", "ops", "tools", "tests")
CONTRIBUTING = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")


def recipes() -> list[list[str]]:
    section = CONTRIBUTING.split("## Recipes", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def test_every_recipe_names_files_that_exist_and_a_test() -> None:
    assert len(recipes()) >= 10
    for recipe in recipes():
        task, change, test = recipe
        links = re.findall(r"\]\(([^)#]+)", change + test)
        assert [link for link in links if not (REPOSITORY / link).exists()] == [], task
        assert test, f"{task}: nothing says how it is tested"


def test_every_make_target_that_contributing_names_exists() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"make ([a-z-]+)", CONTRIBUTING))
    assert {target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()


def test_every_room_has_a_readme_that_says_how_it_is_tested() -> None:
    for room in ROOMS:
        text = (REPOSITORY / room / "README.md").read_text(encoding="utf-8")
        assert f"({room}/README.md)" in CONTRIBUTING
        assert room in ("components", "tests") or "Test: " in text, room


def test_every_decision_has_a_number_of_its_own_a_status_and_a_date() -> None:
    records = sorted((REPOSITORY / "docs" / "decisions").glob("[0-9]*.md"))
    numbers = [path.name[:4] for path in records]
    assert len(records) >= 15
    assert len(set(numbers)) == len(numbers)
    for path in records:
        number = int(path.name[:4])
        head = rf"# {number}\. .+\n\n- Status: (accepted|superseded by \d+)\n- Date: (\d{{4}}-\d\d-\d\d)\n\n"
        match = re.match(head, path.read_text(encoding="utf-8"))
        assert match, (
            f"{path.name}: write `# {number}. Title`, `- Status: accepted` and `- Date: 2026-01-31` at its top"
        )
        assert date.fromisoformat(match[2])


def test_the_folder_of_a_unit_test_is_that_of_what_it_tests() -> None:
    unit = REPOSITORY / "tests" / "unit"
    folders = {path.parent.relative_to(unit) for path in unit.rglob("test_*.py")}
    assert len(folders) > 12
    assert [str(folder) for folder in sorted(folders) if not (REPOSITORY / folder).is_dir()] == []

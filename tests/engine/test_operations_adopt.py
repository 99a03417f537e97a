"""docs/operations/changes.md, "Adopt what exists", word by word: what is there joins a stack and is not made again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.plans import REPOSITORY, Project, provider

STACK = "scratch-adopted"
EXISTING = {
    "lake-bucket": "bookshop-1-lake",
    "sales-topic": "projects/bookshop-1/topics/book-sales",
    "sales-to-bigquery": "projects/bookshop-1/subscriptions/book-sales-to-bigquery",
    "sales-to-lake": "projects/bookshop-1/subscriptions/book-sales-to-lake",
}
"""Made before there was a stack: what holds or carries data, by its name in the program, and its id in the cloud."""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Project]:
    """A cloud that holds the bookshop, and a stack that does not know the resources of `EXISTING`."""
    example = (REPOSITORY / "components" / "examples" / "minimal" / "__main__.py").read_text(encoding="utf-8")
    with provider() as port:
        project = Project(tmp_path, port, program=example)
        pulumi(project, "stack", "init", STACK)
        config = {
            "gcp:project": "bookshop-1",
            "fastyle:project_number": "123456789012",
            "fastyle:billing_account": "000000-000000-000000",
        }
        project.change(STACK, config)
        pulumi(project, "up", "--yes", "--skip-preview")
        resources = json.loads(pulumi(project, "stack", "export"))["deployment"]["resources"]
        for name in ("lake-bucket", "sales-topic"):
            urn = next(r["urn"] for r in resources if r["urn"].endswith(f"::{name}"))
            pulumi(project, "state", "delete", urn, "--yes", "--force", "--target-dependents")
        yield project


def pulumi(project: Project, *arguments: str) -> str:
    stack = () if arguments[:2] == ("stack", "init") else ("--stack", STACK)
    done = project.pulumi(*arguments, *stack)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_exists_is_adopted_and_not_made_again(shop: Project) -> None:
    pulumi(shop, "preview", "--import-file", "adopt.json")
    path = shop.folder / "adopt.json"
    listed = json.loads(path.read_text(encoding="utf-8"))
    assert EXISTING.keys() <= {entry["name"] for entry in listed["resources"]}
    assert {entry["id"] for entry in listed["resources"]} == {"<PLACEHOLDER>"}
    kept = [{**e, "id": EXISTING[e["name"]]} for e in listed["resources"] if e["name"] in EXISTING]
    path.write_text(json.dumps({**listed, "resources": kept}), encoding="utf-8")

    imported = pulumi(shop, "import", "--file", "adopt.json", "--generate-code=false", "--protect=false", "--yes")
    assert f"{len(EXISTING)} imported" in imported
    steps = json.loads(pulumi(shop, "preview", "--json"))["steps"]
    made = {step["urn"].rpartition("::")[2] for step in steps if step["op"] != "same"}
    assert made
    assert made.isdisjoint(EXISTING), "adopted: neither made again, nor changed, nor replaced"
    pulumi(shop, "up", "--yes", "--skip-preview")
    pulumi(shop, "preview", "--expect-no-changes")

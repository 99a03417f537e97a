"""The life of `prod` on the real engine: nothing to do after `up`, no mistaken destroy, another orchestrator, removal.

One scratch stack with prod's configuration goes through all of it, in the order of docs/operations/removal.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastyle_localcloud.provider.records import Record, Records

from tests.support.plans import Project, provider

STACK = "scratch-prod"
ENVIRONMENT = "gcp:composer/environment:Environment"


class Production:
    """The stack, its provider's records, and `pulumi` with the exit code that is expected."""

    def __init__(self, project: Project, records: Path) -> None:
        self._project, self._records = project, Records(records)
        project.configure(STACK, like="prod")

    def pulumi(self, *arguments: str, ok: bool = True) -> str:
        done = self._project.pulumi(*arguments, "--stack", STACK)
        assert (done.returncode == 0) is ok, done.stdout + done.stderr
        return done.stdout + done.stderr

    def configure(self, **values: str | bool) -> None:
        self._project.change(STACK, {f"fastyle:{key.replace('__', '.')}": value for key, value in values.items()})

    def exists(self) -> list[str]:
        return [record.id for record in self._records.all() if record.urn]

    def of(self, token: str) -> list[Record]:
        return self._records.all(token)

    def orchestrators(self) -> set[str]:
        """What runs the pipeline by itself."""
        running = {"scheduler" for job in self.of("gcp:cloudscheduler/job:Job") if not job.outputs.get("paused")}
        for environment in self.of(ENVIRONMENT):
            if "PIPELINE_CRON" in environment.outputs["config"]["softwareConfig"]["envVariables"]:
                running.add("composer")
        return running

    def delivered(self) -> set[str]:
        """Airflow's files."""
        objects = self.of("gcp:storage/bucketObject:BucketObject")
        return {str(each.outputs["name"]) for each in objects if "composer" in str(each.outputs["bucket"])}


@pytest.fixture
def prod(tmp_path: Path) -> Iterator[Production]:
    records = tmp_path / "records.sqlite"
    with provider(records) as port:
        yield Production(Project(tmp_path, port), records)


@pytest.mark.timeout(1500)  # a dozen updates of some 300 resources: minutes on a machine with other work
def test_prod_from_its_first_up_to_its_removal(prod: Production) -> None:
    prod.pulumi("up", "--yes", "--skip-preview")
    prod.pulumi("preview", "--diff", "--expect-no-changes")
    _a_mistaken_destroy_deletes_nothing(prod)
    _orchestrators_are_switched_there_and_back(prod)
    _removal(prod)


def _a_mistaken_destroy_deletes_nothing(prod: Production) -> None:
    before = prod.exists()
    assert len(before) > 250
    for flags in ((), ("--skip-preview", "--continue-on-error")):
        refused = prod.pulumi("destroy", "--yes", *flags, ok=False)
        assert "DeletionLock::deletion-lock" in refused
        assert "is protected" in refused
        assert prod.exists() == before, flags


def _orchestrators_are_switched_there_and_back(prod: Production) -> None:
    before, files = prod.exists(), prod.delivered()
    assert len(files) > 40
    assert prod.orchestrators() == {"composer"}

    prod.configure(orchestrator="scheduler")
    refused = prod.pulumi("up", "--yes", ok=False)
    assert "orchestration-environment" in refused
    assert "is protected" in refused
    assert "composer.standby is off" in refused, "what to do instead"
    assert prod.exists() == before, "refused before the first step"
    prod.pulumi("up", "--yes", "--skip-preview", ok=False)
    assert prod.delivered() == files, "nothing is taken from an environment that stays"
    assert len(prod.of(ENVIRONMENT)) == 1

    prod.configure(composer__standby=True)
    prod.pulumi("up", "--yes", "--skip-preview")
    assert prod.orchestrators() == {"scheduler"}
    assert (prod.delivered(), len(prod.of(ENVIRONMENT))) == (files, 1)
    prod.configure(orchestrator="composer")
    prod.pulumi("up", "--yes", "--skip-preview")
    assert prod.orchestrators() == {"composer"}
    assert prod.delivered() == files

    prod.configure(orchestrator="scheduler", composer__deletion_protection=False)
    prod.pulumi("up", "--yes", "--skip-preview")
    prod.configure(composer__standby=False)
    prod.pulumi("up", "--yes", "--skip-preview")
    assert (prod.orchestrators(), prod.of(ENVIRONMENT), prod.delivered()) == ({"scheduler"}, [], set())


def _removal(prod: Production) -> None:
    prod.configure(deletion_protection=False)
    refused = prod.pulumi("preview", ok=False)
    assert "to remove the stack, follow docs/operations/removal.md (protected is true)" in refused
    prod.configure(decommission="fastyle-prod-example", force_destroy=True)
    prod.pulumi("up", "--yes", "--skip-preview")
    prod.pulumi("destroy", "--yes", "--skip-preview")
    assert prod.exists() == []

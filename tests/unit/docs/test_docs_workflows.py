"""The workflows of GitHub Actions, and what they ship: linted, pinned, least rights, licences known."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.errors import OperatorError
from ops.stack_list import listed
from tools import sbom
from tools.audit import UnreachableDatabaseError, audit
from tools.checkers import tool
from workloads.packaging.archives import build

REPOSITORY = Path(__file__).resolve().parents[3]
WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
CREDENTIALS = re.compile(r"secrets\.|id-token: write")


def read(path: Path) -> dict[Any, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    return dict(read(path)["jobs"])


def triggers(path: Path) -> set[str]:
    return set(read(path)[True])  # YAML 1.1 reads the key `on` as true


def built(name: str) -> Path:
    try:
        return tool(name)
    except OperatorError as error:
        pytest.skip(f"{error} (the workflow `supply chain` runs it in any case)")


def test_there_are_workflows_for_each_promise() -> None:
    names = {path.stem for path in WORKFLOWS}
    assert names >= {"check", "plan", "up", "deploy", "drift", "supply-chain"}


def test_actionlint_finds_nothing_and_would(tmp_path: Path) -> None:
    actionlint = built("actionlint")
    done = subprocess.run([actionlint, *WORKFLOWS], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text(encoding="utf-8").replace("runs-on:", "runs-in:"), encoding="utf-8")
    done = subprocess.run([actionlint, broken], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode != 0, "a lint that finds nothing in a broken file proves nothing"


@pytest.mark.slow
def test_gitleaks_finds_nothing_and_would(tmp_path: Path) -> None:
    gitleaks = built("gitleaks")
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split("\0")
    tree = tmp_path / "tree"
    for name in filter(None, names):
        if (source := REPOSITORY / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).symlink_to(source)
    command = [str(gitleaks), "dir", "--no-banner", "--redact", "--follow-symlinks", "--verbose"]
    done = subprocess.run([*command, str(tree)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    key = "AKIA" + "QWERTZUIOP234567"  # the shape of a key, in two halves: this file is scanned too
    leaky = tmp_path / "leaky"
    leaky.mkdir()
    shutil.copy(REPOSITORY / ".gitleaks.toml", leaky)
    (leaky / "forgotten.py").write_text(f'aws_access_key_id = "{key}"\n', encoding="utf-8")
    assert subprocess.run([*command, str(leaky)], capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_actions_are_pinned_by_digest_and_named(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := re.search(r"uses: (\S+)(.*)", line):
            action, comment = match.groups()
            if action.startswith("./"):
                assert (REPOSITORY / action).is_file(), action
            else:
                assert re.fullmatch(r"[\w-]+/[\w./-]+@[0-9a-f]{40}", action), f"{path.name}: {action}"
                assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), f"{path.name}: say which version {action} is"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_a_workflow_may_read_and_a_job_asks_for_more_by_name(path: Path) -> None:
    document = read(path)
    assert document["permissions"] == {"contents": "read"}
    for name, job in document["jobs"].items():
        writes = {scope for scope, level in job.get("permissions", {}).items() if level == "write"}
        assert writes <= {"id-token", "pull-requests", "issues", "contents"}, name
        if writes - {"id-token"}:
            steps = json.dumps(job["steps"])
            assert "actions/checkout" not in steps, (
                f"{path.name}: {name} runs code of the repository with a write token"
            )
        if "steps" in job:
            assert job["timeout-minutes"] <= 120, f"{path.name}: {name} could hang for six hours"


def test_the_locked_provider_reads_a_sleeping_database() -> None:
    """Older ones cannot refresh the users of a stopped instance, or ignore its changed settings: the drift page says so."""
    locked = tomllib.loads((REPOSITORY / "uv.lock").read_text(encoding="utf-8"))["package"]
    version = next(package["version"] for package in locked if package["name"] == "pulumi-gcp")
    page = (REPOSITORY / "docs" / "operations" / "drift.md").read_text(encoding="utf-8")
    (needed,) = re.findall(r"`pulumi-gcp` ([\d.]+) or newer", page)
    assert tuple(map(int, version.split("."))) >= tuple(map(int, needed.split(".")))


def test_updates_begin_with_what_the_cloud_is_now() -> None:
    """From yesterday's state an update would start a database that sleeps, and make its grown disk small."""
    assert read(REPOSITORY / "Pulumi.yaml")["options"]["refresh"] == "always", "whoever runs pulumi, and however"
    pages = [*WORKFLOWS, *(REPOSITORY / "docs" / "operations").glob("*.md")]
    updates = [
        (path.name, line.strip())
        for path in pages
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.match(r"\s*(\$ )?pulumi up ", line)
    ]
    assert len(updates) > 3
    assert [update for update in updates if "--refresh" not in update[1]] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_untrusted_code_never_meets_a_credential(path: Path) -> None:
    events = triggers(path)
    assert "pull_request_target" not in events
    assert "workflow_run" not in events
    if "pull_request" in events:
        for name, job in jobs(path).items():
            if CREDENTIALS.search(json.dumps(job).replace('"id-token": "write"', "id-token: write")):
                # Code that reviewers of the environment let in, of a branch of this repository: no stranger's.
                assert path.stem == "pull-request-stack", f"{path.name} runs the code of pull requests"
                assert "vars.PREVIEW_STACK != ''" in job["if"], f"{name} falls back to a stack by its name"
                if "github.event_name != 'pull_request' }}" in job["if"]:
                    assert job["environment"] == "${{ format('{0}-sweep', vars.PREVIEW_STACK) }}", name
                    continue
                assert "github.event.pull_request.head.repo.full_name == github.repository" in job["if"], name
                assert job["environment"] == "${{ format('{0}-preview', vars.PREVIEW_STACK) }}", name
    for job in jobs(path).values():
        for step in job.get("steps", ()):
            assert "${{" not in step.get("run", ""), "an expression in a script is an injection: pass it by env"
            if "actions/checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("refused", [False, True])
def test_a_pull_request_gets_one_comment_whatever_fails(tmp_path: Path, refused: bool) -> None:
    """The step's own script, with a `make` that says what it was asked for: also when the policies stop a plan."""
    job = jobs(REPOSITORY / ".github" / "workflows" / "plan.yml")["plan"]
    [script] = [step["run"] for step in job["steps"] if step.get("name", "").startswith("Plan every stack")]
    make = tmp_path / "bin" / "make"
    make.parent.mkdir()
    stop = "echo why >&2; exit 1\n" if refused else ""
    make.write_text(f'#!/bin/bash\necho "made: $*"\n{stop}exit 0\n', encoding="utf-8")
    make.chmod(0o755)
    environment = {
        "PATH": f"{make.parent}:/usr/bin:/bin",
        "BASE": "main",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }
    done = subprocess.run(["bash", "-eo", "pipefail", "-c", script], cwd=tmp_path, env=environment, check=False)
    assert done.returncode == int(refused)
    for name in ("comment.md", "summary.md"):
        told = (tmp_path / name).read_text(encoding="utf-8")
        assert told.count("made: ") == 1, "each further call would preview the stacks again"
        assert "made: --silent comment AGAINST=origin/main\n" in told
        assert ("why" in told) is refused


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_a_failing_command_in_a_pipe_fails_the_step(path: Path) -> None:
    document = read(path)
    scripts = [step["run"] for job in document["jobs"].values() for step in job.get("steps", ()) if "run" in step]
    if any(re.search(r"[^|]\|[^|]", script) for script in scripts):
        assert document["defaults"]["run"]["shell"] == "bash", "without it GitHub's shell has no pipefail"


def test_make_targets_in_workflows_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = {name for line in re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE) for name in line.split()}
    used = {
        target
        for path in WORKFLOWS
        for job in jobs(path).values()
        for step in job.get("steps", ())
        for target in re.findall(r"\bmake (?:--\w+ )*([a-z]+)", step.get("run", ""))
    }
    assert used
    assert used - targets == set()


SETS_OF_STACKS = {
    "a request that is closed": ("pr-7-1", True, "CLOSED", ["stack"], "1 hour ago", True),
    "one that lost its label": ("pr-7-1", True, "OPEN", ["bug"], "1 hour ago", True),
    "nothing pushed for a day": ("pr-7-1", True, "OPEN", ["stack"], "25 hours ago", True),
    "one that is worked on": ("pr-7-1", True, "OPEN", ["stack"], "1 hour ago", False),
    "another stack": ("dev", False, "CLOSED", [], "900 hours ago", False),
}


@pytest.mark.parametrize("case", SETS_OF_STACKS)
def test_stacks_of_pull_requests_go_when_their_time_is_over(case: str, tmp_path: Path) -> None:
    """The step's own script, with a `pulumi` and a `gh` that say what they were asked for."""
    stack, _, state, labels, age, goes = SETS_OF_STACKS[case]
    job = jobs(REPOSITORY / ".github" / "workflows" / "pull-request-stack.yml")["down"]
    [script] = [step["run"] for step in job["steps"] if step.get("name", "").startswith("Destroy")]
    updated = subprocess.run(["date", "-u", "-d", age, "+%FT%TZ"], capture_output=True, text=True, check=True).stdout
    listed = json.dumps([{"name": stack, "lastUpdate": updated.strip()}])
    wanted = str(state == "OPEN" and "stack" in labels).lower()
    programs = {
        "pulumi": f"echo \"$*\" >> {tmp_path}/asked\n[ \"$*\" = 'stack ls --json' ] && echo '{listed}'\nexit 0\n",
        "gh": f"echo {wanted}\n",
    }
    for name, text in programs.items():
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/bash\n{text}", encoding="utf-8")
        path.chmod(0o755)
    environment = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "PULUMI_BACKEND_URL": "b", "REPOSITORY": "o/r"}
    subprocess.run(["bash", "-eo", "pipefail", "-c", script], cwd=tmp_path, env=environment, check=True)
    asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    destroyed = [f"destroy --stack {stack} --refresh --yes --non-interactive", f"stack rm --yes {stack}"]
    assert [line for line in asked if line.startswith(("destroy", "stack rm"))] == (destroyed if goes else [])


def test_a_pull_request_s_stack_keeps_its_name_and_its_prefix(tmp_path: Path) -> None:
    job = jobs(REPOSITORY / ".github" / "workflows" / "pull-request-stack.yml")["up"]
    [script] = [step["run"] for step in job["steps"] if step.get("name", "").startswith("Bring")]
    for existing, stack, prefix in (("[]", "pr-71-48", "pr71r48"), ('[{"name": "pr-71-9"}]', "pr-71-9", "pr71r9")):
        for name in ("pulumi", "fastyle"):
            path = tmp_path / "bin" / name
            path.parent.mkdir(exist_ok=True)
            answer = f"[ \"$*\" = 'stack ls --json' ] && echo '{existing}'\nexit 0\n"
            path.write_text(f'#!/bin/bash\necho "{name} $*" >> {tmp_path}/asked\n{answer}', encoding="utf-8")
            path.chmod(0o755)
        (tmp_path / "asked").unlink(missing_ok=True)
        environment = {
            "PATH": f"{tmp_path}/bin:/usr/bin:/bin",
            "PULUMI_BACKEND_URL": "b",
            "BESIDE": "test",
            "NUMBER": "71",
            "RUN": "2048",
        }
        subprocess.run(["bash", "-eo", "pipefail", "-c", script], cwd=tmp_path, env=environment, check=True)
        asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
        assert f"fastyle stack new {stack} --from test --prefix {prefix}" in asked
        assert f"pulumi up --stack {stack} --refresh --yes --policy-pack policies --non-interactive" in asked
        assert f"fastyle cost --stack {stack} --format markdown" in asked
        assert f"Stack `{stack}`" in (tmp_path / "comment.md").read_text(encoding="utf-8")


COMMENTS = [
    {"id": 1, "user": {"type": "Bot"}, "body": "<!-- stack -->\nan address"},
    {"id": 2, "user": {"type": "Bot"}, "body": "<!-- plan -->\na cost"},
    {"id": 3, "user": {"type": "User"}, "body": "<!-- stack -->\nsomebody's"},
    {"id": 4, "user": {"type": "Bot"}, "body": "of another program"},
]


@pytest.mark.parametrize(("workflow", "job", "own"), [("plan", "comment", 2), ("pull-request-stack", "tell", 1)])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_workflow_renews_its_own_comment_and_no_other(
    workflow: str, job: str, own: int, is_first: bool, tmp_path: Path
) -> None:
    """The step's own script, with a `gh` that has these comments: all workflows are one author to GitHub."""
    [step] = [step for step in jobs(REPOSITORY / f".github/workflows/{workflow}.yml")[job]["steps"] if "run" in step]
    there = [comment for comment in COMMENTS if not is_first or comment["id"] != own]
    (tmp_path / "there.json").write_text(json.dumps(there), encoding="utf-8")
    (tmp_path / "comment.md").write_text("told", encoding="utf-8")
    gh = tmp_path / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text(
        """#!/bin/bash
case "$2" in
  --paginate) jq --raw-output "$5" there.json ;;
  *) echo "$*" >> asked ;;
esac
""",
        encoding="utf-8",
    )
    gh.chmod(0o755)
    environment = {
        "PATH": f"{gh.parent}:/usr/bin:/bin",
        "REPOSITORY": "o/r",
        "NUMBER": "7",
        "ABOUT": step["env"]["ABOUT"],
    }
    subprocess.run(["bash", "-eo", "pipefail", "-c", step["run"]], cwd=tmp_path, env=environment, check=True)
    asked = (tmp_path / "asked").read_text(encoding="utf-8").strip()
    renewed = f"api --silent --method PATCH repos/o/r/issues/comments/{own} --field body=@body.md"
    assert asked == ("pr comment 7 --repo o/r --body-file body.md" if is_first else renewed)
    assert (tmp_path / "body.md").read_text(encoding="utf-8") == f"<!-- {step['env']['ABOUT']} -->\ntold"


def test_protected_stacks_wait_for_a_person_and_the_night_does_not() -> None:
    """One environment for both would leave every nightly check waiting for a reviewer."""
    up = jobs(REPOSITORY / ".github" / "workflows" / "up.yml")["up"]
    assert up["environment"] == "${{ inputs.check && format('{0}-drift', inputs.stack) || inputs.stack }}"
    deploy = jobs(REPOSITORY / ".github" / "workflows" / "deploy.yml")
    assert "unprotected" in deploy["protected"]["needs"]
    assert deploy["protected"]["strategy"]["max-parallel"] == 1


@pytest.mark.parametrize("others", [{}, {"qa": {"continuous_deployment": True}, "kiosk": {"protected": True}}])
def test_workflows_find_the_stacks_by_their_files(others: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    """The step's own script; what it tells is what the jobs are made of, and none of them names a stack."""
    for name in ("dev", "prod", "local"):
        shutil.copy(REPOSITORY / f"Pulumi.{name}.yaml", tmp_path)
    for name, keys in others.items():
        config = {"gcp:project": name, **{f"fastyle:{key}": str(value).lower() for key, value in keys.items()}}
        (tmp_path / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump({"config": config}), encoding="utf-8")
    command = tmp_path / ".venv/bin/fastyle"
    command.parent.mkdir(parents=True)
    text = json.dumps([stack.as_json() for stack in listed(tmp_path)])
    command.write_text(f"#!/bin/bash\n[ \"$*\" = 'stack list --json' ] && echo '{text}'\n", encoding="utf-8")
    command.chmod(0o755)
    [script] = [s["run"] for s in jobs(WORKFLOWS[0].parent / "stacks.yml")["list"]["steps"] if s.get("id") == "list"]
    environment = {"PATH": "/usr/bin:/bin", "GITHUB_OUTPUT": str(tmp_path / "output")}
    subprocess.run(["bash", "-eo", "pipefail", "-c", script], cwd=tmp_path, env=environment, check=True)
    told = dict(line.split("=", 1) for line in (tmp_path / "output").read_text(encoding="utf-8").splitlines())
    more = ["qa"] if others else []
    assert {key: json.loads(value) for key, value in told.items()} == {
        "all": ["dev", "prod", *more],
        "protected": ["prod"],
        "unprotected": ["dev", *more],
    }
    for name in ("deploy", "drift"):
        document = WORKFLOWS[0].parent.joinpath(f"{name}.yml").read_text(encoding="utf-8")
        assert re.findall(r"\b(dev|prod)\b", document) == []
        made = [
            job["strategy"]["matrix"]["stack"]
            for job in jobs(WORKFLOWS[0].parent / f"{name}.yml").values()
            if "strategy" in job
        ]
        assert made
        assert set(made) <= {f"${{{{ fromJSON(needs.stacks.outputs.{key}) }}}}" for key in told}


def test_a_deployment_waits_for_the_checks_of_its_own_commit() -> None:
    """A workflow beside it, started by the same push, could fail while the stack is updated."""
    deploy = jobs(REPOSITORY / ".github" / "workflows" / "deploy.yml")
    assert deploy["check"]["uses"] == "./.github/workflows/check.yml"
    for name, job in deploy.items():
        assert job["uses"] != "./.github/workflows/up.yml" or "check" in job["needs"], name
    assert triggers(REPOSITORY / ".github" / "workflows" / "check.yml") == {"pull_request", "workflow_call"}


def test_dependabot_covers_every_lock() -> None:
    updates = read(REPOSITORY / ".github" / "dependabot.yml")["updates"]
    covered = {(update["package-ecosystem"], update["directory"]) for update in updates}
    assert covered >= {("uv", "/"), ("npm", "/workloads/api/web"), ("gomod", "/.github/tools"), ("github-actions", "/")}
    scanned = "".join(
        step.get("run", "") for step in jobs(REPOSITORY / ".github/workflows/supply-chain.yml")["scan"]["steps"]
    )
    assert "make audit" in scanned


SCANNER = """#!/bin/sh
echo "$@" >> {log}
echo '{words}' >&2
exit {code}
"""


def scanner(folder: Path, code: int, words: str = "") -> Path:
    """A scanner that answers so, and keeps what it was asked."""
    path = folder / "osv-scanner"
    path.write_text(SCANNER.format(log=folder / "asked", words=words, code=code), encoding="utf-8")
    path.chmod(0o755)
    return path


def test_an_audit_fetches_the_database_once_a_day_and_reads_both_locks(tmp_path: Path) -> None:
    executable, database = scanner(tmp_path, 0), tmp_path / "osv"
    for _ in range(2):
        assert audit(executable, database) == "uv.lock and workloads/api/web/package-lock.json: no known vulnerability"
    first, second = (tmp_path / "asked").read_text().splitlines()
    assert "--download-offline-databases" in first
    assert "--download-offline-databases" not in second
    for lock in ("uv.lock", "workloads/api/web/package-lock.json"):
        assert (REPOSITORY / lock).is_file()
        assert f"--lockfile {REPOSITORY / lock}" in second


def test_an_audit_fails_on_a_known_vulnerability_and_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"--upgrade-package.*osv-scanner\.toml"):
        audit(scanner(tmp_path, 1, "GHSA-1234"), tmp_path / "osv")


def test_an_audit_without_a_network_is_a_skip_that_tries_again(tmp_path: Path) -> None:
    executable = scanner(tmp_path, 127, "unable to fetch OSV database: dial tcp: no such host")
    for _ in range(2):
        with pytest.raises(UnreachableDatabaseError):
            audit(executable, tmp_path / "osv")
    assert (tmp_path / "asked").read_text().count("--download-offline-databases") == 2
    with pytest.raises(OperatorError, match="ended with 127"):
        audit(scanner(tmp_path, 127, "a lock that cannot be parsed"), tmp_path / "osv")


# --- what is shipped ---


@pytest.mark.slow
def test_every_archive_has_a_bill_that_lists_what_is_in_it() -> None:
    workload = "api"
    document = sbom.archive_bill(workload)
    names = {component["name"] for component in document["components"]}
    assert {"fastapi", "psycopg", "uvicorn"} <= names
    assert "pulumi" not in names, "no workload carries Pulumi"
    assert "colorama" not in names, "in the lock for Windows only"
    assert document["metadata"]["component"]["bom-ref"] == build(workload).name
    assert all(component["licenses"] for component in document["components"])
    refs = {component["bom-ref"] for component in document["components"]}
    graph = {entry["ref"]: set(entry["dependsOn"]) for entry in document["dependencies"]}
    assert set().union(*graph.values()) == refs, "everything is there because something needs it"
    assert sbom.archive_bill(workload) == document, "the same commit, the same bytes"


@pytest.mark.slow
def test_every_package_is_under_a_licence_that_was_decided_on() -> None:
    documents = sbom.bills()
    assert set(documents) == {*sbom.workloads(), *sbom.PACKAGES, "fastyle-platform"}
    assert all(document["components"] for document in documents.values())


@pytest.mark.parametrize(
    ("fields", "expression"),
    [
        ("License-Expression: MIT OR Apache-2.0", "MIT OR Apache-2.0"),
        ("Classifier: License :: OSI Approved :: MIT License", "MIT"),
        ("License: Apache 2.0", "Apache-2.0"),
        ("Classifier: License :: OSI Approved :: BSD License\nClassifier: License :: OSI Approved :: MIT License",
         "(BSD-3-Clause OR BSD-2-Clause) AND MIT"),
    ],
)  # fmt: skip
def test_a_licence_is_read_wherever_it_is_written(fields: str, expression: str) -> None:
    assert sbom.licence(HeaderParser().parsestr(f"Name: thing\nVersion: 1\n{fields}\n")) == expression


@pytest.mark.parametrize("fields", ["License-Expression: AGPL-3.0-only", "License: proprietary", "Summary: none"])
def test_an_unknown_or_refused_licence_is_an_error_that_says_what_to_do(fields: str) -> None:
    with pytest.raises(sbom.LicenceError, match=r"thing 1 .*tools/sbom\.py"):
        sbom.licence(HeaderParser().parsestr(f"Name: thing\nVersion: 1\n{fields}\n"))


def test_the_lock_names_no_other_registry() -> None:
    lock = tomllib.loads((REPOSITORY / "uv.lock").read_text(encoding="utf-8"))
    registries = {package["source"].get("registry") for package in lock["package"]} - {None}
    assert registries == {"https://pypi.org/simple"}

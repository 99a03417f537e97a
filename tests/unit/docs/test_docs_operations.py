"""The operators' pages: every command in them exists, every key, link and alert; what they say is held against the code."""

from __future__ import annotations

import re
import shlex
import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from ops.cli import cli
from tests.support.program import composed
from workloads.pipeline.tables import tables

REPOSITORY = Path(__file__).resolve().parents[3]
PAGES = [
    REPOSITORY / "README.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
    REPOSITORY / "components" / "README.md",
    *sorted((REPOSITORY / "docs" / "operations").glob("*.md")),
]
ALERTS = REPOSITORY / "docs" / "operations" / "alerts.md"


AWAITED = {"replay", "redrive"}  # promised by the contract, and described before they are there


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def name(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def commands(path: Path) -> list[list[str]]:
    """Every command of the console blocks, and of inline code that begins like one; comments and variables apart."""
    lines = []
    for block in re.findall(r"```console\n(.*?)```", text(path), re.DOTALL):
        lines += [line.strip()[2:] for line in block.splitlines() if line.strip().startswith("$ ")]
    lines += re.findall(r"`((?:uv run |fastyle |make |pulumi )[^`]+)`", text(path))
    written = []
    for line in lines:
        words = shlex.split(line, comments=True)
        for part in _parts(words):
            while part and re.fullmatch(r"[A-Z_]+=.*", part[0]):
                part = part[1:]
            if part[:2] == ["uv", "run"]:
                part = part[2:]
            if part:
                written.append(part)
    return written


def _parts(words: list[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for word in words:
        if word in ("&&", "|", ">"):
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def of(path: Path, program: str) -> list[list[str]]:
    return [command[1:] for command in commands(path) if command[0] == program]


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_verb_of_fastyle_exists_and_takes_its_options(path: Path) -> None:
    for arguments in of(path, "fastyle"):
        rest, command = list(arguments), cli
        while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            verb = rest.pop(0)
            if verb in AWAITED and verb not in command.commands:
                return
            assert verb in command.commands, f"{name(path)}: fastyle {' '.join(arguments)}"
            command = command.commands[verb]  # type: ignore[assignment]
        if not isinstance(command, click.Group):
            values = ["1" if value in ("NAME", "FILE", "TOPIC", "…") else value for value in rest]
            try:
                command.make_context("fastyle", values)
            except click.exceptions.Exit:  # --help
                continue
            except click.UsageError as error:
                raise AssertionError(f"{name(path)}: fastyle {' '.join(arguments)}: {error.message}") from None


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_make_target_exists(path: Path) -> None:
    phony = re.findall(r"^\.PHONY: (.*)$", text(REPOSITORY / "Makefile"), re.MULTILINE)
    targets = {target for line in phony for target in line.split()}
    for arguments in of(path, "make"):
        wanted = [word for word in arguments if "=" not in word and not word.startswith("-")]
        assert set(wanted) <= targets, f"{name(path)}: make {' '.join(arguments)}"


@cache
def pulumi_help(*verb: str) -> subprocess.CompletedProcess[str]:
    """What the pinned engine says of a verb."""
    from fastyle_localcloud.engine import bootstrap

    engine = bootstrap.ensure_engine(lambda line: None)
    return subprocess.run([engine.pulumi, *verb, "--help"], capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_pulumi_option_exists(path: Path) -> None:
    """As the pinned engine understands it; a verb's own help is the list."""
    for arguments in of(path, "pulumi"):
        verb = tuple(word for word in arguments[:2] if re.fullmatch(r"[a-z-]+", word) and not word.startswith("-"))
        verb = verb if verb[:1] in (("stack",), ("config",), ("package",)) else verb[:1]
        if not verb:
            continue
        told = pulumi_help(*verb)
        assert told.returncode == 0, f"{name(path)}: pulumi {' '.join(verb)}"
        for option in (word.partition("=")[0] for word in arguments if word.startswith("--")):
            assert re.search(rf"{option}\b", told.stdout), f"{name(path)}: pulumi {' '.join(verb)} {option}"


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_python_module_named_exists(path: Path) -> None:
    for arguments in of(path, "python"):
        if arguments[:1] == ["-m"]:
            module = arguments[1]
            assert find_spec(module) or find_spec(f"{module}.__main__"), f"{name(path)}: {arguments}"


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_configuration_key_exists(path: Path) -> None:
    known = set(re.findall(r"`(fastyle:[\w.]+)`", text(REPOSITORY / "docs" / "configuration.md")))
    for key in re.findall(r"\bfastyle:([a-z_][\w.]*[\w])(?![\w/])", text(path)):
        if key.startswith("index"):  # type tokens of the components
            continue
        parents = {f"fastyle:{key}", f"fastyle:{key.rsplit('.', 1)[0]}"}  # a key of a map, such as people.staff
        assert parents & known, f"{name(path)}: fastyle:{key} is no key; see docs/configuration.md"


def anchors(path: Path) -> set[str]:
    """As GitHub makes them: lower case, spaces to hyphens, other punctuation dropped."""
    headings = re.findall(r"^#+ (.*)$", text(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", text(path)):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        destination = (path.parent / file).resolve() if file else path
        assert destination.exists(), f"{name(path)}: {target}"
        if anchor:
            assert anchor in anchors(destination), f"{name(path)}: {target}"


# --- a runbook for each alert ---


@pytest.fixture(scope="module")
def documented() -> dict[str, str]:
    """What the program of prod writes into each alert policy, by its runbook: `backlog-2` is of further subscriptions."""
    recorder = composed("prod")
    policies = {
        key: value for key, value in recorder.resources.items() if key.startswith("gcp:monitoring/alertPolicy:")
    }
    return {
        re.sub(r"-\d+$", "", key.partition("::monitoring-")[2]): value["documentation"]["content"]
        for key, value in policies.items()
    }


def test_every_alert_links_to_its_runbook(documented: dict[str, str]) -> None:
    assert len(documented) >= 10
    for key, content in documented.items():
        link = re.search(
            r"\[Runbook\]\(https://github\.com/[\w.-]+/[\w.-]+/blob/[\w./-]+/docs/operations/alerts\.md#(.+)\)", content
        )
        assert link, f"{key}: {content}"
        assert link[1] == key
        assert key in anchors(ALERTS), f"docs/operations/alerts.md has no section {key}"


def test_every_runbook_belongs_to_an_alert_and_says_when_it_is_over(documented: dict[str, str]) -> None:
    sections = re.split(r"^## ", text(ALERTS), flags=re.MULTILINE)[1:]
    named = {section.partition("\n")[0]: section for section in sections}
    assert set(named) == {*documented, "budget"}, "the budget tells by itself"
    for key, section in named.items():
        assert "Over when" in section or "Over with" in section or "Same causes as [" in section or key == "budget", key


def statements() -> list[str]:
    """Every statement of the pages' blocks of GoogleSQL and SQL."""
    blocks = [block for path in PAGES for block in re.findall(r"```sql\n(.*?)```", text(path), re.DOTALL)]
    return [statement for block in blocks for part in block.split(";") if (statement := " ".join(part.split()))]


@pytest.mark.parametrize("statement", statements())
def test_bigquery_takes_every_statement(statement: str) -> None:
    """Pub/Sub's export has always written to a raw table in the last half hour, and no TRUNCATE takes such rows:
    https://cloud.google.com/bigquery/docs/data-manipulation-language#limitations"""
    for table in (table for key, table in tables().items() if re.search(rf"\b{key}\b", statement)):
        is_raw = table.kind == "raw"
        if statement.startswith("TRUNCATE TABLE"):
            assert not is_raw, "DELETE it"
        elif is_raw or table.require_partition_filter:
            assert f"WHERE {'publish_time' if is_raw else table.partition_by} >= " in statement

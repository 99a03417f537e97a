"""A stack file that a plan reads opens without the stack's key, and holds every other value as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.config import load_config
from ops.errors import OperatorError
from ops.stack_files import PlainStackFile, plain_stack_file
from tests.support.configuration import REPOSITORY, as_the_engine_gives_it

SECRET = {"secure": "v1:abcdefghijkl:0123456789+/=="}


def plain(folder: Path, text: str) -> PlainStackFile:
    path = folder / "Pulumi.dev.yaml"
    path.write_text(text, encoding="utf-8")
    return plain_stack_file(path)


def with_secrets(folder: Path, *paths: tuple[str | int, ...], **top: object) -> PlainStackFile:
    """Pulumi.dev.yaml with a secret at each of `paths`, and what the engine writes at its top."""
    document = yaml.safe_load((REPOSITORY / "Pulumi.dev.yaml").read_text(encoding="utf-8"))
    for *inside, last in paths:
        section: Any = document["config"]
        for key in inside:
            section = section.setdefault(key, {})
        section[last] = SECRET
    return plain(folder, yaml.safe_dump({**top, **document}))


def test_what_needs_a_key_is_not_in_it(tmp_path: Path) -> None:
    file = with_secrets(
        tmp_path,
        ("fastyle:billing_account",),
        encryptionsalt="v1:salt",
        secretsprovider="gcpkms://projects/p/locations/us/keyRings/r/cryptoKeys/k",
        encryptedkey="CiQA",
    )
    assert set(yaml.safe_load(file.text)) == {"config"}
    assert "secure" not in file.text


@pytest.mark.parametrize(
    "path",
    [
        ("gcp:project",),
        ("gcp:region",),
        ("fastyle:project_number",),
        ("fastyle:billing_account",),
        ("fastyle:currency",),
        ("fastyle:database",),
        ("fastyle:database", "tier"),
        ("fastyle:database", "night_stop", "start_cron"),
        ("fastyle:budget", "monthly_amount"),
        ("fastyle:warehouse", "analysts", "buyers"),
        ("fastyle:access", "operators", "night-shift"),
        ("fastyle:labels", "team"),
        ("fastyle:services", 0),
    ],
    ids=lambda path: ".".join(map(str, path)),
)
def test_a_secret_value_is_planned_with_one_that_fits(tmp_path: Path, path: tuple[str | int, ...]) -> None:
    file = with_secrets(tmp_path, path)
    config = yaml.safe_load(file.text)["config"]
    if path[0] == "fastyle:services":  # the example may be another of the list
        config["fastyle:services"] = []
    load_config(as_the_engine_gives_it(config))
    assert len(file.replaced) == 1
    assert file.replaced[0].startswith(str(path[0]))
    assert file.left_out == ()
    assert file.replaced[0] in file.notes[0]


def test_people_under_secret_addresses_are_not_one_person(tmp_path: Path) -> None:
    document = {"config": {"fastyle:budget": {"monthly_amount": 5, "emails": [SECRET, SECRET]}}}
    file = plain(tmp_path, yaml.safe_dump(document))
    first, second = yaml.safe_load(file.text)["config"]["fastyle:budget"]["emails"]
    assert first != second
    assert file.replaced == ("fastyle:budget.emails[0]", "fastyle:budget.emails[1]")


def test_credentials_and_unknown_secrets_are_left_out_and_said(tmp_path: Path) -> None:
    document = {
        "environment": ["shop/prod"],
        "config": {"gcp:credentials": "{}", "gcp:accessToken": SECRET, "aws:secretKey": SECRET, "gcp:zone": "a"},
    }
    file = plain(tmp_path, yaml.safe_dump(document))
    assert yaml.safe_load(file.text) == {"config": {"gcp:zone": "a"}}
    assert set(file.left_out) == {"environment (Pulumi ESC)", "gcp:credentials", "gcp:accessToken", "aws:secretKey"}
    assert "aws:secretKey" in file.notes[0]


def test_every_other_value_stays_as_it_is_written(tmp_path: Path) -> None:
    """A loaded and dumped number is another one: 010 would become 8."""
    text = 'config:\n  fastyle:a: 010\n  fastyle:b: "0 20 * * *"\n  fastyle:c: {d: 1e3, e: "1", f: 2026-11-20, g: on}\n'
    written = plain(tmp_path, text).text
    for token in ("fastyle:a: 010", "'0 20 * * *'", "d: 1e3", "e: '1'", "f: 2026-11-20", "g: on"):
        assert token in written.replace('"', "'"), written


def test_a_committed_file_loses_nothing() -> None:
    for stack in ("local", "dev", "prod"):
        path = REPOSITORY / f"Pulumi.{stack}.yaml"
        file = plain_stack_file(path)
        whole = yaml.safe_load(path.read_text(encoding="utf-8"))["config"]
        read = yaml.safe_load(file.text)["config"]
        kept = {key: value for key, value in whole.items() if not file.notes or read.get(key) == value}
        assert {key: read[key] for key in kept} == kept
        assert set(read) == set(whole) - set(file.left_out)


@pytest.mark.parametrize("text", ["config: [", "config:\n\t- a", "\x00"], ids=["unclosed", "tab", "control"])
def test_a_file_that_is_no_yaml_is_one_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(OperatorError, match=r"^Pulumi\.dev\.yaml.*: it is no stack file") as refusal:
        plain(tmp_path, text)
    assert "\n" not in str(refusal.value)


def test_an_empty_file_is_a_stack_without_configuration(tmp_path: Path) -> None:
    assert yaml.safe_load(plain(tmp_path, "").text) == {"config": {}}

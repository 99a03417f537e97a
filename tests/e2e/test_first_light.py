"""`make up` from nothing: the real engine, the real program, and counts that agree."""

from __future__ import annotations

import json
import re
import stat
from urllib.parse import urlsplit

from tests.support.checkout import Checkout


def counts(output: str, label: str) -> dict[str, int]:
    """The numbers of one row of the summary, by column."""
    header = next(line for line in output.splitlines() if "accepted" in line and "lake" in line)
    row = next(line for line in output.splitlines() if re.match(rf"\W*{label}\b.*│", line))
    columns = re.findall(r"accepted|lake|raw|inventory|marts", header)
    numbers = [int(n.replace(",", "")) for n in re.findall(r"(?<![\w-])\d[\d,]*(?![\w-])", row)]
    return dict(zip(columns, numbers, strict=False))


def test_summary_agrees_in_every_store(stack: Checkout) -> None:
    output = (stack.root / ".localcloud" / "first-up.txt").read_text(encoding="utf-8")
    sales, inventory = counts(output, "sales"), counts(output, "inventory")
    assert sales["accepted"] > 1000, output[-3000:]
    assert inventory["accepted"] > 1000, output[-3000:]
    for row in (sales, inventory):
        assert {row["accepted"]} == {row["lake"], row["raw"], row["inventory"]}, output[-3000:]
    assert sales["marts"] == sales["accepted"], output[-3000:]


def test_endpoints_say_where_everything_is_and_only_to_their_owner(stack: Checkout) -> None:
    path = stack.root / ".localcloud" / "endpoints.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    endpoints = stack.endpoints
    promised = {"project", "pubsub", "storage", "bigquery", "postgres", "pos_api", "api", "api_token", "timezone"}
    assert promised | {"currency", "topics", "datasets", "bucket"} <= endpoints.keys()
    assert endpoints["topics"] == {
        "sales": f"projects/{endpoints['project']}/topics/sales-transactions",
        "inventory": f"projects/{endpoints['project']}/topics/inventory-changes",
    }
    for name in ("storage", "bigquery", "pos_api", "api"):
        assert urlsplit(endpoints[name]).hostname == "127.0.0.1"


def test_refresh_after_up_finds_what_up_left(stack: Checkout) -> None:
    stack.pulumi("refresh", "--stack", "local", "--yes", "--skip-preview", "--expect-no-changes")


def test_refresh_finds_a_topic_deleted_behind_its_back_and_up_restores_it(stack: Checkout) -> None:
    import os

    from google.cloud import pubsub_v1

    topic = stack.endpoints["topics"]["inventory"] + "-dead-letter"
    os.environ["PUBSUB_EMULATOR_HOST"] = stack.endpoints["pubsub"]
    try:
        pubsub_v1.PublisherClient().delete_topic(topic=topic)
    finally:
        del os.environ["PUBSUB_EMULATOR_HOST"]
    refreshed = stack.pulumi("refresh", "--stack", "local", "--yes", "--skip-preview").stdout
    assert re.search(r"1 deleted", refreshed), refreshed[-3000:]
    restored = stack.pulumi("up", "--stack", "local", "--yes", "--skip-preview").stdout
    assert re.search(r"\d+ created", restored), restored[-3000:]
    preview = json.loads(stack.pulumi("preview", "--stack", "local", "--json").stdout)
    assert set(preview["changeSummary"]) == {"same"}, preview["changeSummary"]


def test_dev_is_refused_on_the_local_cloud_with_a_sentence(stack: Checkout) -> None:
    stack.pulumi("stack", "init", "dev", check=False)
    result = stack.pulumi("up", "--stack", "dev", "--yes", "--skip-preview", check=False)
    assert result.returncode != 0
    assert "Traceback" not in result.stdout
    assert re.search(r"dev.*local|local.*dev", result.stdout), result.stdout[-3000:]


def test_no_secret_in_state_or_logs(stack: Checkout) -> None:
    endpoints = stack.endpoints
    password = urlsplit(endpoints["postgres"]).password
    secrets = [s for s in (endpoints["api_token"], password) if s]
    assert len(secrets) == 2
    folder = stack.root / ".localcloud"
    for path in [*folder.joinpath("logs").rglob("*"), *folder.joinpath("pulumi").rglob("*.json*")]:
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            assert not any(s in text for s in secrets), f"a secret stands in {path}"

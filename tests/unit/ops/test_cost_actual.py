"""`fastyle cost actual`: made-up exports of the documented shape held against an estimate, and what explains them.

The bill is made of an estimate with other usage than the one that it is then held against: what was changed must be found.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fastyle_policies.model import Resource
from fastyle_policies.pricing import Estimate, PricingError, estimate, read_usage
from fastyle_policies.pricing.actual.compare import compared, labels_of, service_of
from fastyle_policies.pricing.actual.explain import Explainer
from fastyle_policies.pricing.actual.export import parse
from fastyle_policies.pricing.documents import Document

from ops.cli import cli
from policy_pricing.bills import REGION, resource, usage_of

PROJECT = "fastyle-prod-example"
TOPIC = resource("gcp:pubsub/topic:Topic", "sales-topic", name="sales", labels={"component": "stream-sales"})
DATABASE = resource(
    "gcp:sql/databaseInstance:DatabaseInstance",
    "database-instance",
    settings={
        "tier": "db-custom-2-7680",
        "diskSize": 50,
        "userLabels": {"component": "database"},
        "backupConfiguration": {"enabled": True},
        "ipConfiguration": {"ipv4Enabled": False},
    },
)
API = resource(
    "gcp:cloudrunv2/service:Service",
    "api-service",
    labels={"component": "api"},
    template={"containers": [{"resources": {"cpuIdle": True}}]},
)
STAGING = resource(
    "gcp:bigquery/dataset:Dataset", "warehouse-staging", location=REGION, labels={"component": "warehouse"}
)
PLAN = (TOPIC, DATABASE, API, STAGING)
ASSUMED: dict[str, dict[str, Any]] = {
    "sales-topic": {"monthly_messages": 100_000_000, "message_bytes": 1000},
    "database-instance": {"backup_gb": 10},
    "api-service": {"monthly_requests": 10_000_000, "request_ms": 200},
    "warehouse-staging": {"monthly_written_gib": 100, "monthly_scanned_gib": 2000},
}
SKUS = {
    "sql.vcpu": "Cloud SQL for PostgreSQL: Zonal - vCPU in Americas",
    "sql.memory": "Cloud SQL for PostgreSQL: Zonal - RAM in Americas",
    "sql.ssd": "Cloud SQL for PostgreSQL: Zonal - Standard storage in Americas",
    "sql.backup": "Cloud SQL: Backups in Americas",
    "run.request-cpu": "Services CPU (Request-based billing)",
    "run.request-memory": "Services Memory (Request-based billing)",
    "bigquery.scan": "Analysis (us-central1)",
    "bigquery.active": "Active Logical Storage (us-central1)",
    "bigquery.long-term": "Long Term Logical Storage (us-central1)",
}


def priced(used: Mapping[str, Mapping[str, Any]]) -> Estimate:
    return estimate(PLAN, usage_of(**used), region=REGION)


def row(service: str, sku: str, cost: object, **more: Any) -> dict[str, Any]:
    """A row of the standard export, with every field that its documentation lists and that is read."""
    return {
        "billing_account_id": "012345-6789AB-CDEF01",
        "service": {"id": "95FF-2EF5-5EA1", "description": service},
        "sku": {"id": "0000-0000-0000", "description": sku},
        "usage_start_time": "2026-11-01T00:00:00Z",
        "usage_end_time": "2026-12-01T00:00:00Z",
        "project": {"id": PROJECT, "number": "210987654321", "name": "prod", "labels": [], "ancestry_numbers": "/1/"},
        "labels": [],
        "system_labels": [],
        "location": {"location": "us-central1", "country": "US", "region": "us-central1", "zone": None},
        "tags": [],
        "cost": cost,
        "currency": "USD",
        "currency_conversion_rate": 1.0,
        "usage": {"amount": 1, "unit": "x", "amount_in_pricing_units": 1, "pricing_unit": "x"},
        "credits": [],
        "invoice": {"month": "202611", "publisher_type": "GOOGLE"},
        "cost_type": "regular",
        "export_time": "2026-12-02T00:00:00Z",
        **more,
    }


def bill(used: Mapping[str, Mapping[str, Any]], scale: Decimal = Decimal(720) / 730) -> list[dict[str, Any]]:
    """A month of 720 hours with this usage. Queries carry no label, as those of jobs do not."""
    rows = []
    component_of = labels_of(PLAN, "component")
    for owner, line in priced(used).lines():
        name = component_of[owner.urn]
        labels = [] if line.rate.id == "bigquery.scan" else [{"key": "component", "value": name}]
        sku = SKUS.get(line.rate.id, f"{line.name} of some name")
        rows.append(row(service_of(line.rate.id), sku, float(line.monthly * scale), labels=labels))
    return rows


def lines(rows: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(map(json.dumps, rows))


def comparison_of(rows: Sequence[Mapping[str, Any]], **how: Any) -> Any:
    return compared(parse(lines(rows), "export"), priced(ASSUMED), PLAN, project=PROJECT, **how)


def changed(name: str, **values: Any) -> dict[str, dict[str, Any]]:
    return {**ASSUMED, name: {**ASSUMED[name], **values}}


def test_a_bill_of_just_what_was_assumed_is_not_off() -> None:
    same = comparison_of(bill(ASSUMED))
    assert same.hours == 720
    assert [component for component in same.components if abs(component.off) > Decimal("0.001")] == []
    assert {component.name for component in same.components} == {"stream-sales", "database", "api", "warehouse"}


def test_charges_without_a_label_go_where_alone_their_sku_is() -> None:
    """2,000 GiB scanned are 12.21 USD: of the warehouse, although jobs do not carry its label."""
    [warehouse] = [component for component in comparison_of(bill(ASSUMED)).components if component.name == "warehouse"]
    [scanned] = [part for part in warehouse.parts if part.name == "bigquery.scan"]
    assert round(scanned.actual, 2) == Decimal("12.21")
    strange = comparison_of([*bill(ASSUMED), row("Cloud Spanner", "nobody planned this", 9.0)])
    [unknown] = [component for component in strange.components if component.name == ""]
    assert round(unknown.off, 2) == Decimal("9.13"), "9 in 720 hours, in 730"


def test_what_the_estimate_holds_beside_the_resources_has_no_component() -> None:
    fewer = [each for each in PLAN if not each.name.startswith("api")]
    apart = compared(parse(lines(bill(ASSUMED)), "export"), priced(ASSUMED), fewer, project=PROJECT)
    estimated = {component.name: component.estimated for component in apart.components}
    whole = {component.name: component.estimated for component in comparison_of(bill(ASSUMED)).components}
    assert estimated.pop("") == whole.pop("api") > 0
    assert estimated == {**whole, "api": 0}


@pytest.mark.parametrize(
    ("billed", "service"),
    [
        ("BigQuery Storage API", "BigQuery"),
        ("Cloud Functions", "Cloud Run"),
        ("Cloud Run Functions", "Cloud Run"),
        ("Stackdriver Logging", "Cloud Logging"),
        ("Stackdriver Monitoring", "Cloud Monitoring"),
        ("Cloud Spanner", "Cloud Spanner"),
    ],
)
def test_a_service_of_several_names_is_one_part(billed: str, service: str) -> None:
    """5 and 4 USD in 720 hours, 9.125 in 730."""
    odd = {"labels": [{"key": "component", "value": "odd"}]}
    rows = [*bill(ASSUMED), row(billed, "nobody planned this", 5.0, **odd), row(service, "nor this", 4.0, **odd)]
    [component] = [component for component in comparison_of(rows).components if component.name == "odd"]
    assert [(part.name, round(part.actual, 3)) for part in component.parts] == [(service, Decimal("9.125"))]


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("sales-topic", "monthly_messages", 250_000_000),
        ("database-instance", "backup_gb", 400),
        ("database-instance", "monthly_running_hours", 365),
        ("api-service", "monthly_requests", 40_000_000),
        ("warehouse-staging", "monthly_scanned_gib", 9000),
    ],
)
def test_the_assumption_that_was_wrong_is_found(name: str, key: str, value: int) -> None:
    comparison = comparison_of(bill(changed(name, **{key: value})))
    [explained] = Explainer(resources=PLAN, usage=usage_of(**ASSUMED), region=REGION).explained(comparison)
    assert (explained.resource, explained.key) == (name, key)
    assert abs(explained.after - value) <= Decimal(value) / 1000
    assert explained.left < Decimal("0.05")


def test_an_assumption_that_was_made_is_likelier_wrong_than_use_that_nobody_thought_of() -> None:
    """Where the bill tells the service alone: a dead-letter topic beside the topic would explain it, too."""
    letters = resource("gcp:pubsub/topic:Topic", "a-dead-letter", name="dead", labels={"component": "stream-sales"})
    comparison = comparison_of(bill(changed("sales-topic", monthly_messages=250_000_000)))
    explainer = Explainer(resources=(letters, *PLAN), usage=usage_of(**ASSUMED), region=REGION)
    assert [(each.resource, each.key) for each in explainer.explained(comparison)] == [
        ("sales-topic", "monthly_messages")
    ]


def test_a_charge_that_nobody_planned_does_not_hide_the_assumption_that_was_wrong() -> None:
    own = {"labels": [{"key": "component", "value": "stream-sales"}]}
    rows = [*bill(changed("sales-topic", monthly_messages=250_000_000)), row("Cloud Spanner", "a trial", 0.02, **own)]
    [explained] = Explainer(resources=PLAN, usage=usage_of(**ASSUMED), region=REGION).explained(comparison_of(rows))
    assert (explained.resource, explained.key) == ("sales-topic", "monthly_messages")


def test_what_the_book_cannot_price_explains_nothing_and_hides_nothing() -> None:
    odd = resource("gcp:redis/instance:Instance", "cache", tier="GOLD", labels={"component": "stream-sales"})
    comparison = comparison_of(bill(changed("sales-topic", monthly_messages=250_000_000)))
    explainer = Explainer(resources=(odd, *PLAN), usage=usage_of(**ASSUMED), region=REGION)
    assert [each.resource for each in explainer.explained(comparison)] == ["sales-topic"]


def test_what_no_usage_explains_is_not_explained() -> None:
    rows = [
        {**each, "cost": each["cost"] * 3} if each["sku"]["description"] == SKUS["sql.memory"] else each
        for each in bill(ASSUMED)
    ]
    comparison = comparison_of(rows)
    assert comparison.components[0].name == "database"
    assert Explainer(resources=PLAN, usage=usage_of(**ASSUMED), region=REGION).explained(comparison) == []


def test_credits_taxes_other_projects_and_currencies() -> None:
    """A bill in another currency is brought back by its rate; a free tier is the account's; taxes stand apart."""
    foreign = [
        {**each, "cost": each["cost"] * 0.9, "currency": "EUR", "currency_conversion_rate": 0.9}
        for each in bill(ASSUMED)
    ]
    foreign[0]["credits"] = [{"name": "free", "amount": -0.9, "type": "FREE_TIER", "full_name": "", "id": ""}]
    tax = row("Invoice", "Tax", 5.0, cost_type="tax")
    other = row("Cloud SQL", "x", 100, project={"id": "somebody-else"})
    comparison = comparison_of([*foreign, tax, other])
    assert [c for c in comparison.components if abs(c.off) > Decimal("0.001")] == []
    assert round(comparison.credits["FREE_TIER"], 4) == Decimal("-1.0139"), "1 in 720 hours"
    assert comparison.others == {"tax": Decimal("5.0")}
    assert comparison.strangers == 1
    overheads = comparison.actual - sum(c.actual for c in comparison.components)
    assert overheads == comparison.credits["FREE_TIER"]


def test_a_month_is_chosen_and_days_of_it_are_brought_to_a_month() -> None:
    old = [{**each, "invoice": {"month": "202610"}, "cost": 0.0} for each in bill(ASSUMED)]
    ten_days = [
        {**each, "usage_end_time": "2026-11-11 00:00:00 UTC"} for each in bill(ASSUMED, scale=Decimal(240) / 730)
    ]
    comparison = comparison_of([*old, *ten_days])
    assert (comparison.month, comparison.hours) == ("202611", 240)
    assert [c for c in comparison.components if abs(c.off) > Decimal("0.001")] == []
    assert sum(c.actual for c in comparison_of([*old, *ten_days], month="202610").components) == 0
    with pytest.raises(PricingError, match="no charge of 202601; it has 202610, 202611"):
        comparison_of([*old, *ten_days], month="202601")


def as_csv(rows: Sequence[Mapping[str, Any]], dot: str) -> str:
    flat = [
        {
            f"service{dot}description": each["service"]["description"],
            f"sku{dot}description": each["sku"]["description"],
            f"project{dot}id": each["project"]["id"],
            f"invoice{dot}month": each["invoice"]["month"],
            f"usage{dot}amount_in_pricing_units": 1,
            f"usage{dot}pricing_unit": "x",
            "labels": json.dumps(each["labels"]),
            "credits": json.dumps(each["credits"]),
            **{key: each[key] for key in ("cost", "usage_start_time", "usage_end_time", "cost_type")},
        }
        for each in rows
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, flat[0])
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


@pytest.mark.parametrize(
    "form",
    [
        lines,
        lambda rows: json.dumps(list(rows), indent=1),
        lambda rows: as_csv(rows, "."),
        lambda rows: "\ufeff" + as_csv(rows, "_"),
        # the detailed export has more fields; BigQuery writes 64-bit integers and decimals as strings
        lambda rows: lines(
            [
                {**each, "cost": str(each["cost"]), "resource": {"name": "x"}, "price": {"effective_price": "1"}}
                for each in rows
            ]
        ),
    ],
)
def test_each_form_of_an_export_says_the_same(form: Callable[[Sequence[Mapping[str, Any]]], str]) -> None:
    rows = bill(ASSUMED)
    assert parse(form(rows), "export") == parse(lines(rows), "export")


def test_an_empty_cell_says_nothing_and_one_without_a_column_neither() -> None:
    head, first, *_ = as_csv(bill(ASSUMED), ".").splitlines()
    [whole] = parse(f"{head}\n{first}", "x")
    [longer] = parse(f"{head},cost_type\n{first},,more", "x")
    assert longer == replace(whole, kind="regular")
    with pytest.raises(PricingError, match=r"^x: row 1: has no cost; "):
        parse("service.description,cost,sku.description\na,,b\n", "x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x: is neither JSON nor a CSV"),
        ("a,b\n1,2\n", "x: is neither JSON nor a CSV"),
        ("service.description,b\n1,2\n", "x: row 1: has no sku"),
        ("b,cost\n1,2\n", "x: row 1: has no service"),
        ("[]", "x: holds no rows"),
        ("[1]", "x: a row is no record"),
        ("{", "x: row 1: is no JSON, or cut off"),
        (lines([{"cost": 1}]), "x: row 1: has no service"),
        (lines([row("a", "b", "NaN")]), "x: row 1: cost is 'NaN', which is no amount"),
        (lines([row("a", "b", "free")]), "x: row 1: cost is 'free', which is no number"),
        (lines([row("a", "b", 1, usage_end_time="soon")]), "x: row 1: 'soon' is no time"),
        (lines([row("a", "b", 1, currency_conversion_rate=-1)]), "x: row 1: currency_conversion_rate is -1"),
        (lines([row("a", "b", 1, credits=[{}])]), "x: row 1: has no amount"),
        ("service.description,cost,labels\na,1,[\n", "x: row 1: is no JSON, or cut off"),
        (lines([row("a", "b", 1, usage="much")]), "x: row 1: a field is of another form; export the table as"),
        (
            lines([row("a", "b", 1), {**row("a", "b", 1), "service": None}]),
            "x: row 2: a field is of another form; export",
        ),
    ],
)
def test_what_is_no_export_says_where_and_why(text: str, message: str) -> None:
    with pytest.raises(PricingError) as told:
        parse(text, "x")
    assert str(told.value).startswith(message)


def test_charges_of_no_time_at_all_are_compared_with_nothing() -> None:
    at_once = row("Cloud Run", "CPU", 1.0, usage_end_time="2026-11-01T00:00:00Z")
    with pytest.raises(PricingError, match=r"^the charges of 202611 are of no time at all: their usage ends when it"):
        comparison_of([at_once])


def test_a_resource_without_a_label_has_that_of_its_family() -> None:
    parent = "urn:pulumi:test::shop::shop:index:Secrets::secrets"
    secret = Resource(
        "gcp:secretmanager/secret:Secret", "s", {"labels": {"component": "secrets"}}, "urn:s", parent=parent
    )
    version = Resource("gcp:secretmanager/secretVersion:SecretVersion", "v", {}, "urn:v", parent=parent)
    alone = Resource("gcp:logging/metric:Metric", "m", {}, "urn:m")
    childless = Resource("gcp:logging/metric:Metric", "n", {}, "urn:n", parent="urn:nobody else's")
    assert labels_of((secret, version, alone, childless), "component") == {
        "urn:s": "secrets",
        "urn:v": "secrets",
        "urn:m": "",
        "urn:n": "",
    }


@pytest.fixture
def prod(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Stands for the engine: the plan above with its usage file."""
    usage = tmp_path / "usage.yaml"
    usage.write_text(f"version: 1\nvariables: {{gib: 1}}\nresource_usage: {json.dumps(ASSUMED)}\n")
    monkeypatch.setattr(
        "ops.actual.planned", lambda request: Document(PLAN, {"gcp:project": PROJECT, "gcp:region": REGION})
    )
    return usage


def actual(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["cost", "actual", "--stack", "prod", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_the_usage_file_of_the_bill_estimates_the_bill(prod: Path, tmp_path: Path) -> None:
    export, written = tmp_path / "export.ndjson", tmp_path / "new.yaml"
    used = changed("sales-topic", monthly_messages=250_000_000)
    used = {**used, "warehouse-staging": {**ASSUMED["warehouse-staging"], "monthly_scanned_gib": 9000}}
    export.write_text(lines(bill(used)))
    code, output = actual("--export", str(export), "--usage", str(prod), "--write", str(written))
    assert code == 0
    assert "720 hours billed, brought to 730" in output
    assert "stream-sales: sales-topic monthly_messages 100,000,000 -> 25" in output
    assert "warehouse: warehouse-staging monthly_scanned_gib 2,000 -> 9" in output
    assert f"written: {written}" in output
    again = estimate(PLAN, read_usage(written), region=REGION)
    assert abs(again.list_price - priced(used).list_price) < Decimal("0.05")
    code, output = actual("--export", str(export), "--usage", str(prod), "--write", str(written), "--format", "json")
    assert {each["key"] for each in json.loads(output)["explanations"]} == {"monthly_messages", "monthly_scanned_gib"}


def test_a_table_is_read_by_one_query_and_its_pages(
    prod: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the documented answers of jobs.query and jobs.getQueryResults: not complete at first, then two pages."""
    rows = [{"f": [{"v": json.dumps(each)}]} for each in bill(ASSUMED)]
    job = {"projectId": "billing-1", "jobId": "job_1", "location": "EU"}
    answers = [
        {"jobComplete": False, "jobReference": job},
        {"jobComplete": True, "jobReference": job, "rows": rows[:3], "pageToken": "next"},
        {"jobComplete": True, "jobReference": job, "rows": rows[3:]},
    ]
    asked: list[tuple[str, str, Any]] = []

    def request(method: str, url: str, *, headers: dict[str, str], body: Any = None, timeout: float = 60) -> Any:
        asked.append((method, url, body))
        return answers[len(asked) - 1]

    monkeypatch.setattr("ops.google.request", request)
    monkeypatch.setattr("ops.google.access_token", lambda: "token")
    table = "billing-1.export.gcp_billing_export_v1_012345_6789AB_CDEF01"
    code, output = actual(
        "--export", table, "--usage", str(prod), "--write", str(tmp_path / "u.yaml"), "--month", "202611"
    )
    assert code == 0, output
    assert "No usage assumption would explain what is off." in output
    body = asked[0][2]
    assert f"FROM `{table}` WHERE project.id = @project AND invoice.month = @month" in body["query"]
    assert [each["parameterValue"]["value"] for each in body["queryParameters"]] == [PROJECT, "202611"]
    assert int(body["maximumBytesBilled"]) > 0
    assert [url.partition("?")[2] for _, url, _ in asked[1:]] == [
        "location=EU&maxResults=10000&timeoutMs=60000",
        "location=EU&maxResults=10000&timeoutMs=60000&pageToken=next",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--export", "nowhere.json"), "--export nowhere.json: there is no such file, and it is no table"),
        (("--export", "a.b.c;--"), "there is no such file, and it is no table"),
        (("--export", "x", "--month", "2026-11"), "--month 2026-11: write an invoice month, such as 202611"),
        (("--export", __file__), "neither JSON nor a CSV"),
    ],
)
def test_mistakes_are_told_in_a_line(prod: Path, arguments: tuple[str, ...], message: str) -> None:
    code, output = actual(*arguments, "--usage", str(prod))
    assert code == 1
    assert output.startswith("Error: ")
    assert message in output
    assert len(output.splitlines()) == 1


def test_a_bill_of_another_project_says_whose_it_is(prod: Path, tmp_path: Path) -> None:
    export = tmp_path / "export.json"
    export.write_text(lines([row("a", "b", 1, project={"id": "other-1"})]))
    code, output = actual("--export", str(export), "--usage", str(prod))
    assert code == 1
    assert f"the export has no charge of project {PROJECT}; it has charges of other-1" in output

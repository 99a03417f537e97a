"""For each rule, a stack that breaks it is stopped with the rule's words, by the real engine.

A preview each of what the rules about one resource refuse, of what is unknown and may not be, and of what the rules
about the whole stack refuse; made of the tables' own cases. Its events say which rule spoke, in which words and
whether it stops the stack.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from fastyle_policies.model import UNKNOWN, Rule, rules_in
from fastyle_policies.rules import RULES, spend

from policy_rules.cases import CASES
from policy_rules.table import Case, changed
from tests.policies.accepting_provider import accepting_provider
from tests.support.plans import REPOSITORY, Project, policy_events

PACK = REPOSITORY / "policies"
UNKNOWN_ON_THE_WIRE = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"  # pulumi.runtime.rpc.UNKNOWN
PROGRAM = """\
import json
from pathlib import Path

import pulumi

for type_, name, inputs in json.loads(Path("resources.json").read_text()):
    if type_.startswith("pulumi:providers:"):
        pulumi.ProviderResource(type_.rpartition(":")[2], name, inputs)
    elif not type_.startswith("gcp:"):
        pulumi.ComponentResource(type_, name)
    else:
        pulumi.CustomResource(type_, name, inputs)
"""


def on_the_wire(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: on_the_wire(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [on_the_wire(item) for item in value]
    return UNKNOWN_ON_THE_WIRE if value is UNKNOWN else value


class Broken:
    """One case of one rule, under names that no other case has."""

    def __init__(self, rule: Rule, case: Case) -> None:
        self.rule, self.case = rule, case
        self.prefix = f"{rule.id}-{CASES[rule.id].cases.index(case)}"
        after = changed(CASES[rule.id].good, case.changes)
        self.resources = [r for r in after if not rule.types or (rule.concerns(r) and f"{r.name}: " in str(case.says))]
        self.labels = {r.name: r.label for r in after}

    def declared(self) -> list[tuple[str, str, Any]]:
        return [(r.type, f"{self.prefix}-{r.name}", on_the_wire(r.props)) for r in self.resources]

    def words(self) -> list[str]:
        """What the engine must print, to the letter."""
        messages = []
        for line in self.case.says:
            name, _, message = line.partition(": ")
            text = f"{'' if name == 'stack' else self.labels[name] + ' '}{message}. Mend: {self.rule.mend}."
            for other, label in self.labels.items():
                text = text.replace(label, label.replace(f"'{other}'", f"'{self.prefix}-{other}'"))
                text = text.replace(f"that '{other}' makes", f"that '{self.prefix}-{other}' makes")
            messages.append(text)
        return messages


def broken(rule: Rule) -> Broken:
    return Broken(rule, CASES[rule.id].broken)


ONE_RESOURCE = [broken(rule) for rule in RULES if rule.types]
# Sums over a whole stack, in components: tests/plans/test_plans_spend.py has the engine stop a real one.
SUMS = tuple(rule.id for rule in rules_in(spend))
WHOLE_STACK = [broken(rule) for rule in RULES if not rule.types and rule.id not in SUMS]
ALONE = ("grants-surplus", "grant-once", "deployer-roles", "deployer-surplus")
"""Each in a stack of its own: the plans of two have the very grant that `grants-missing` lacks, others' a budget, and what a
deployer needs is what the whole stack has."""
TOGETHER = [
    [case for case in WHOLE_STACK if case.rule.id not in ALONE],
    *([case] for case in WHOLE_STACK if case.rule.id in ALONE),
]
UNKNOWN_REFUSED = [
    Broken(rule, case)
    for rule in RULES
    if rule.types
    for case in CASES[rule.id].of("unknown")
    if case.says and not case.parameters
]


class Engine:
    def __init__(self, folder: Path, port: int) -> None:
        self.project = Project(folder, port, PROGRAM, plain=True)

    def preview(self, stack: str, cases: list[Broken], *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
        """Exit code, policy events and output of a preview of all cases together, with what their tables tell the rules."""
        declared = [each for case in cases for each in case.declared()]
        (self.project.folder / "resources.json").write_text(json.dumps(declared), encoding="utf-8")
        tables = {case.rule.id: dict(CASES[case.rule.id].parameters) for case in cases}
        settings = self.project.folder / f"{stack}.json"
        settings.write_text(json.dumps({rule: given for rule, given in tables.items() if given}), encoding="utf-8")
        made = self.project.pulumi("stack", "init", stack)
        assert made.returncode == 0, made.stderr
        log = self.project.folder / f"{stack}.ndjson"
        pack = ("--policy-pack", str(PACK), *(arguments or ("--policy-pack-config", str(settings))))
        done = self.project.pulumi("preview", "--stack", stack, *pack, "--event-log", str(log))
        return done.returncode, policy_events(log), done.stdout + done.stderr


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with accepting_provider() as port:
        yield Engine(tmp_path_factory.mktemp("stops"), port)


def unsaid(cases: list[Broken], events: list[dict[str, Any]]) -> list[str]:
    """What a rule should have said, and did not: not in these words, or not with this force."""
    said = {(event["policyName"], event["enforcementLevel"], _words(event)) for event in events}
    return [
        f"{case.rule.id}: {words}"
        for case in cases
        for words in case.words()
        if (case.rule.id, "mandatory" if case.rule.mandatory else "advisory", words) not in said
    ]


def _words(event: dict[str, Any]) -> str:
    """The message without the rule's description before it and the colours around it."""
    return str(event["message"]).split("\n", 1)[-1].removesuffix("<{%reset%}>").strip()


def test_each_rule_about_a_resource_stops_a_stack_in_its_own_words(engine: Engine) -> None:
    code, events, output = engine.preview("scratch-resources", ONE_RESOURCE)
    assert unsaid(ONE_RESOURCE, events) == [], output
    assert code != 0


@pytest.mark.parametrize("cases", TOGETHER, ids=lambda cases: cases[0].rule.id)
def test_each_rule_about_the_whole_stack_stops_it_in_its_own_words(engine: Engine, cases: list[Broken]) -> None:
    code, events, output = engine.preview(f"scratch-whole-{cases[0].rule.id}", cases)
    assert unsaid(cases, events) == [], output
    assert code != 0


def test_what_may_not_be_unknown_is_refused_although_the_sdk_would_let_it_pass(engine: Engine) -> None:
    """The SDK turns a rule's first look at an unknown value into a remark that stops nothing."""
    code, events, output = engine.preview("scratch-unknown", UNKNOWN_REFUSED)
    assert unsaid(UNKNOWN_REFUSED, events) == [], output
    assert code != 0


PROVIDED = """\
import pulumi

labels = {"environment": "dev", "application": "shop", "component": "shop"}
provider = pulumi.ProviderResource("gcp", "labelled", {"defaultLabels": labels, "region": "us-central1"})
options = pulumi.ResourceOptions(provider=provider)
account = "shop-runner@shop-1.iam.gserviceaccount.com"
topic = pulumi.CustomResource("gcp:pubsub/topic:Topic", "trades", {"name": "trades"}, options)
pulumi.CustomResource(
    "gcp:cloudfunctionsv2/function:Function",
    "counter",
    {
        "location": "us-central1",
        "serviceConfig": {
            "serviceAccountEmail": account,
            "environmentVariables": {"TRADES_TOPIC": "trades", "SERVICE_URL": topic.id},
        },
    },
    options,
)
"""


def test_a_provider_s_labels_and_the_known_part_of_an_unknown_map_are_seen(engine: Engine) -> None:
    program = engine.project.folder / "__main__.py"
    before = program.read_text(encoding="utf-8")
    program.write_text(PROVIDED, encoding="utf-8")
    try:
        _, events, output = engine.preview("scratch-provided", [])
    finally:
        program.write_text(before, encoding="utf-8")
    said = {(event["policyName"], _words(event)) for event in events}
    assert not [words for rule, words in said if rule == "labels"], output
    link = "lacks a grant. TRADES_TOPIC: shop-runner@shop-1.iam.gserviceaccount.com needs roles/pubsub.publisher"
    assert [words for rule, words in said if rule == "grants-missing" and link in words], output


def test_a_wrong_parameter_is_refused_by_name_before_anything_is_judged(engine: Engine) -> None:
    config = engine.project.folder / "wrong.json"
    config.write_text(json.dumps({"lables": {"required": []}, "labels": {"requried": []}}), encoding="utf-8")
    code, events, output = engine.preview("scratch-wrong", [], "--policy-pack-config", str(config))
    assert code != 0
    assert f"{config}: no rule is named lables; did you mean labels?" in output
    assert f"{config}: labels.requried: the rule has no such parameter" in output
    assert "Traceback" not in output
    assert events == []


def test_every_rule_is_among_them() -> None:
    tried = [case.rule.id for case in (*ONE_RESOURCE, *WHOLE_STACK)]
    assert sorted([*tried, *SUMS]) == sorted(rule.id for rule in RULES)


def test_a_waiver_lets_a_stack_pass_and_stops_it_once_it_has_ended(engine: Engine) -> None:
    case = next(case for case in ONE_RESOURCE if case.rule.id == "message-retention")
    (name,) = {declared[1] for declared in case.declared()}
    config = engine.project.folder / "waivers.json"

    def preview(stack: str, until: str) -> tuple[int, list[str], str]:
        waiver = {"resource": name, "reason": "being drained by hand", "until": until}
        config.write_text(
            json.dumps({case.rule.id: {"waivers": [waiver]}, "budget-present": {"required": False}}), encoding="utf-8"
        )
        code, events, output = engine.preview(stack, [case], "--policy-pack-config", str(config))
        return code, [_words(event) for event in events if event["policyName"] == case.rule.id], output

    code, words, output = preview("scratch-waived", "2099-01-01")  # longer than a year: not in force
    assert words == [f"the waiver for '{name}' runs until 2099-01-01: a year is the longest", *case.words()], output
    code, words, output = preview("scratch-ended", "2020-01-01")
    assert words == [f"the waiver for '{name}' ended on 2020-01-01: mend what it excused, or renew it", *case.words()]
    assert code != 0

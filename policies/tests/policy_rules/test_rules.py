"""Every rule against its table of cases: what passes, and what is said of a value that is unset, wrong or unknown.

A rule without a table, or a table without one of the kinds, fails here: add both in `policies/tests/policy_rules/cases`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from fastyle_policies.model import DEFERRED, REFUSED, Parameters, Plan, Rule, Violation, rule
from fastyle_policies.rules import RULES
from fastyle_policies.waivers import LONGEST, judge, stale

from policy_rules.cases import CASES
from policy_rules.table import KINDS, Case, changed, every_case, judged, parameters_of, said, violations

BY_ID = {rule.id: rule for rule in RULES}
TODAY = date(2026, 6, 15)

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)


def test_every_rule_has_a_table_and_every_table_a_rule() -> None:
    assert sorted(CASES) == sorted(rule.id for rule in RULES)
    assert len(BY_ID) == len(RULES), "two rules of one name"


@each_rule
def test_every_kind_of_value_is_tried(rule: Rule) -> None:
    table = CASES[rule.id]
    assert [kind for kind in KINDS if not table.of(kind) and kind not in table.without] == []
    assert [kind for kind in table.without if table.of(kind)] == [], "tried after all: take the excuse away"


@each_rule
def test_what_is_as_it_should_be_passes(rule: Rule) -> None:
    table = CASES[rule.id]
    assert said(violations(rule, table.good, parameters_of(rule, table.parameters))) == []


@pytest.mark.parametrize(
    ("rule", "case"), [pytest.param(rule, case, id=f"{rule}-{n}-{case.kind}") for rule, n, case in every_case(CASES)]
)
def test_each_case_is_judged_word_for_word(rule: str, case: Case) -> None:
    assert judged(BY_ID[rule], CASES[rule], case) == list(case.says), case.title


@each_rule
def test_unknown_values_are_treated_as_the_rule_declares(rule: Rule) -> None:
    """`unknown` is what people read; it must be true of every case with an unknown value."""
    cases = CASES[rule.id].of("unknown")
    if rule.unknown == REFUSED:
        assert [case.title for case in cases if not case.says] == []
    elif rule.unknown == DEFERRED:
        assert [case.title for case in cases if case.says] == []
    else:
        assert rule.unknown.strip(), "says nothing of unknown values"


@each_rule
def test_a_waiver_excuses_what_it_names_until_its_day_and_is_a_violation_after_it(rule: Rule) -> None:
    table = CASES[rule.id]
    case = table.broken
    broken = violations(rule, changed(table.good, case.changes), parameters_of(rule, table.parameters, case.parameters))
    names = sorted({v.resource.name if v.resource else "stack" for v in broken})

    def waived(until: date, *resources: str) -> tuple[list[str], list[str]]:
        waivers = [{"resource": name, "reason": "a table's cases", "until": until} for name in resources]
        parameters = parameters_of(rule, table.parameters, case.parameters, {"waivers": waivers})
        return said(list(judge(broken, parameters, TODAY))), list(stale(parameters, TODAY))

    assert waived(TODAY, *names) == ([], [])
    assert waived(TODAY + LONGEST, *names) == ([], [])
    assert waived(TODAY, "somebody-else") == (list(case.says), [])
    ended, sentences = waived(TODAY - timedelta(days=1), *names)
    assert ended == list(case.says)
    assert sentences == [f"the waiver for '{n}' ended on 2026-06-14: mend what it excused, or renew it" for n in names]
    endless, sentences = waived(TODAY + LONGEST + timedelta(days=1), *names)
    assert endless == list(case.says)
    assert sentences == [f"the waiver for '{n}' runs until 2027-06-17: a year is the longest" for n in names]


@each_rule
def test_a_rule_speaks_like_the_others(rule: Rule) -> None:
    """They are read in a terminal, one line each: `<resource> <what is wrong>. Mend: <what to do>.`"""
    assert rule.id == rule.id.lower()
    assert rule.why[0].isupper()
    assert len(rule.why.split(". ")) == 2, "what holds, then why"
    assert rule.why.strip() == rule.why.rstrip(".")
    assert rule.mend[0].islower()
    assert not rule.mend.endswith(".")
    for case in CASES[rule.id].cases:
        for line in case.says:
            assert all(more.startswith("  ") for more in line.split("\n")[1:]), "a table under the sentence, at most"
            assert not line.endswith(".")


def test_a_rule_that_does_not_say_how_to_mend_it_is_refused_by_name() -> None:
    def half(plan: Plan, p: Parameters) -> Iterator[Violation]:
        """Something holds. It has to.

        Unknown: deferred.
        """
        yield Violation("is wrong")

    with pytest.raises(ValueError, match="the docstring of rule half is not of the form"):
        rule("low")(half)

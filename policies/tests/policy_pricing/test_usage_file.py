"""Usage files: values, months, who wins, and every mistake as one line with file, line and the nearest name."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from fastyle_policies.model import Resource
from fastyle_policies.pricing import PricingError, estimate, read_usage
from fastyle_policies.pricing.formulas import evaluate
from fastyle_policies.pricing.lines import Note
from fastyle_policies.pricing.services.pubsub import TopicUsage
from fastyle_policies.pricing.services.storage import BucketUsage
from fastyle_policies.pricing.usage import parse

TOPIC = Resource(
    "gcp:pubsub/topic:Topic", "sales-topic", {}, "urn:pulumi:dev::shop::gcp:pubsub/topic:Topic::sales-topic"
)
BUCKET = Resource("gcp:storage/bucket:Bucket", "lake", {}, "urn:pulumi:dev::shop::gcp:storage/bucket:Bucket::lake")

CALENDAR = """\
version: 1
calendar:
  ordinary: {quiet: 9, ordinary: 21}
  sale: {quiet: 6, ordinary: 17, sale: 7}
variables:
  branches: 20
  sales: {quiet: branches * 500, ordinary: branches * 800, sale: branches * 2400}
unit_costs:
  branch: branches
resource_type_default_usage:
  gcp:pubsub/topic:Topic: {message_bytes: 1000, monthly_messages: 1}
resource_usage:
  "*-topic": {monthly_messages: sales}
  sales-topic: {message_bytes: "1400.5"}
"""


def test_values_by_kind_of_day_add_up_over_the_month() -> None:
    """9 quiet days of 10,000 and 21 ordinary ones of 16,000 are 426,000; a sale month has 6, 17 and 7 of 48,000."""
    usage = parse(CALENDAR)
    assert usage.of(TOPIC, TopicUsage).monthly_messages == 426_000
    assert usage.for_month("sale").of(TOPIC, TopicUsage).monthly_messages == 60_000 + 272_000 + 336_000


def test_without_the_usual_month_the_first_of_the_calendar_counts() -> None:
    """3 quiet days of 7; a winter of 30 comes second."""
    text = "version: 1\ncalendar: {autumn: {quiet: 3, ordinary: 27}, winter: {quiet: 30}}\n"
    usage = parse(f"{text}resource_usage: {{sales-topic: {{monthly_messages: {{quiet: 7}}}}}}\n")
    assert usage.of(TOPIC, TopicUsage).monthly_messages == 21


def test_later_entries_win_key_by_key_over_the_types_defaults() -> None:
    assert parse(CALENDAR).of(TOPIC, TopicUsage).message_bytes == Decimal("1400.5")
    assert parse(CALENDAR).of(TOPIC, TopicUsage).messages_per_request == 1


def test_an_urn_pattern_matches() -> None:
    usage = parse('version: 1\nresource_usage:\n  "urn:pulumi:dev::*Topic::sales-*": {monthly_messages: 7}\n')
    assert usage.of(TOPIC, TopicUsage).monthly_messages == 7


def test_a_variable_can_be_tried_out() -> None:
    usage = parse(CALENDAR).with_variables({"branches": Decimal(40)})
    assert usage.of(TOPIC, TopicUsage).monthly_messages == 2 * 426_000
    assert usage.unit_costs() == {"branch": Decimal(40)}


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("2 + 3 * 4", "14"),
        ("(2 + 3) * 4", "20"),
        ("-1 + 0.1 + 0.2", "-0.7"),
        ("1_000 / 8", "125"),
        ("x * x", "9"),
        ("0.1234567890123456789", "0.1234567890123456789"),
    ],
)
def test_formulas_are_exact(formula: str, value: str) -> None:
    assert evaluate(formula, {"x": Decimal(3)}.__getitem__) == Decimal(value)


@pytest.mark.parametrize(
    "formula", ["__import__('os')", "x ** 9", "1 if x else 2", "x.real", "'a'", "1 / 0", "", "True"]
)
def test_anything_else_is_no_formula(formula: str) -> None:
    with pytest.raises(ValueError, match=r"neither a number|no formula|divides by zero"):
        evaluate(formula, {"x": Decimal(3)}.__getitem__)


MISTAKES = {
    "unknown section": ("version: 1\nresource_usages: {}\n", "u.yaml:2: unknown key 'resource_usages'; did you mean 'resource_usage'?"),
    "unknown key": (
        "version: 1\nresource_usage:\n  sales-topic:\n    monthly_message: 1\n",
        "u.yaml:4: no type has a key 'monthly_message'; did you mean 'monthly_messages'?",
    ),
    "unknown key of a type": (
        "version: 1\nresource_type_default_usage:\n  gcp:pubsub/topic:Topic: {storage_gib: 1}\n",
        "u.yaml:3: gcp:pubsub/topic:Topic has no key 'storage_gib'",
    ),
    "unknown type": (
        "version: 1\nresource_type_default_usage:\n  gcp:pubsub/topics:Topic: {}\n",
        "u.yaml:3: 'gcp:pubsub/topics:Topic' is no type with usage; did you mean 'gcp:pubsub/topic:Topic'?",
    ),
    "no version": ("resource_usage: {}\n", "u.yaml: version: Field required"),
    "another version": ("version: 2\n", "u.yaml:1: version: Input should be 1"),
    "twice": ("version: 1\nresource_usage:\n  a: {}\n  a: {}\n", "u.yaml:3: 'a' is there twice; take one out"),
    "no YAML": ("version: [1\n", "u.yaml:2: no YAML: expected ',' or ']', but got '<stream end>'"),
    "no mapping": ("- 1\n", "u.yaml: the file: Input should be a valid dictionary or instance of Document"),
    "an odd month": ("version: 1\ncalendar:\n  x: {quiet: 3}\n", "u.yaml:3: calendar.x: Value error, the days of a month add up to 28 to 31"),
    "a kind of day": ("version: 1\ncalendar:\n  x: {quit: 30}\n", "u.yaml:3: unknown key 'quit'; did you mean 'quiet'?"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(mistake: str) -> None:
    text, message = MISTAKES[mistake]
    with pytest.raises(PricingError) as caught:
        parse(text, "u.yaml")
    assert str(caught.value) == message


BOUND_MISTAKES = {
    "unknown variable": ("{monthly_messages: sale}", "no variable is named 'sale'; did you mean 'sales'?"),
    "needs itself": ("{monthly_messages: loop}", "the variables loop -> loop need each other"),
    "negative": ("{monthly_messages: -1}", "monthly_messages is -1: input should be greater than or equal to 0"),
    "text": ("{monthly_messages: many words}", "'many words' is no formula; write numbers, names, + - * / and brackets"),
    "a truth": ("{monthly_messages: true}", "True is no number"),
    "a kind of day": ("{monthly_messages: {sales: 1}}", "'sales' is no kind of day; did you mean 'sale'?; write quiet, ordinary, sale"),
    "no flow": ("{message_bytes: {sale: 1}}", "'message_bytes' is no amount a month, so it has no values by kind of day"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", BOUND_MISTAKES)
def test_a_value_that_is_none_is_one_line(mistake: str) -> None:
    entry, message = BOUND_MISTAKES[mistake]
    text = f"version: 1\nvariables: {{sales: 1, loop: loop + 1}}\nresource_usage:\n  sales-topic: {entry}\n"
    with pytest.raises(PricingError) as caught:
        parse(text, "u.yaml").of(TOPIC, TopicUsage)
    assert str(caught.value) == f"u.yaml:4: {message}"


def test_a_key_that_nothing_matched_has_is_an_error_where_the_plan_is_known() -> None:
    usage = parse("version: 1\nresource_usage:\n  lake: {monthly_messages: 1}\n", "u.yaml")
    with pytest.raises(PricingError, match=r"u\.yaml:3: gcp:storage/bucket:Bucket has no key 'monthly_messages'"):
        usage.check([BUCKET])


def test_a_pattern_over_several_types_gives_each_what_it_has() -> None:
    usage = parse(
        'version: 1\nresource_usage:\n  "*": {monthly_messages: 5, storage_gib: 6}\n  other: {storage_gib: 1}\n'
    )
    assert usage.check([TOPIC, BUCKET], strict=False) == ["other"]
    told = estimate([TOPIC, BUCKET], usage, notes=["a part of it is hidden"], strict=False).remarks
    idle = "usage for 'other' matches no resource of this plan"
    assert told[:2] == (Note("", "a part of it is hidden"), Note("", idle)), "both are of the whole plan"
    assert usage.of(TOPIC, TopicUsage).monthly_messages == 5
    assert usage.of(BUCKET, BucketUsage).storage_gib == 6


def test_a_pattern_that_matches_nothing_is_an_error_that_names_the_nearest_resource() -> None:
    usage = parse("version: 1\nresource_usage:\n  sale-topic: {monthly_messages: 1}\n", "u.yaml")
    with pytest.raises(PricingError) as caught:
        usage.check([TOPIC, BUCKET])
    assert str(caught.value) == (
        "u.yaml:3: usage for 'sale-topic' matches no resource of this plan; did you mean 'sales-topic'?"
    )


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (".nan", "nan is no number"),
        (".inf", "monthly_messages is Infinity; nothing beyond 1,000,000,000,000,000 is reckoned with"),
        ("-.inf", "monthly_messages is -Infinity; nothing beyond"),
        ("9" * 400, "monthly_messages is 1.000e+400; nothing beyond"),
        (f"'{'9' * 400}'", "monthly_messages is 1.000e+400; nothing beyond"),
        (f"'{'9' * 5000}'", "a formula has at most 500 characters"),
    ],
)
def test_a_number_that_is_none_or_has_no_end_is_one_line(entry: str, words: str) -> None:
    usage = parse(f"version: 1\nresource_usage:\n  sales-topic: {{monthly_messages: {entry}}}\n", "u.yaml")
    with pytest.raises(PricingError) as caught:
        usage.of(TOPIC, TopicUsage)
    assert str(caught.value).startswith("u.yaml:3: ")
    assert words in str(caught.value)
    assert len(str(caught.value)) < 200


def test_a_number_of_five_thousand_digits_is_one_line() -> None:
    with pytest.raises(PricingError, match=r"^u\.yaml: holds a number or date that cannot be read"):
        parse("version: 1\nvariables: {x: %s}\n" % ("9" * 5000), "u.yaml")


def test_a_mistake_has_its_line_in_any_month_and_with_other_variables() -> None:
    usage = parse("version: 1\nvariables: {x: 1}\nresource_usage:\n  sales-topic: {monthly_messages: y}\n", "u.yaml")
    for other in (usage.for_month("ordinary"), usage.with_variables({"x": Decimal(2)})):
        with pytest.raises(PricingError, match=r"^u\.yaml:4: no variable is named 'y'"):
            other.of(TOPIC, TopicUsage)


@pytest.mark.parametrize("number", ["0", "-1", "x - 1"])
def test_a_cost_is_divided_by_more_than_nothing(number: str) -> None:
    usage = parse(f"version: 1\nvariables: {{x: 1}}\nunit_costs:\n  branch: {number}\n", "u.yaml")
    with pytest.raises(PricingError, match=r"^u\.yaml:4: 'branch' is -?[01]; a cost is divided by it$"):
        usage.unit_costs()
    assert parse("version: 1\nunit_costs: {branch: 0.5}\n").unit_costs() == {"branch": Decimal("0.5")}


def test_unknown_months_and_variables_say_which_there_are() -> None:
    with pytest.raises(PricingError, match="has no month 'easter'; it has ordinary, sale"):
        parse(CALENDAR).for_month("easter")
    with pytest.raises(PricingError, match="has no variable 'shops'; it has branches, sales"):
        parse(CALENDAR).with_variables({"shops": Decimal(1)})


def test_a_character_that_no_yaml_has_is_told_without_a_line() -> None:
    with pytest.raises(PricingError, match=r"^u\.yaml: no YAML: cannot be read$"):
        parse("version: 1\nvariables: {x: \x07}\n", "u.yaml")


def test_a_file_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PricingError, match="No such file or directory; give a usage file with --usage"):
        read_usage(tmp_path / "none.yaml")

"""A budget that tells people, and machines, while there is still time."""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from fastyle_components.base import Args, ArgsError, given, optional, token


@dataclass(frozen=True, kw_only=True)
class BudgetArgs(Args):
    display_name: str
    """At most 60 characters."""
    billing_account: str
    """`012345-6789AB-CDEF01`."""
    project: str
    """Where the topic and the channels are."""
    project_number: str
    """Whose costs are counted."""
    monthly_amount: int
    """Whole units of `currency`."""
    currency: str
    """The billing account's own, ISO 4217."""
    thresholds: list[float] | None = optional([0.5, 0.9, 1.0, 1.2])
    """Shares of the amount, ascending; 1.0 is all of it."""
    emails: list[str] | None = None
    """At most five, beside the billing account's administrators. Default: none."""
    topic_name: str | None = None
    """Also publish every notice to a topic of this name. Default: no."""
    counted_label: dict[str, str] | None = None
    """One label and its value: only costs of resources that carry it count. Traffic, logs and what else no label is on
    does not. Default: everything in the project counts."""
    title_prefix: str | None = optional("")
    """What the channels' titles begin with, where several budgets share a project."""
    labels: dict[str, str] | None = None


class Budget(pulumi.ComponentResource):
    """A monthly budget of one project, before credits run out and before the month ends.

    Owns the budget, its e-mail channels and its topic with the grant that lets Cloud Billing publish there. What
    acts on a notice is not its business. A budget stops nothing by itself; notices come several times a day, hours
    late, repeated and out of order. One forecast threshold at 100 % warns before the money is spent.
    The provider must have user_project_override and a billing_project: the Budget API bills its calls to a project.
    """

    topic: pulumi.Output[str]
    """Full name of the notices' topic, empty without one."""
    budget: pulumi.Output[str]
    """The budget's name, whose last part is the id that its notices carry; known once it exists."""

    def __init__(self, name: str, args: BudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token(type(self)), name, None, opts)
        args = BudgetArgs.complete(args, name)
        _check(name, args)
        child = pulumi.ResourceOptions(parent=self)
        channels = [
            gcp.monitoring.NotificationChannel(
                f"{name}-email-{email}",
                project=args.project,
                display_name=f"{args.title_prefix}Budget: {email}",
                type="email",
                labels={"email_address": email},
                user_labels=args.labels,
                opts=child,
            )
            for email in (args.emails or [])
        ]
        topic = None
        grants: list[pulumi.Resource] = []
        if args.topic_name is not None:
            topic = gcp.pubsub.Topic(
                f"{name}-notices", name=args.topic_name, project=args.project, labels=args.labels, opts=child
            )
            grants.append(
                gcp.pubsub.TopicIAMMember(
                    f"{name}-notices-publisher",
                    project=args.project,
                    topic=topic.name,
                    role="roles/pubsub.publisher",
                    member="serviceAccount:billing-budget-alert@system.gserviceaccount.com",
                    opts=child,
                )
            )
        topic_id = None if topic is None else pulumi.Output.concat("projects/", args.project, "/topics/", topic.name)
        budget = gcp.billing.Budget(
            f"{name}-budget",
            display_name=args.display_name,
            billing_account=args.billing_account,
            ownership_scope="ALL_USERS",
            budget_filter=gcp.billing.BudgetBudgetFilterArgs(
                # By number: an id would come back as the number, and differ for ever.
                projects=[f"projects/{args.project_number}"],
                calendar_period="MONTH",
                labels=args.counted_label,
                credit_types_treatment="INCLUDE_ALL_CREDITS",
            ),
            amount=gcp.billing.BudgetAmountArgs(
                specified_amount=gcp.billing.BudgetAmountSpecifiedAmountArgs(
                    currency_code=args.currency, units=str(args.monthly_amount)
                )
            ),
            threshold_rules=[
                *(
                    gcp.billing.BudgetThresholdRuleArgs(threshold_percent=share, spend_basis="CURRENT_SPEND")
                    for share in _thresholds(args)
                ),
                gcp.billing.BudgetThresholdRuleArgs(threshold_percent=1.0, spend_basis="FORECASTED_SPEND"),
            ],
            all_updates_rule=gcp.billing.BudgetAllUpdatesRuleArgs(
                monitoring_notification_channels=[channel.name for channel in channels],
                pubsub_topic=topic_id,
                schema_version="1.0",
                disable_default_iam_recipients=False,
            )
            if channels or topic is not None
            else None,
            opts=pulumi.ResourceOptions(parent=self, depends_on=grants),
        )
        self.topic = pulumi.Output.from_input("") if topic_id is None else topic_id
        self.budget = budget.name
        self.register_outputs({"topic": self.topic, "budget": self.budget})


def _thresholds(args: BudgetArgs) -> list[float]:
    return given(args.thresholds)


def _check(name: str, args: BudgetArgs) -> None:
    where, thresholds = f"Budget {name!r}", _thresholds(args)
    if len(args.display_name) > 60:
        raise ArgsError(f"{where}: display_name has {len(args.display_name)} characters; use at most 60")
    if args.monthly_amount < 1:
        raise ArgsError(f"{where}: monthly_amount is {args.monthly_amount}; use a whole amount of at least 1")
    if not thresholds or sorted(set(thresholds)) != thresholds or not all(0 < share <= 10 for share in thresholds):
        raise ArgsError(f"{where}: thresholds {thresholds}; use ascending shares, 0.5 for half of the amount")
    if args.counted_label is not None and len(args.counted_label) != 1:
        raise ArgsError(f"{where}: counted_label has {len(args.counted_label)} labels; Cloud Billing takes one")
    if len(args.emails or []) > 5:
        raise ArgsError(f"{where}: {len(args.emails or [])} e-mails; Cloud Billing takes five, use a group's")
    if not args.project_number.isdigit():
        raise ArgsError(f"{where}: project_number {args.project_number!r} is no number; see the project's settings")

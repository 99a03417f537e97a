"""What Google refuses though the resource itself is right: a young metric, an export's table, an organisation's policy.

Rules about one type alone are in `rules/`. These look at what else there is, at the cloud's time and at the policies
of the organisation, which are off until `python -m fastyle_localcloud policy` switches one on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fastyle_localcloud.provider.clock import Clock
from fastyle_localcloud.provider.errors import Refused
from fastyle_localcloud.provider.exports import check_export
from fastyle_localcloud.provider.records import Records

Properties = dict[str, Any]

METRIC_SECONDS = 600
"""Until Cloud Monitoring knows a new log metric, by its own words:
https://github.com/hashicorp/terraform-provider-google/issues/11102"""

MEMBERS = "iam.allowedPolicyMemberDomains"
INVOKER = "run.managed.requireInvokerIam"
POLICIES = {
    MEMBERS: "nobody outside the organisation is granted anything: neither allUsers nor a sender of Google's own",
    INVOKER: "no Cloud Run service goes without the check of its invoker",
}
"""The organisation policies that can be switched on, and what each says. The first is the default of organisations made
since May 2024: https://cloud.google.com/resource-manager/docs/secure-by-default-organizations"""

_METRIC, _ALERT = "gcp:logging/metric:Metric", "gcp:monitoring/alertPolicy:AlertPolicy"
_SUBSCRIPTION = "gcp:pubsub/subscription:Subscription"
_SERVICE = "gcp:cloudrunv2/service:Service"


def policies_on(records: Records) -> list[str]:
    """The policies that are switched on."""
    return [name for name in POLICIES if records.setting(f"policy.{name}")]


def switch_policy(records: Records, name: str, on: bool) -> None:
    """Switch a policy on or off. As in the cloud, what exists already is left alone.

    Raises:
        Refused: it is none of `POLICIES`.
    """
    if name not in POLICIES:
        raise Refused(f"{name!r} is no organisation policy of the local cloud; use {' or '.join(POLICIES)}")
    records.set(f"policy.{name}", "on" if on else None)


def admit(token: str, values: Properties, records: Records, clock: Clock) -> None:
    """Let a resource be made or changed.

    Raises:
        Refused: what Google answers, and what to do.
    """
    if token == _ALERT:
        _metrics_are_known(values, records, clock)
    if token == _SUBSCRIPTION:
        check_export(values, records)
    switched_on = policies_on(records)
    if MEMBERS in switched_on and (member := _foreigner(values)):
        raise Refused(
            f"400: {member}: one or more users named in the policy do not belong to a permitted customer "
            f"(constraints/{MEMBERS}); give it to members of the organisation, or do without the grant"
        )
    if INVOKER in switched_on and token == _SERVICE and values.get("invokerIamDisabled") is True:
        raise Refused(
            f"400: service {values.get('name')}: its invoker check may not be disabled (constraints/{INVOKER}); "
            "grant roles/run.invoker to its callers"
        )


def _metrics_are_known(alert: Properties, records: Records, clock: Clock) -> None:
    made = {record.id: records.made(_METRIC, record.id) for record in records.all(_METRIC)}
    for metric in _metrics(alert, set(made)):
        since = made.get(metric)
        if metric not in made or (since is not None and clock.now() - since < METRIC_SECONDS):
            raise Refused(
                f'404: Cannot find metric(s) that match type = "logging.googleapis.com/user/{metric}". If a metric was '
                "created recently, it could take up to 10 minutes to become available; make the alert wait for what "
                "takes that long, or ask in PromQL with disableMetricValidation"
            )


def _metrics(alert: Properties, metrics: set[str]) -> Iterator[str]:
    """The log metrics that an alert's conditions look up. PromQL names one with `_` for whatever is no letter or digit."""
    promql = {re.sub(r"\W", "_", name): name for name in metrics}
    for condition in alert.get("conditions") or []:
        for kind, block in (condition or {}).items():
            if not isinstance(block, dict) or block.get("disableMetricValidation") is True:
                continue
            text = " ".join(value for value in block.values() if isinstance(value, str))
            if kind == "conditionPrometheusQueryLanguage":
                yield from (promql.get(name, name) for name in re.findall(r"logging_googleapis_com:user_(\w+)", text))
            else:
                yield from re.findall(r"logging\.googleapis\.com/user/([^\s\"']+)", text)


def _foreigner(values: Properties) -> str | None:
    """A member that belongs to no organisation's customer: everybody, or an account of Google's that is no project's."""
    member: Any
    for member in (values.get("member"), values.get("iamMember"), values.get("specialGroup")):
        if isinstance(member, str) and (
            member in ("allUsers", "allAuthenticatedUsers") or member.endswith("@system.gserviceaccount.com")
        ):
            return member
    return None

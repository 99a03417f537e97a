"""A call at set times: Cloud Scheduler to a service, or to a Google API."""

import base64
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from fastyle_components.base import Args, ArgsError, optional, token


@dataclass(frozen=True, kw_only=True)
class ScheduleArgs(Args):
    job_name: str
    project: pulumi.Input[str]
    """The project's id."""
    location: str
    """Region. Changing it replaces the job."""
    cron: str
    """Five fields, such as `0 2 * * *`."""
    time_zone: str
    """IANA name, such as Europe/Berlin: the cron is read on that clock."""
    url: pulumi.Input[str]
    """What is called; a service's URL that waits for the caller's invoker grant."""
    service_account_email: pulumi.Input[str]
    """Whose token the call carries."""
    audience: pulumi.Input[str] | None = None
    """Audience of an identity token, for services. This or `google_api`."""
    google_api: bool | None = optional(False)
    """Send an access token instead, for Google's own APIs only."""
    method: str | None = optional("POST")
    body: str | None = None
    """JSON. Default: none."""
    description: str | None = None
    deadline_seconds: int | None = optional(180, 15, 1800, "Scheduler's bounds on HTTP")
    """How long an answer may take."""
    retries: int | None = optional(3, 0, 5, "Scheduler's bounds")
    paused: bool | None = optional(False)
    paused_elsewhere: bool | None = optional(False)
    """Something else pauses and resumes it (a budget guard): updates leave its state alone, unless `paused` is set."""


class Schedule(pulumi.ComponentResource):
    """One job of Cloud Scheduler that calls over HTTPS with a token of a service account.

    Owns the job. The callee grants the invoker; the token's account is a `WorkloadIdentity`. Scheduler waits at
    most 30 minutes: what takes longer must answer early and go on, or resume at the next call.
    """

    job: pulumi.Output[str]
    """The job's name."""

    def __init__(self, name: str, args: ScheduleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(token(type(self)), name, None, opts)
        args = ScheduleArgs.complete(args, name)
        _check(name, args)
        google_api = args.google_api
        target = gcp.cloudscheduler.JobHttpTargetArgs(
            uri=args.url,
            http_method=args.method,
            headers={"Content-Type": "application/json"} if args.body is not None else None,
            body=None if args.body is None else base64.b64encode(args.body.encode()).decode(),
            oauth_token=gcp.cloudscheduler.JobHttpTargetOauthTokenArgs(
                service_account_email=args.service_account_email,
                scope="https://www.googleapis.com/auth/cloud-platform",
            )
            if google_api
            else None,
            oidc_token=None
            if google_api
            else gcp.cloudscheduler.JobHttpTargetOidcTokenArgs(
                service_account_email=args.service_account_email, audience=args.audience
            ),
        )
        job = gcp.cloudscheduler.Job(
            f"{name}-job",
            name=args.job_name,
            project=args.project,
            region=args.location,
            description=args.description,
            schedule=args.cron,
            time_zone=args.time_zone,
            attempt_deadline=f"{args.deadline_seconds}s",
            paused=args.paused,
            retry_config=gcp.cloudscheduler.JobRetryConfigArgs(
                retry_count=args.retries,
                min_backoff_duration="30s",
                max_backoff_duration="600s",
                max_retry_duration="0s",
                max_doublings=4,
            ),
            http_target=target,
            opts=pulumi.ResourceOptions(
                parent=self,
                ignore_changes=["paused"] if args.paused_elsewhere and not args.paused else None,
            ),
        )
        self.job = job.name
        self.register_outputs({"job": self.job})


def _check(name: str, args: ScheduleArgs) -> None:
    where = f"Schedule {name!r}"
    if len(args.cron.split()) != 5:
        raise ArgsError(f'{where}: cron {args.cron!r} has not five fields; write for instance "0 2 * * *"')
    if args.google_api == (args.audience is not None):
        raise ArgsError(f"{where}: give it audience (a service) or google_api=true, one of the two")

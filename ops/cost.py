"""`fastyle cost`: what a stack costs a month, before it is spent. docs/usage-file.md says where its usage comes from."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import fastyle_policies.pricing
from fastyle_policies.pricing import (
    Estimate,
    PricingError,
    UsageFile,
    account,
    difference,
    documents,
    pooled,
    questions,
)
from fastyle_policies.pricing.difference import Difference

from ops.endpoints import REPOSITORY
from ops.errors import OperatorError
from ops.plan import plan

USAGE = REPOSITORY / "policies" / "usage"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to estimate: a stack, planned with `overrides`, or a file that Pulumi printed."""

    stack: str | None = None
    plan: Path | None = None
    usage: Path | None = None
    month: str | None = None
    overrides: Sequence[str] = ()  # KEY=VALUE of the stack's configuration
    variables: Sequence[str] = ()  # NAME=NUMBER of the usage file
    lenient: bool = False  # whether usage may tell of resources that the plan lacks


def estimated(request: Request, repository: Path = REPOSITORY) -> Estimate:
    """The estimate of a request.

    Raises:
        OperatorError: anything that its maker can mend, in one line.
    """
    try:
        usage_of(request)  # its mistakes are told before the time of a plan is spent
        return priced(planned(request, repository), request)
    except PricingError as e:
        raise OperatorError(str(e)) from None


def priced(document: documents.Document, request: Request) -> Estimate:
    """The estimate of a plan that is already there, with the usage that `request` asks for.

    Raises:
        OperatorError, PricingError: the usage file is not there, is wrong or does not fit the plan.
    """
    return fastyle_policies.pricing.estimate(
        document.resources,
        usage_of(request),
        region=document.region,
        notes=document.notes,
        # A stack's own file may tell of what this configuration of it leaves out; one that was named is meant to fit.
        strict=request.usage is not None and not request.overrides and not request.lenient,
    )


def usage_of(request: Request) -> UsageFile:
    """The usage file asked for; else the stack's; else none, so that usage counts as nothing.

    Raises:
        PricingError: it is not there, or has no such month or variable.
    """
    path = request.usage or (USAGE / f"{request.stack}.yaml" if request.stack else None)
    if path is not None and request.usage is None and not path.exists():
        path = None
    return questions.usage_with(path, request.month, request.variables)


def planned(request: Request, repository: Path = REPOSITORY) -> documents.Document:
    """What a request plans: the file it names, or a preview of its stack.

    Raises:
        OperatorError, PricingError: there is no such stack or file, or it cannot be planned or read.
    """
    if request.plan:
        return documents.load(request.plan)
    assert request.stack is not None
    overrides = {key if ":" in key else f"fastyle:{key}": value for key, value in _pairs(request.overrides)}
    if overrides:
        # Another orchestrator needs other APIs: which are on costs nothing, and is no part of the question.
        overrides = {"fastyle:services": "[]"} | overrides
    return documents.read(plan(request.stack, overrides=overrides, repository=repository, policies=False).document)


def _pairs(given: Sequence[str]) -> list[tuple[str, str]]:
    pairs = [tuple(pair.partition("=")[::2]) for pair in given]
    for (key, value), whole in zip(pairs, given, strict=True):
        if not key or not value:
            raise OperatorError(f"'{whole}' is not of the form KEY=VALUE")
    return [(key, value) for key, value in pairs]


def run(
    request: Request,
    *,
    style: str = "table",
    explain: str | None = None,
    against: str | None = None,
    everything: bool = False,
    width: int | None = None,
) -> str:
    """What `fastyle cost` prints.

    Raises:
        OperatorError: anything that its caller can mend, in one line.
    """
    if (request.stack is None) == (request.plan is None):
        raise OperatorError("give either --stack or --plan")
    if request.plan and (request.overrides or against):
        raise OperatorError("--set and --against plan a stack anew; with --plan there is none to plan")
    estimate = estimated(request)
    if against and not explain:
        return _compared(
            Difference(before(request, against), estimate), style, f"Stack {request.stack} against {against}"
        )
    title = f"Stack {request.stack}" if request.stack else str(request.plan)
    try:
        return questions.shown(estimate, title, style=style, explain=explain, everything=everything, width=width)
    except PricingError as e:
        raise OperatorError(str(e)) from None


def run_pooled(requests: Sequence[Request], *, style: str = "table") -> str:
    """What `fastyle cost` prints of several stacks whose projects are billed to one account.

    Raises:
        OperatorError: anything that its caller can mend, in one line.
    """
    estimates = pooled({str(request.stack): estimated(request) for request in requests})
    return {"json": account.as_json, "markdown": account.as_markdown}.get(style, account.as_table)(estimates)


def _compared(cost_change: Difference, style: str, title: str) -> str:
    if style == "json":
        return difference.as_json(cost_change)
    if style == "markdown":
        return difference.as_markdown(cost_change, title)
    return difference.as_table(cost_change)


def before(request: Request, revision: str) -> Estimate:
    """The estimate of the same stack as `revision` has it: its program, its configuration, its usage file.

    Rates are those of this checkout, so that what is shown is what the change does, not what prices did.

    Raises:
        OperatorError: there is no such revision, or it cannot be planned or priced.
    """
    with tempfile.TemporaryDirectory(prefix="fastyle-against-") as folder:
        tree = Path(folder) / "tree"
        _git("worktree", "add", "--detach", str(tree), revision)
        try:
            usage = tree / USAGE.relative_to(REPOSITORY) / f"{request.stack}.yaml"
            own = request.usage or (usage if usage.exists() else None)
            then = replace(request, overrides=(), usage=own, lenient=True)
            try:
                return estimated(then, tree)
            except OperatorError as e:
                raise OperatorError(f"at {revision}: {e}") from None
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> None:
    done = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        words = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise OperatorError(
            f"git {' '.join(arguments[:2])}: {words}; name a revision that `git log` knows, and fetch it"
        )

"""The module of a new policy rule with working defaults, its table of cases, and its row of docs/policies.md."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OperatorError

RULES = Path("policies", "fastyle_policies", "rules")
CASES = Path("policies", "tests", "policy_rules", "cases")
PAGE = Path("docs", "policies.md")

_RULE = '''\
"""{title}."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from fastyle_policies import gcp
from fastyle_policies.model import UNKNOWN, Parameters, Resource, rule, shown


class Allowed(Parameters):
    allowed: list[str] = Field(default=["STANDARD"], description="values that the bucket's `storageClass` may have")


@rule("medium", gcp.BUCKET)
def {function}(resource: Resource, p: Allowed) -> Iterator[str]:
    """A bucket has an allowed storage class. What is read often costs more in a colder one.

    Mend: leave storageClass out, or add its value to `allowed` of this rule.
    Unknown: refused.
    """
    # A sentence for each thing that is wrong with a resource; it follows the resource's name.
    value = resource.get("storageClass")
    if value is UNKNOWN:
        yield "storageClass is not known at preview"
    elif value is not None and value not in p.allowed:
        yield f"has storageClass {{shown(value)}}; allowed: {{', '.join(p.allowed)}}"
'''
_CASES = """\
from __future__ import annotations

from fastyle_policies.model import UNKNOWN

from policy_rules import resources as r
from policy_rules.table import Case, Cases

CASES: dict[str, Cases] = {{
    "{id}": Cases(
        good=[r.bucket("bin")],
        cases=[
            Case("wrong", {{"bin.storageClass": "COLDLINE"}}, ["bin: has storageClass COLDLINE; allowed: STANDARD"]),
            Case("passes", {{"bin.storageClass": "COLDLINE"}}, parameters={{"allowed": ["COLDLINE"]}}),
            Case("unset", {{"bin.storageClass": ...}}),
            Case("unknown", {{"bin.storageClass": UNKNOWN}}, ["bin: storageClass is not known at preview"]),
        ],
    ),
}}
"""


@dataclass(frozen=True)
class NewRule:
    """The files of a rule, relative to the checkout."""

    module: Path
    cases: Path


def write_rule(name: str, repository: Path) -> NewRule:
    """Write the files of rule `name`, such as `bucket-storage-class`, and the policies' page of that checkout.

    Raises:
        OperatorError: the name cannot be a rule's, or is another one's; nothing is left behind.
    """
    id_ = name.strip().replace("_", "-")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)+", id_):
        raise OperatorError(
            f"{name!r} is no name of a rule; write words in lower case and hyphens: bucket-storage-class"
        )
    function = id_.replace("-", "_")
    new = NewRule(RULES / f"{function}.py", CASES / f"{function}.py")
    if not (repository / RULES).is_dir():
        raise OperatorError(f"{repository} has no {RULES}; run this in a checkout")
    modules = (repository / RULES).glob("*.py")
    taken = next((path for path in modules if f"\ndef {function}(" in path.read_text("utf-8")), None)
    if taken is not None or (repository / new.module).exists():
        place = new.module if taken is None else taken.relative_to(repository)
        raise OperatorError(f"rule {id_} is there already, in {place}; edit it, or choose another name")
    fields = {"id": id_, "function": function, "title": id_.replace("-", " ").capitalize()}
    (repository / new.module).write_text(_RULE.format(**fields), encoding="utf-8")
    (repository / new.cases).write_text(_CASES.format(**fields), encoding="utf-8")
    try:
        _write_page(repository)
    except (OSError, OperatorError) as error:
        for path in (new.module, new.cases):
            (repository / path).unlink()
        raise OperatorError(f"{error}") from None
    return new


def _write_page(repository: Path) -> None:
    """In a process of its own: this one may have read the rules already."""
    code = (
        "import sys; from pathlib import Path; from fastyle_policies.reference import current; "
        f"print(current(Path({PAGE.as_posix()!r}).read_text(encoding='utf-8')), end='')"
    )
    # The rules of that checkout, whichever is installed.
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = ['policies']; {code}"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        raise OperatorError((done.stderr.strip().splitlines() or [f"{PAGE} cannot be written"])[-1])
    (repository / PAGE).write_text(done.stdout, encoding="utf-8")

"""What single values of the configuration may be, and how a field says what depends on it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from cronsim import CronSim, CronSimError
from fastyle_components import ArgsError
from pydantic import AfterValidator, Field

Days = Annotated[int, Field(ge=1, le=36500)]
Email = Annotated[str, Field(pattern=r"^[^@\s:]+@[^@\s]+\.[^@\s]+$")]
Member = Annotated[str, Field(pattern=r"^(user|group|domain|serviceAccount):\S+$")]


def _cron(line: str) -> str:
    try:
        CronSim(line, datetime.now(UTC))
    except CronSimError:
        raise ValueError(
            f'{line!r} is no cron line, it would never run; write minute, hour, day, month, weekday: "0 22 * * *"'
        ) from None
    return line


Cron = Annotated[str, AfterValidator(_cron)]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Flag = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.]*$")]
Weekday = Annotated[str, Field(pattern="^(MO|TU|WE|TH|FR|SA|SU)$")]
Api = Annotated[str, Field(pattern=r"^[a-z0-9-]+\.googleapis\.com$")]
Label = Annotated[str, Field(pattern=r"^[a-z0-9_-]{0,63}$")]


def setting(default: Any = ..., *, means: str, example: Any = None, **bounds: Any) -> Any:
    """A field whose description is for whoever got it wrong."""
    example = default if example is None else example
    return Field(default, description=means, examples=[example], **bounds)


def accepted(value: str, check: Callable[[str, str], None], otherwise: str) -> str:
    """`value`, unless the component that takes it refuses it."""
    try:
        check(otherwise, value)
    except ArgsError as refusal:
        raise ValueError(str(refusal)) from None
    return value


def label_of(name: str) -> str:
    """A name as the value of a label: lower case, without accents, words joined by hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def distinct(emails: list[str]) -> list[str]:
    if twice := next((email for email in emails if emails.count(email) > 1), None):
        raise ValueError(f"{twice} is named twice; both would be one resource, and the deployment stop; name it once")
    return emails


def _role(name: str) -> str:
    if re.fullmatch(r"roles/(owner|editor|viewer)", name):
        raise ValueError(f"{name} would let a workflow do anything; name the roles that it needs")
    if not re.fullmatch(r"(roles|projects/[^/]+/roles)/\S+", name):
        raise ValueError(f"{name!r} is no role, the grant would be refused; write for instance roles/pubsub.admin")
    return name


Role = Annotated[str, AfterValidator(_role)]

"""Settings of a workload: read from the environment once, each declared with a type and a description.

A workload subclasses `WorkloadSettings`; the description of a field says what to write into the variable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, create_model, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class WorkloadSettings(BaseSettings):
    """What every workload reads."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    google_cloud_project: str = Field(min_length=1, description="the project's id")
    timezone: str = Field(description="the business's time zone, such as America/New_York")
    currency: str = Field(pattern="^[A-Z]{3}$", description="the ISO 4217 code of all amounts, such as USD")
    log_level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="DEBUG, INFO, WARNING or ERROR"
    )

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{value!r} is not a time zone of the IANA database") from None
        return value


Settings = TypeVar("Settings", bound=BaseSettings)


def topic_of_each(
    streams: Iterable[str], variable: Callable[[str], str], what: str
) -> Callable[[type[Settings]], type[Settings]]:
    """A class decorator that adds a field for each stream, the full name of a topic.

    Args:
        variable: the environment variable of a stream; the field is its name in small letters.
    """

    def add(model: type[Settings]) -> type[Settings]:
        fields = {
            variable(stream).lower(): (
                str,
                Field(
                    pattern="^projects/[^/]+/topics/[^/]+$",
                    description=f"the {what} of {stream}: projects/<project>/topics/<topic>",
                ),
            )
            for stream in streams
        }
        named = {"__module__": model.__module__, "__doc__": model.__doc__}
        extended: type[Settings] = create_model(model.__name__, __base__=model, **named, **fields)  # type: ignore[call-overload]
        return extended

    return add


class SettingsError(SystemExit):
    """The environment lacks a setting or holds a bad one: ends the process with one line a setting."""


def load(model: type[Settings]) -> Settings:
    """Read the settings from the environment.

    Raises:
        SettingsError: something is missing or wrong; names each variable, the fault and what to write.
            Values are not repeated: one of them may be a secret.
    """
    try:
        return model()
    except ValidationError as error:
        lines = []
        for fault in error.errors(include_url=False, include_input=False):
            name = str(fault["loc"][0]) if fault["loc"] else model.__name__
            field = model.model_fields.get(name)
            mend = f"; set it to {field.description}" if field and field.description else ""
            lines.append(f"environment variable {name.upper()}: {fault['msg']}{mend}")
        raise SettingsError("\n".join(lines)) from None

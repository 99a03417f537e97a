"""Settings of one local cloud: the project that it stands in for, and the stacks that are real in it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from fastyle_localcloud.files import write_atomically

DEFAULT_STATE_DIR = Path(".localcloud")
"""Where a local cloud keeps everything, under the folder that it is started in."""


class SettingsError(Exception):
    """Settings that do not fit the cloud that is there; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a local cloud is told when it is first started; kept in its folder, so that later starts need not repeat it."""

    project: str = "local-project"
    """Its project: `gcp:project` of the stacks."""
    project_number: str = "100000000001"
    """The number of its project, which names of service agents carry."""
    region: str = "us-central1"
    stacks: tuple[str, ...] = ("local",)
    """Names of the stacks that it creates, changes and deletes; every other one it only previews."""

    @classmethod
    def read(cls, state_dir: Path) -> Settings:
        """The settings of the cloud in `state_dir`; the defaults where there is none."""
        try:
            kept = json.loads((state_dir / "settings.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls()
        values = {field.name: kept[field.name] for field in fields(cls) if field.name in kept}
        return cls(**{**values, "stacks": tuple(values.get("stacks", cls.stacks))})

    def write(self, state_dir: Path) -> None:
        write_atomically(state_dir / "settings.json", json.dumps(asdict(self), indent=1).encode())

    def changed(self, state_dir: Path, given: dict[str, Any]) -> Settings:
        """These settings with those `given`.

        Raises:
            SettingsError: resources of another project are in `state_dir`.
        """
        wanted = replace(self, **given)
        identity = (wanted.project, wanted.project_number)
        if (state_dir / "settings.json").exists() and identity != (self.project, self.project_number):
            raise SettingsError(
                f"the local cloud in {state_dir} is project {self.project} ({self.project_number}), and stays that: "
                "take another --state-dir, or stop this one and remove the folder"
            )
        return wanted

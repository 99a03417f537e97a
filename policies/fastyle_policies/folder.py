"""The folder of a policy pack, as `pulumi --policy-pack FOLDER` takes it: written once, then its owner's."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path


class FolderExistsError(Exception):
    """A file of the pack is there already; nothing was written."""


_MAIN = '''"""The policy pack: `pulumi preview --policy-pack {name}`. `fastyle-policies rules` lists rules and parameters."""

from pathlib import Path

from fastyle_policies.pack import serve

serve(Path(__file__).parent)
'''

_PACK = """\
{runtime}
version: {version}
description: Cost, lifecycle, security, reliability and wiring rules for Google Cloud
"""

_RUNTIME = """\
runtime:
  name: python
  options:
    virtualenv: {environment}"""

_CONFIG = """\
{
  "all": {
    "protected": true
  },
  "spend-ceiling": {
    "maximum": 100
  }
}
"""


def written(folder: Path) -> str:
    """Write the folder's files; what was written, as text.

    Raises:
        FolderExistsError: one of them is there already.
    """
    files = {
        "PulumiPolicy.yaml": _PACK.format(runtime=_runtime(folder), version=version("fastyle-policies")),
        "__main__.py": _MAIN.format(name=folder.name),
        "config.json": _CONFIG,
    }
    for name in files:
        if (folder / name).exists():
            raise FolderExistsError(f"{folder / name} exists; remove it, or choose another folder")
    (folder / "usage").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return (
        f"wrote {', '.join(str(folder / name) for name in files)}\n"
        f"next: pulumi preview --policy-pack {folder}; what a stack asks for goes into {folder / 'config.json'} (every "
        f"stack) and {folder / 'config'}/<stack>.json, its usage file into {folder / 'usage'}"
    )


def _runtime(folder: Path) -> str:
    """This environment by its path from the pack where both are of one project, else whichever is active then."""
    here, environment = folder.absolute().parent, Path(sys.prefix)
    if sys.prefix == sys.base_prefix or not environment.is_relative_to(here):
        return "runtime: python"
    return _RUNTIME.format(environment=os.path.relpath(environment, folder.absolute()))

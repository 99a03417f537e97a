"""The folder of a policy pack, as `pulumi --policy-pack FOLDER` takes it: written once, then its owner's."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path


class FolderExistsError(Exception):
    """A file of the pack is there already; nothing was written."""


_TEMPLATE = Path(__file__).parent / "template"
_RUNTIME = """\
runtime:
  name: python
  options:
    virtualenv: {environment}"""


def written(folder: Path) -> str:
    """Write the folder's files; what was written, as text.

    Raises:
        FolderExistsError: one of them is there already.
    """
    files = {
        "PulumiPolicy.yaml": _text("PulumiPolicy.yaml").format(
            runtime=_runtime(folder), version=version("fastyle-policies")
        ),
        "__main__.py": _text("__main__.py.txt").format(name=folder.name),
        "config.json": _text("config.json"),
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


def _text(name: str) -> str:
    return (_TEMPLATE / name).read_text(encoding="utf-8")


def _runtime(folder: Path) -> str:
    """This environment by its path from the pack where both are of one project, else whichever is active then."""
    here, environment = folder.absolute().parent, Path(sys.prefix)
    if sys.prefix == sys.base_prefix or not environment.is_relative_to(here):
        return "runtime: python"
    return _RUNTIME.format(environment=os.path.relpath(environment, folder.absolute()))

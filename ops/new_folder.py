"""The folder of a new stream or mart: written with its part of a generated page, or not at all."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.errors import OperatorError


@dataclass(frozen=True)
class Kind:
    """One kind of folder: where its folders lie in a checkout, what checks a name and reads all of them, the generated page
    that has a part for each, and the module whose `render` writes it."""

    folders: Path
    check: Callable[[str], None]
    read: Callable[[Path], Mapping[str, Any]]
    page: Path
    reference: str


def write_folder(
    name: str, repository: Path, kind: Kind, texts: Callable[[str, Mapping[str, Any]], Mapping[str, str]]
) -> Path:
    """Write a folder of this name and the page of that checkout; returns the folder. `texts` makes the folder's files of its
    name and of what is there.

    Raises:
        OperatorError: there can be no folder of this name, or there is one; nothing is left behind.
    """
    key = name.strip().replace("-", "_")
    folder = repository / kind.folders / key
    try:
        kind.check(key)
        if folder.exists():
            raise OperatorError(f"{kind.folders / key} is there already; edit it, or choose another name")
        if not folder.parent.is_dir():
            raise OperatorError(f"{repository} has no {kind.folders}; run this in a checkout")
        made = texts(key, kind.read(folder.parent))
        folder.mkdir()
    except (ValueError, OSError) as error:
        raise OperatorError(f"{error}") from None
    try:
        for file, text in made.items():
            (folder / file).write_text(text, encoding="utf-8")
        kind.read(folder.parent)
        _write_page(repository, kind)
    except (ValueError, OSError, OperatorError) as error:
        shutil.rmtree(folder)
        raise OperatorError(f"{error}") from None
    return folder


def _write_page(repository: Path, kind: Kind) -> None:
    """In a process of its own: this one has read the folders already. It reads all tables, among them the new folder's."""
    code = f"from workloads.pipeline.tables import tables; from {kind.reference} import render; tables(); print(render(), end='')"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"{kind.page} cannot be written"])[-1]
        raise OperatorError(last.removeprefix("ValueError: "))
    (repository / kind.page).write_text(done.stdout, encoding="utf-8")

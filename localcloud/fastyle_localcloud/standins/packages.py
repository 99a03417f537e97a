"""Where an installed package lies, without importing it: some do work at import that the daemon has no use for."""

from importlib.util import find_spec
from pathlib import Path


def folder_of(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            f"the Python package {package} is not installed, which fastyle-localcloud requires; install it"
        )
    return Path(next(iter(spec.submodule_search_locations)))

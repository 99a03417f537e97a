"""The environment in which plain `pulumi` commands reach the local cloud and nothing else."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from fastyle_localcloud.engine.bootstrap import Engine, ensure_engine
from fastyle_localcloud.files import cache_dir

# The state of a local stack holds no secret of worth: everything it protects listens on this machine's loopback only
# and goes with the state folder. So the passphrase is public; a stack that matters has a secrets provider of its own and
# never sees this environment's backend.
PASSPHRASE = "local"  # noqa: S105


def engine_environment(
    state_dir: Path,
    provider_port: int,
    engine: Engine | None = None,
    *,
    passphrase: str = PASSPHRASE,
    program_dir: Path | None = None,
) -> dict[str, str]:
    """Variables to add to a process's environment so that `pulumi` in it works on the local cloud.

    `state_dir` receives the state backend (`pulumi/`); `provider_port` is where the `gcp` provider listens on
    loopback. `passphrase` is that of the stacks' secrets, where their files have been encrypted with another already.
    What lies in `program_dir` and names no environment runs in this one, whichever is active. Only what must differ
    from the caller's environment is returned; PATH is the caller's, prefixed.
    """
    if engine is None:
        engine = ensure_engine(lambda line: print(f"engine: {line}", file=sys.stderr, flush=True))
    backend = state_dir.resolve() / "pulumi"
    backend.mkdir(parents=True, exist_ok=True, mode=0o700)
    home = cache_dir() / "pulumi-home"
    home.mkdir(parents=True, exist_ok=True)
    python = Path(sys.executable)
    return {
        "PATH": engine_path(engine),
        "LOCALCLOUD_PYTHON": str(python),
        **({"LOCALCLOUD_PROGRAM_DIR": str(program_dir.resolve())} if program_dir else {}),
        "VIRTUAL_ENV": str(python.parent.parent),
        # A program is a new Python process each time: without its compiled modules a no-op takes twice as long.
        "PYTHONDONTWRITEBYTECODE": "",
        "PULUMI_HOME": str(home),
        "PULUMI_BACKEND_URL": f"file://{backend}",
        "PULUMI_CONFIG_PASSPHRASE": passphrase,
        "PULUMI_DEBUG_PROVIDERS": f"gcp:{provider_port}",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


def engine_path(engine: Engine) -> str:
    """The caller's PATH, with this Python, the engine and its language host before everything else."""
    ours = [str(Path(sys.executable).parent), str(engine.language_host_dir), str(engine.pulumi.parent)]
    inherited = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part and part not in ours]
    return os.pathsep.join([*dict.fromkeys(ours), *inherited])


def export_lines(variables: Mapping[str, str]) -> str:
    """Variables as lines for a shell's `eval`. An environment that is active there stays so: a program that names none
    runs in it."""
    return "\n".join(
        f"export {name}={shlex.quote(value)}" for name, value in variables.items() if name != "VIRTUAL_ENV"
    )

"""`make audit`: what is locked, held against the known vulnerabilities of OSV's database (https://osv.dev).

The database is fetched once a day and kept beside the engine; the packages' names never leave this machine. A
vulnerability that does not concern us is listed in `osv-scanner.toml` with its reason and an end.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from fastyle_localcloud.files import cache_dir

from ops.endpoints import REPOSITORY
from ops.errors import OperatorError
from ops.terminal import say_error
from tools.checkers import tool

LOCKS = ("uv.lock", "workloads/api/web/package-lock.json")
_DAY_SECONDS = 86_400
# osv-scanner's exit codes: https://google.github.io/osv-scanner/output/#return-codes
_VULNERABLE = 1
_UNREACHABLE = re.compile(
    r"dial tcp|no such host|connection refused|i/o timeout|TLS handshake|proxyconnect|unable to fetch OSV database"
    r"|could not (?:load|fetch).*database|no offline version of the OSV database",
    re.IGNORECASE,
)


def audit(executable: Path, database: Path, locks: tuple[str, ...] = LOCKS, root: Path = REPOSITORY) -> str:
    """What was looked at, in a line.

    Raises:
        OperatorError: a locked package has a known vulnerability; its words are printed above.
        Unreachable: the database is neither here nor to be had.
    """
    stamp = database / "fetched"
    fresh = stamp.exists() and time.time() - stamp.stat().st_mtime < _DAY_SECONDS
    command = [str(executable), "scan", "source", "--offline-vulnerabilities", "--format", "table"]
    command += [] if fresh else ["--download-offline-databases"]
    for lock in locks:
        command += ["--lockfile", str(root / lock)]
    database.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY": str(database)}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    words = f"{done.stdout}{done.stderr}".strip()
    if done.returncode not in (0, _VULNERABLE) and _UNREACHABLE.search(words):
        raise UnreachableDatabaseError("the vulnerability database cannot be reached, and there is no copy of it here")
    if done.returncode == _VULNERABLE:
        print(words)
        raise OperatorError(
            "locked packages have known vulnerabilities, above; raise them (`uv lock --upgrade-package NAME`), or list "
            "the id in osv-scanner.toml with a reason and an ignoreUntil"
        )
    if done.returncode:
        raise OperatorError(f"osv-scanner ended with {done.returncode}: {words[-400:]}")
    if not fresh:
        stamp.touch()
    return f"{' and '.join(locks)}: no known vulnerability"


class UnreachableDatabaseError(OperatorError):
    """There is no database to look into."""


def main() -> int:
    """`python -m tools.audit`: 0 when nothing is known, 1 else; without a network a skip, which in CI is a failure."""
    try:
        print(audit(tool("osv-scanner"), cache_dir() / "osv"))
    except UnreachableDatabaseError as error:
        if os.environ.get("CI"):
            say_error(error)
            return 1
        print(f"skipped: {error}; CI looks in any case", file=sys.stderr)
    except OperatorError as error:
        say_error(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Where this checkout is, and where its local cloud keeps what it needs."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
STATE_DIR = REPOSITORY / ".localcloud"

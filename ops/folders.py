"""Where this checkout is, and its local cloud's stack and state."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
STATE_DIR = REPOSITORY / ".localcloud"
LOCAL = "local"
"""The one stack that the local cloud may deploy; its providers refuse any other."""

"""Structured logs: one JSON object a line on standard output, in the fields Cloud Logging understands.

Whatever is passed as `extra={...}` becomes a field of its own. Credentials and bodies are never passed.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import IO, Any

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonFormatter(logging.Formatter):
    """Formats a record as Cloud Logging's structured payload: severity, time, message, logger, extras."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON; a traceback goes to the field `stack_trace`."""
        entry: dict[str, Any] = {
            "severity": record.levelname,
            "time": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            "message": record.getMessage(),
            "logger": record.name,
        }
        entry |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            entry["stack_trace"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def configure(level: str = "INFO", stream: IO[str] | None = None) -> None:
    """Send the logs of the whole process to `stream` (standard output) as JSON, replacing other handlers."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)

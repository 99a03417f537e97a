"""Text files as people's programs write them: UTF-8 with or without a mark, UTF-16 with one, others by name."""

from __future__ import annotations

import codecs
from pathlib import Path

from ops.errors import OperatorError

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))

_NO_TEXT = (
    (
        b"PK\x03\x04",
        "a spreadsheet or an archive, not text; save the sheet as CSV in UTF-8, or unpack the archive first",
    ),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet of a former Excel, not text; save the sheet as CSV in UTF-8"),
    (b"\x1f\x8b", "compressed; unpack it first"),
    (b"%PDF", "a PDF, not text; have the system that wrote it write CSV"),
)


class FileFault(Exception):  # noqa: N818
    """What is wrong with a file as a whole, and on which line; who knows its name says it as an `OperatorError`."""

    def __init__(self, line: int, fault: str) -> None:
        super().__init__(fault)
        self.line = line


def read_text(path: Path, encoding: str | None = None) -> str:
    """Return the file's text, decoded as its byte order mark says, as `encoding` says, or as UTF-8.

    Raises:
        OperatorError: it cannot be read or decoded; says where and how to name another encoding.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise OperatorError(f"{path}: not found; name an existing file") from None
    except OSError as e:
        raise OperatorError(f"{path}: cannot be read: {e.strerror}") from None
    if kind := next((kind for mark, kind in _NO_TEXT if data.startswith(mark)), None):
        raise OperatorError(f"{path}: is {kind}")
    named = encoding or next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(named).removeprefix("\ufeff")
    except LookupError:
        raise OperatorError(f"--encoding {named!r} is not known; write one such as utf-8, latin-1 or cp1252") from None
    except UnicodeError as e:
        at = e.start if isinstance(e, UnicodeDecodeError) else 0
        line = data.count(b"\n", 0, at) + 1
        mend = "name the right one" if encoding else "save it as UTF-8, or name its own, such as --encoding cp1252"
        raise OperatorError(f"{path}:{line}: is not {named.upper()} (byte {at:,}); {mend}") from None

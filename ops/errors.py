"""What an operator is told when something cannot be done."""

from __future__ import annotations


class OperatorError(Exception):
    """One sentence: what failed, where, and how to mend it. Shown without a traceback; the command exits 1."""

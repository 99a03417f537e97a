"""Usage files: what a month's traffic is, by resource type and by resource. docs/usage-file.md is the reference.

The form is strict. An unknown key is an error with file, line and the nearest name, because a misspelt key would
otherwise be a free resource.
"""

from fastyle_policies.pricing.usage.file import DEFAULT_MONTH, Days, Document, UsageFile, idle_usage, keys
from fastyle_policies.pricing.usage.reading import parse, read

__all__ = ["DEFAULT_MONTH", "Days", "Document", "UsageFile", "idle_usage", "keys", "parse", "read"]

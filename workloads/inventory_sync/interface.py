"""Environment variables of inventory-sync beside the common ones."""

from __future__ import annotations

from typing import Final

DATABASE_ROLES: Final = "DATABASE_ROLES"
PUSH_AUDIENCE: Final = "PUSH_AUDIENCE"
PUSH_SERVICE_ACCOUNT: Final = "PUSH_SERVICE_ACCOUNT"

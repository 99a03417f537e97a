"""Environment variables of the POS API beside the common ones."""

from __future__ import annotations

from typing import Final

SIMULATOR_ENABLED: Final = "SIMULATOR_ENABLED"
SIMULATOR_SEED: Final = "SIMULATOR_SEED"
SIMULATOR_CATALOGUE: Final = "SIMULATOR_CATALOGUE"

"""The policy pack of a folder: what its `__main__.py` calls. Building a pack starts its server."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pulumi_policy import PolicyPack

from fastyle_policies.bridge import policy_of
from fastyle_policies.configuration import WrongConfiguration, check_engine_config, engine_config_files, stack_config
from fastyle_policies.model import Rule
from fastyle_policies.provided import Inputs
from fastyle_policies.rules import RULES

NAME = "google-cloud"
"""What the engine calls the pack where its folder gives it no other name."""


def serve(folder: Path, *, name: str = NAME, rules: Sequence[Rule] = RULES) -> None:
    """Serve the rules to the engine, with the parameters and usage files that `folder` has."""
    folder = folder.resolve()
    try:
        for file in engine_config_files():
            check_engine_config(file, rules, folder)
        config = stack_config(folder, rules)
    except WrongConfiguration as error:
        sys.exit(f"error: {error}")
    inputs = Inputs()
    PolicyPack(name=name, policies=[policy_of(rule, config, inputs=inputs, pack=folder) for rule in rules])

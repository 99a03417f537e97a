"""The policy pack: `pulumi preview --policy-pack policies`.

Building the pack starts its server, so this is the only file that does.
"""

import sys
from pathlib import Path

from fastyle_policies.bridge import policy_of
from fastyle_policies.configuration import WrongConfiguration, check_engine_config, engine_config_files, stack_config
from fastyle_policies.provided import Inputs
from fastyle_policies.rules import RULES
from pulumi_policy import PolicyPack

try:
    for file in engine_config_files():
        check_engine_config(file, RULES)
    config = stack_config(Path(__file__).parent / "config", RULES)
except WrongConfiguration as error:
    sys.exit(f"error: {error}")

inputs = Inputs()
PolicyPack(name="fastyle", policies=[policy_of(rule, config, inputs=inputs) for rule in RULES])

"""The policy pack: `pulumi preview --policy-pack policies`.

Building the pack starts its server, so this is the only file that does.
"""

from pathlib import Path

from pulumi_policy import PolicyPack

from policies.bridge import policy_of, stack_config
from policies.rules import RULES

CONFIG = stack_config(Path(__file__).parent / "config", RULES)

PolicyPack(name="fastyle", policies=[policy_of(rule, CONFIG) for rule in RULES])

"""What can be mutated, and the tests that must notice. Add a room here; `make mutants ROOM=<name>` runs it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Classical:
    """Every function of `sources` is mutated; of `tests` those that reach it are run."""

    sources: tuple[str, ...]  # folders or files
    tests: tuple[str, ...]  # files, by pattern


@dataclass(frozen=True)
class Structural:
    """A resource, a grant or an argument is taken out of `sources`, one at a time."""

    sources: tuple[str, ...]  # files, by pattern
    tests: tuple[tuple[str, ...], ...]  # in stages: the next is run of what survived the one before
    own: tuple[str, ...] = ()  # a stage before them: of these the tests named after a class in the mutated file


_OF_COMPONENTS = (
    "components/tests/component_resources/test_children.py",
    "components/tests/component_resources/test_options.py",
    "components/tests/component_resources/test_safety.py",
)
_OF_STACKS = ("tests/unit/infra/test_config_policies.py", "tests/unit/infra/test_config_grants.py")

ROOMS: dict[str, Classical | Structural] = {
    "policies": Classical(
        sources=(
            "policies/fastyle_policies/rules",
            "policies/fastyle_policies/least_privilege",
            "policies/fastyle_policies/configuration.py",
            "policies/fastyle_policies/provided.py",
            "policies/fastyle_policies/schedules.py",
        ),
        tests=("policies/tests/policy_rules/test_*.py", "tests/unit/infra/test_config_policies.py"),
    ),
    "pricing": Classical(
        sources=("policies/fastyle_policies/pricing",),
        tests=(
            "policies/tests/policy_pricing/test_*.py",
            "tests/unit/ops/test_pricing_*.py",
            "tests/unit/ops/test_cost_*.py",
        ),
    ),
    "components": Structural(
        sources=("components/fastyle_components/[!_]*.py",),
        own=_OF_COMPONENTS[:2],
        tests=(_OF_COMPONENTS, _OF_STACKS),
    ),
    "infra": Structural(
        sources=("infra/foundation.py", "infra/streaming.py", "infra/operations.py", "infra/composition.py"),
        tests=(
            _OF_STACKS,
            (
                "tests/unit/infra/test_config_inventory.py",
                "tests/unit/infra/test_config_keys.py",
                "tests/unit/infra/test_config_outputs.py",
            ),
            ("tests/unit/infra/test_config_options.py", "tests/unit/infra/test_config.py"),
            ("tests/unit/infra/test_config_alerts.py", "tests/unit/infra/test_config_shared_project.py"),
        ),
    ),
}

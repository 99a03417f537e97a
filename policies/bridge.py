"""Between Pulumi's policy SDK and the rules: arguments to resources, violations to reports, waivers in between."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, cast

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy import Severity as SdkSeverity
from pulumi_policy.proxy import UnknownValueError
from pydantic import ValidationError

from policies.model import UNKNOWN, Parameters, Plan, Resource, Rule, Violation
from policies.waivers import judge, stale

PackConfig = dict[str, dict[str, Any]]  # rule -> its parameters
StackConfig = Callable[[str], PackConfig]  # of the stack of that name


def plain(value: Any) -> Any:
    """The SDK's proxies as dictionaries and lists, with UNKNOWN where reading one would raise.

    The SDK turns that exception into an advisory remark, so that a rule which met an unknown would stop nothing.
    """
    if isinstance(value, Mapping):
        return {str(key): _read(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_read(value, index) for index in range(len(value))]
    if isinstance(value, float) and value.is_integer():
        return int(value)  # the wire knows no integers
    return value


def _read(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN


def resource_of(args: ResourceValidationArgs) -> Resource:
    return Resource(args.resource_type, args.name, plain(args.props), args.urn)


def plan_of(resources: Iterable[PolicyResource]) -> Plan:
    return Plan(
        tuple(
            Resource(
                r.resource_type,
                r.name,
                plain(r.props),
                r.urn,
                {key: tuple(dep.urn for dep in deps) for key, deps in r.property_dependencies.items()},
                r.parent.urn if r.parent else "",
            )
            for r in resources
        )
    )


def schema_of(parameters: type[Parameters]) -> PolicyConfigSchema:
    """The JSON schema of a rule's parameters, as the engine checks a configuration against it before anything runs.

    Without defaults: the engine would fill them in, and nobody could tell them from what was asked for.
    """
    schema = parameters.model_json_schema()
    definitions = schema.get("$defs", {})

    def inline(node: Any) -> Any:
        if isinstance(node, dict):
            if reference := node.get("$ref"):
                return inline(definitions[reference.rsplit("/", 1)[-1]])
            return {key: inline(value) for key, value in node.items() if key not in ("title", "default")}
        return [inline(item) for item in node] if isinstance(node, list) else node

    return PolicyConfigSchema(properties=inline(schema["properties"]))


def policy_of(rule: Rule, config: StackConfig = lambda stack: {}, today: Callable[[], date] = date.today) -> Policy:
    """The SDK's policy for a rule. What the engine was given as `--policy-pack-config` goes over `config`."""
    description = f"{rule.why}."

    def report(violations: Iterable[Violation], parameters: Parameters, say: ReportViolation) -> None:
        for verdict in judge(violations, parameters, today()):
            resource = verdict.resource
            subject = f"{resource.label} " if resource else ""
            say(f"{subject}{verdict.message}. Mend: {rule.mend}.", resource.urn or None if resource else None)

    def parameters_for(urn: str, given: Mapping[str, Any]) -> Parameters:
        # The stack's name is only in the URNs: the engine tells a pack nothing else of it.
        stack = urn.split("::")[0].rpartition(":")[2]
        return rule.parameters.model_validate({**config(stack).get(rule.id, {}), **plain(given)})

    waivers_judged = False

    def judge_waivers(parameters: Parameters, say: ReportViolation) -> None:
        """Once a run, with whatever resource comes first: nothing need break a rule for its waiver to be too old."""
        nonlocal waivers_judged
        if not waivers_judged:
            waivers_judged = True
            for sentence in stale(parameters, today()):
                say(sentence, None)

    common: dict[str, Any] = {
        "name": rule.id,
        "description": description,
        "enforcement_level": EnforcementLevel.MANDATORY if rule.mandatory else EnforcementLevel.ADVISORY,
        "config_schema": schema_of(rule.parameters),
        "severity": SdkSeverity(rule.severity.value),
        "remediation_steps": rule.mend,
    }
    if rule.types:
        check_one = cast(Callable[[Resource, Parameters], Iterable[str]], rule.check)

        def validate(args: ResourceValidationArgs, say: ReportViolation) -> None:
            resource = resource_of(args)
            concerned = rule.concerns(resource)
            if concerned or not waivers_judged:
                parameters = parameters_for(resource.urn, args.get_config())
                judge_waivers(parameters, say)
            if concerned:
                found = (Violation(message, resource) for message in check_one(resource, parameters))
                report(found, parameters, say)

        return ResourceValidationPolicy(validate=validate, **common)

    check_all = cast(Callable[[Plan, Parameters], Iterable[Violation]], rule.check)

    def validate_stack(args: StackValidationArgs, say: ReportViolation) -> None:
        plan = plan_of(args.resources)
        parameters = parameters_for(plan.resources[0].urn if plan.resources else "", args.get_config())
        judge_waivers(parameters, say)
        report(check_all(plan, parameters), parameters, say)

    return StackValidationPolicy(validate=validate_stack, **common)


def stack_config(folder: Path, rules: Sequence[Rule]) -> StackConfig:
    """Parameters by stack, from `<folder>/<stack>.json`; none, hence the strict defaults, for a stack without one.

    A file maps rules to parameters; its key `all` holds parameters for every rule. Every file is read at once.

    Raises:
        ValueError: a rule that does not exist, or a parameter it does not take; names file and key.
    """
    files = {path.stem: _read_config(path, rules) for path in sorted(folder.glob("*.json"))}
    return lambda stack: files.get(stack, {})


def _read_config(path: Path, rules: Sequence[Rule]) -> PackConfig:
    content = json.loads(path.read_text(encoding="utf-8"))
    shared = content.pop("all", {})
    known = {rule.id: rule for rule in rules}
    if strangers := sorted(set(content) - set(known)):
        raise ValueError(f"{path}: no rule is named {', '.join(strangers)}; known: {', '.join(sorted(known))}")
    config = {name: {**shared, **content.get(name, {})} for name in known}
    for name, parameters in config.items():
        try:
            known[name].parameters.model_validate(parameters)
        except ValidationError as e:
            wrong = e.errors()[0]
            raise ValueError(f"{path}: {name}.{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}") from None
    return config

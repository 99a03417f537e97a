"""Between Pulumi's policy SDK and the rules: arguments to resources, violations to reports, waivers in between."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, cast

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyProviderResource,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy import Severity as SdkSeverity
from pulumi_policy.proxy import UnknownValueError

from fastyle_policies.configuration import StackConfig, validated
from fastyle_policies.model import UNKNOWN, Parameters, Plan, Resource, Rule, Violation, text_of
from fastyle_policies.provided import Inputs, provider_settings, with_provider
from fastyle_policies.waivers import judge, stale


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


def resource_of(args: ResourceValidationArgs, inputs: Inputs | None = None) -> Resource:
    """A resource as a rule about single ones sees it: its inputs, and what its provider gives it."""
    props = plain(args.props)
    if inputs is not None:
        inputs.note(args.urn, props)
    provided = _provided(args.provider)
    return Resource(
        args.resource_type, args.name, with_provider(args.resource_type, props, provided), args.urn, provided=provided
    )


def plan_of(resources: Iterable[PolicyResource], inputs: Inputs | None = None) -> Plan:
    """A stack as a rule about it sees it: outputs, with what is unknown in them as the inputs had it."""
    return Plan(tuple(_planned(resource, inputs) for resource in resources))


def _planned(r: PolicyResource, inputs: Inputs | None) -> Resource:
    outputs = plain(r.props)
    props = outputs if inputs is None else inputs.beside(r.urn, outputs)
    provided = _provided(r.provider)
    props = with_provider(r.resource_type, props, provided)
    return Resource(
        r.resource_type,
        r.name,
        props,
        r.urn,
        {key: tuple(dep.urn for dep in deps) for key, deps in r.property_dependencies.items()},
        r.parent.urn if r.parent else "",
        region=text_of(provided.get("region")),
        project=text_of(props.get("project")) or text_of(provided.get("project")),
        provided=provided,
    )


def _provided(provider: PolicyProviderResource | None) -> dict[str, Any]:
    return provider_settings(plain(provider.props)) if provider else {}


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


def policy_of(
    rule: Rule,
    config: StackConfig = lambda stack: {},
    today: Callable[[], date] = date.today,
    inputs: Inputs | None = None,
    pack: Path = Path(),
) -> Policy:
    """The SDK's policy for a rule. What the engine was given as `--policy-pack-config` goes over `config`.

    `inputs` is shared by the policies of a pack: rules about resources fill it, those about the stack read it. `pack` is
    the pack's folder.
    """
    inputs = inputs if inputs is not None else Inputs()
    description = f"{rule.why}."

    def report(violations: Iterable[Violation], parameters: Parameters, say: ReportViolation) -> None:
        for verdict in judge(violations, parameters, today()):
            resource = verdict.resource
            subject = f"{resource.label} " if resource else ""
            say(f"{subject}{verdict.message}. Mend: {rule.mend}.", resource.urn or None if resource else None)

    def parameters_for(urn: str, given: Mapping[str, Any]) -> Parameters:
        # The stack's name is only in the URNs: the engine tells a pack nothing else of it.
        stack = urn.split("::")[0].rpartition(":")[2]
        return validated(rule, {**config(stack).get(rule.id, {}), **plain(given)}, pack)

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
        "severity": SdkSeverity(rule.severity),
        "remediation_steps": rule.mend,
    }
    if rule.types:
        check_one = cast(Callable[[Resource, Parameters], Iterable[str]], rule.check)

        def validate(args: ResourceValidationArgs, say: ReportViolation) -> None:
            concerned = rule.concerns(args.resource_type)
            if not (concerned or not waivers_judged or inputs.needs(args.urn)):
                return  # reading a resource takes longer than most rules
            resource = resource_of(args, inputs)
            if concerned or not waivers_judged:
                parameters = parameters_for(resource.urn, args.get_config())
                judge_waivers(parameters, say)
            if concerned:
                violations = (Violation(message, resource) for message in check_one(resource, parameters))
                report(violations, parameters, say)

        return ResourceValidationPolicy(validate=validate, **common)

    check_all = cast(Callable[[Plan, Parameters], Iterable[Violation]], rule.check)

    def validate_stack(args: StackValidationArgs, say: ReportViolation) -> None:
        plan = plan_of(args.resources, inputs)
        inputs.run_ended()
        parameters = parameters_for(plan.resources[0].urn if plan.resources else "", args.get_config())
        judge_waivers(parameters, say)
        report(check_all(plan, parameters), parameters, say)

    return StackValidationPolicy(validate=validate_stack, **common)

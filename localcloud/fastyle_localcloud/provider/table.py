"""The table of resource types this provider knows, gathered from the rules of each service."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from functools import cache

from fastyle_localcloud.provider.errors import Refused
from fastyle_localcloud.provider.schema import ResourceSchema, load, token_of
from fastyle_localcloud.provider.vocabulary import Rules


@cache
def rules_by_token() -> dict[str, Rules]:
    """Every rule of every module in `fastyle_localcloud.provider.rules`, by Pulumi type token."""
    package = importlib.import_module("fastyle_localcloud.provider.rules")
    table: dict[str, Rules] = {}
    for module in pkgutil.iter_modules(package.__path__):
        rules: dict[str, Rules] = importlib.import_module(f"{package.__name__}.{module.name}").RULES
        for name, rule in rules.items():
            token = token_of(name)
            if token in table:
                raise ValueError(f"{name} has two entries")
            table[token] = rule
    return table


def lookup(token: str) -> tuple[ResourceSchema, Rules]:
    """The schema and rules of a type token; raises `Refused` for a type that is not in the table."""
    rules = rules_by_token().get(token)
    if rules is None:
        close = difflib.get_close_matches(token, rules_by_token(), 1)
        hint = f" (the nearest is {close[0]})" if close else ""
        raise Refused(
            f"the local cloud does not know {token}{hint}: it would neither check nor serve it; "
            "keep it out of this stack, or add its rules to fastyle_localcloud/provider/rules/"
        )
    return load(token), rules

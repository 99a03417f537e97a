"""Arithmetic in usage files: `branches * 800 * 30`. Numbers, names, + - * / ( ) and nothing else; exact decimals."""

from __future__ import annotations

import ast
from collections.abc import Callable
from decimal import Decimal, DivisionByZero, InvalidOperation

_OPERATORS: dict[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}
LONGEST = 500


def evaluate(formula: str, value_of: Callable[[str], Decimal]) -> Decimal:
    """The value of `formula`; `value_of` gives that of a name.

    Raises:
        ValueError: it is no formula of this kind, or divides by zero; says which part.
    """
    if len(formula) > LONGEST:
        raise ValueError(f"a formula has at most {LONGEST} characters")
    try:
        tree = ast.parse(formula.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"'{formula}' is no formula; write numbers, names, + - * / and brackets") from None

    def walk(node: ast.expr) -> Decimal:
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            # The text, not the float that the parser made of it.
            return Decimal(ast.get_source_segment(formula.strip(), node) or str(node.value))
        if isinstance(node, ast.Name):
            return value_of(node.id)
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](walk(node.left), walk(node.right))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -walk(node.operand)
        raise ValueError(f"'{ast.unparse(node)}' in '{formula}' is neither a number, a name nor + - * /")

    try:
        return walk(tree.body)
    except (DivisionByZero, InvalidOperation, OverflowError):
        raise ValueError(f"'{formula}' divides by zero or overflows") from None

"""The calculator that a model may call: arithmetic, and counting letters in a quoted word.

An expression is cut into permitted tokens, parsed by Python and evaluated by walking the syntax
tree; nothing is executed. Time and memory are bounded by construction (length of the source, depth
of the tree, size of whole numbers), so it needs no timer and works in any thread.
"""

import ast
import math
import operator
import re

MAX_LENGTH = 500  # characters of source
MAX_DEPTH = 100  # levels of the syntax tree; a sum of n terms has n levels
MAX_BITS = 256  # of a whole number, about 77 digits

TOKEN = re.compile(
    r"""
      (?P<number> [0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?(?![0-9,.])  # with thousands separators
                | (?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)? )
    | (?P<other>  '(?:[^'\\\n]|\\['"\\nt])*' | "(?:[^"\\\n]|\\['"\\nt])*"
                | \.count\b | [-+*/()] | [ \t]+ )
    """,
    re.VERBOSE,
)
BINARY = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
UNARY = {ast.UAdd: operator.pos, ast.USub: operator.neg}


class _RefusedError(Exception):
    """The expression is outside the permitted language or its bounds."""


def use_calculator(expression: str) -> int | float | None:
    """Return the value of an arithmetic or `'text'.count('sub')` expression, or None.

    Allowed: whole and decimal numbers (`1,000` too), `+ - * / //`, parentheses, and `count` on a
    quoted text. Everything else, division by zero, and anything too long, deep or large is None.
    Never raises.
    """
    try:
        tree = ast.parse(_permitted(expression), mode="eval")
        return _evaluate(tree.body, depth=0)
    except (_RefusedError, SyntaxError, ValueError, ArithmeticError, MemoryError, RecursionError):
        return None


def _permitted(expression: str) -> str:
    """Return the source without thousands separators, if it is made of permitted tokens only."""
    expression = expression.strip()
    if not 0 < len(expression) <= MAX_LENGTH:
        raise _RefusedError
    pieces, position = [], 0
    while position < len(expression):
        token = TOKEN.match(expression, position)
        if token is None:
            raise _RefusedError
        # commas are separators in numbers only: those inside quotes are part of the text
        pieces.append(token[0].replace(",", "") if token["number"] else token[0])
        position = token.end()
    return "".join(pieces)


def _evaluate(node: ast.expr, depth: int) -> int | float:
    if depth > MAX_DEPTH:
        raise _RefusedError
    match node:
        case ast.Constant(value=int() | float() as value):
            return _bounded(value)
        case ast.UnaryOp(op=op, operand=operand) if type(op) in UNARY:
            return UNARY[type(op)](_evaluate(operand, depth + 1))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
            a, b = _evaluate(left, depth + 1), _evaluate(right, depth + 1)
            return _bounded(BINARY[type(op)](a, b))
        case ast.Call(
            func=ast.Attribute(value=ast.Constant(value=str() as text), attr="count"),
            args=[ast.Constant(value=str() as part)],
            keywords=[],
        ):
            return text.count(part)
    raise _RefusedError


def _bounded(value: int | float) -> int | float:
    """Refuse huge whole numbers, infinities and NaN.

    Checking each result bounds each operand, so that a product has at most 2 * MAX_BITS bits.
    """
    if isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise _RefusedError
    elif not math.isfinite(value):
        raise _RefusedError
    return value

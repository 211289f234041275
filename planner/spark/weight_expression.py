"""Weights as people write them: ``n_rows**2``, ``sum(cost) + 0.1 * n_rows``. Read as syntax, never run as code."""

from __future__ import annotations

import ast
import difflib
import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from planner.errors import Fault, InputError
from planner.spark.keys import column

__all__ = ["N_ROWS", "parse_weight"]

N_ROWS = "n_rows"
"""The number of rows of a key, in expressions."""

_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: F.pow,
    ast.USub: operator.neg,
    ast.UAdd: lambda value: value,
}

_AGGREGATES: dict[str, Callable[[Column], Column]] = {
    "sum": F.sum,
    "mean": F.avg,
    "min": F.min,
    "max": F.max,
    "count": F.count,
    "nunique": F.count_distinct,
    "stddev": F.stddev,
}

_FUNCTIONS: dict[str, Callable[..., Column]] = {
    "sqrt": F.sqrt,
    "log": F.log,
    "log2": F.log2,
    "log1p": F.log1p,
    "exp": F.exp,
    "abs": F.abs,
    "pow": F.pow,
    "least": F.least,
    "greatest": F.greatest,
}


def parse_weight(text: str, columns: Sequence[str]) -> Column:
    """Turn an expression over a key's rows into an aggregate.

    ``n_rows`` is the number of rows of the key; ``sum``, ``mean``, ``min``, ``max``, ``count``, ``nunique`` and
    ``stddev`` take an expression over columns; around them numbers, ``+ - * / % **`` and ``sqrt``, ``log``, ``log2``,
    ``log1p``, ``exp``, ``abs``, ``pow``, ``least``, ``greatest``.

    Raises
    ------
    InputError
        If it is no such expression; unknown names with the nearest ones.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError) as error:
        raise _fault(text, f"is no expression ({getattr(error, 'msg', error)})") from error
    return _Reader(text, columns).read(tree.body, inside=False)


class _Reader:
    """Reads one expression; `inside` an aggregate names are columns, outside only ``n_rows`` is known."""

    def __init__(self, text: str, columns: Sequence[str]) -> None:
        self.text, self.columns = text, columns

    def read(self, node: ast.expr, *, inside: bool) -> Column:
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return F.lit(float(node.value))  # type: ignore[arg-type]
        if isinstance(node, ast.Name):
            return self._name(node.id, inside)
        if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
            return self._operator(node.op)(self.read(node.operand, inside=inside))
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            left, right = self.read(node.left, inside=inside), self.read(node.right, inside=inside)
            return self._operator(node.op)(left, right)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self._call(node.func.id, node.args, inside)
        raise _fault(self.text, f"has {ast.unparse(node)!r}, which is no part of a weight")

    def _operator(self, kind: ast.AST) -> Callable[..., Column]:
        return _OPERATORS[type(kind)]

    def _name(self, name: str, inside: bool) -> Column:
        if inside and name in self.columns:
            return column(name).cast("double")
        if not inside and name == N_ROWS:
            return F.count(F.lit(1)).cast("double")
        if not inside and name in self.columns:
            raise _fault(
                self.text, f"has the column {name!r} outside of an aggregate; write sum({name}) or mean({name})"
            )
        near = difflib.get_close_matches(name, [*self.columns, N_ROWS], n=2, cutoff=0.5)
        raise _fault(
            self.text, f"has the unknown name {name!r}" + (f"; did you mean {' or '.join(near)}?" if near else "")
        )

    def _call(self, name: str, args: Sequence[ast.expr], inside: bool) -> Column:
        if name in _AGGREGATES and not inside and len(args) == 1:
            return _AGGREGATES[name](self.read(args[0], inside=True)).cast("double")
        if name in _FUNCTIONS and args:
            read = functools.partial(self.read, inside=inside)
            return _FUNCTIONS[name](*map(read, args))
        raise _fault(self.text, f"has {name}(…), which is unknown here or takes other arguments")


def _fault(text: str, problem: str) -> InputError:
    known = f"{N_ROWS}, {', '.join(_AGGREGATES)} of columns, {', '.join(_FUNCTIONS)}"
    return InputError([Fault("weight", f"{text!r} {problem}; expected a column, or an expression of {known}")])

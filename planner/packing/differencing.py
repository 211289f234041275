"""Karmarkar–Karp differencing: two sets whose sums differ by little.

N. Karmarkar, R. M. Karp, The differencing method of set partitioning, Report UCB/CSD 82/113, Berkeley, 1982; with one
deviation, as in R. E. Korf, A complete anytime algorithm for number partitioning, Artificial Intelligence 106(2), 1998,
doi:10.1016/S0004-3702(98)00086-1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from planner.model.arrays import Int64
from planner.model.compiled import bare, inlined

__all__ = ["Differences", "differences", "in_two"]


class Differences(NamedTuple):
    """Room to compute in: a heap of numbers, and which two were joined how."""

    number: Int64
    root: Int64
    larger: Int64
    smaller: Int64
    apart: Int64


def differences(n: int) -> Differences:
    """Give room for `n` numbers."""
    return Differences(*(np.zeros(n, dtype=np.int64) for _ in range(5)))


@bare
def in_two(weights: Any, n: Any, deviation: Any, at: Any, side: Any) -> Any:
    """Part the first `n` of the weights in two; gives the difference of the sums.

    Parameters
    ----------
    weights : ndarray of int64
    n : int
        At least 1.
    deviation : int
        The step at which the two largest numbers are put on one side, and not on two; −1: none.
    at : Differences
    side : ndarray of int64
        0 or 1 for each, filled in.
    """
    for i in range(n):
        at.number[i], at.root[i] = weights[i], i
    for i in range(n // 2 - 1, -1, -1):
        _sink(at, n, i)
    left, step = n, 0
    while left > 1:
        largest, root = at.number[0], at.root[0]
        left -= 1
        at.number[0], at.root[0] = at.number[left], at.root[left]
        _sink(at, left, 0)
        at.larger[step], at.smaller[step] = root, at.root[0]
        at.apart[step] = step != deviation
        at.number[0] = largest - at.number[0] if step != deviation else largest + at.number[0]
        at.root[0] = root
        _sink(at, left, 0)
        step += 1
    side[at.root[0]] = 0
    for k in range(step - 1, -1, -1):
        side[at.smaller[k]] = side[at.larger[k]] ^ at.apart[k]
    return at.number[0]


@inlined
def _sink(at: Any, n: Any, i: Any) -> None:
    """Move a number down its heap, the largest on top."""
    while 2 * i + 1 < n:
        child = 2 * i + 1
        if child + 1 < n and at.number[child + 1] > at.number[child]:
            child += 1
        if at.number[child] <= at.number[i]:
            break
        at.number[i], at.number[child] = at.number[child], at.number[i]
        at.root[i], at.root[child] = at.root[child], at.root[i]
        i = child

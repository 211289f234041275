"""Chains-on-chains partitioning: cut a sequence into contiguous shards so that the largest is as small as can be.

Source: A. Pinar and C. Aykanat, Fast optimal load balancing algorithms for 1D partitioning, Journal of Parallel and
Distributed Computing 64(8), 2004, 974–996, doi:10.1016/j.jpdc.2004.05.003: the exact bisection over integer weights
with PROBE on prefix sums, and the separators' bounds, inside which every optimal cut lies.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from planner.model.arrays import Int64

__all__ = ["contiguous_cuts", "whole_weights"]

LARGEST_TOTAL = 2**52
"""Weights that are not whole numbers are scaled to this total: sums of them stay exact, in 64 bits and as floats."""


def whole_weights(weights: ArrayLike) -> Int64:
    """Weights as whole numbers, so that sums are exact and do not depend on their order.

    Whole numbers stay as they are; others are scaled, which keeps some 15 digits. Weights that are all 0 become 1.

    Parameters
    ----------
    weights : array_like of float, shape (n,)
        Finite and >= 0.

    Examples
    --------
    >>> whole_weights([3, 0, 5.0]).tolist(), whole_weights([0, 0]).tolist()
    ([3, 0, 5], [1, 1])
    """
    given = np.asarray(weights, dtype=np.float64)
    largest = given.max(initial=0.0)
    if largest == 0:
        return np.ones(len(given), dtype=np.int64)
    relative = given / largest
    if float(relative.sum()) * largest <= LARGEST_TOTAL and np.array_equal(given, np.rint(given)):
        return given.astype(np.int64)
    scaled: Int64 = np.rint(relative * (LARGEST_TOTAL / float(relative.sum()))).astype(np.int64)
    return scaled


def contiguous_cuts(weights: Int64, shards: int) -> Int64:
    """Cut a sequence into contiguous shards, the heaviest of which is as light as any cut can make it.

    Of the cuts that reach this optimum, those nearest to equal shards are taken.

    Parameters
    ----------
    weights : ndarray of int64, shape (n,)
        Weight of each item, >= 0.
    shards : int
        From 1 to n; every shard gets at least one item.

    Returns
    -------
    ndarray of int64, shape (shards + 1,)
        Shard ``k`` has the items from ``cuts[k]`` up to, not including, ``cuts[k + 1]``.

    Examples
    --------
    >>> contiguous_cuts(np.array([1, 1, 1, 9, 1, 1]), 3).tolist()
    [0, 3, 4, 6]
    """
    n = len(weights)
    if not 1 <= shards <= max(n, 1):
        raise ValueError(f"{n} items cannot be cut into {shards} shards of at least one item")
    prefix = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(weights, out=prefix[1:])
    if n == 0:
        return np.zeros(shards + 1, dtype=np.int64)
    bound = _smallest_largest(prefix, int(weights.max()), shards)
    return _even_cuts(prefix, bound, shards)


def _smallest_largest(prefix: Int64, heaviest: int, shards: int) -> int:
    """Bisect for the smallest bound that PROBE can keep."""
    total = int(prefix[-1])
    low, high = max(heaviest, -(-total // shards)), max(heaviest, total)
    while low < high:
        middle = (low + high) // 2
        if _probe(prefix, middle, shards):
            high = middle
        else:
            low = middle + 1
    return low


def _probe(prefix: Int64, bound: int, shards: int) -> bool:
    """Tell whether shards filled from the left, each as far as the bound allows, hold everything."""
    end, last = 0, len(prefix) - 1
    for _ in range(shards):
        end = _reach(prefix, end, bound)
        if end == last:
            return True
    return False


def _reach(prefix: Int64, start: int, bound: int) -> int:
    return int(np.searchsorted(prefix, prefix[start] + bound, side="right")) - 1


def _even_cuts(prefix: Int64, bound: int, shards: int) -> Int64:
    """Put every cut as near to its equal share as the bound, and an item in every shard, allow."""
    n, total = len(prefix) - 1, int(prefix[-1])
    least = np.zeros(shards + 1, dtype=np.int64)  # a cut further left leaves too much for the shards right of it
    least[shards] = n
    for k in range(shards - 1, 0, -1):
        least[k] = np.searchsorted(prefix, prefix[least[k + 1]] - bound, side="left")
    cuts = np.zeros(shards + 1, dtype=np.int64)
    cuts[shards] = n
    for k in range(1, shards):
        share = total * k // shards
        right = int(np.searchsorted(prefix, share, side="left"))
        near = right - 1 if right > 0 and share - prefix[right - 1] <= prefix[right] - share else right
        low = max(int(least[k]), int(cuts[k - 1]) + 1)
        high = min(_reach(prefix, int(cuts[k - 1]), bound), n - (shards - k))
        cuts[k] = min(max(near, low), high)
    return cuts

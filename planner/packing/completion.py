"""Bin completion: a few bins filled one after another, each as full as the room that is left in all of them demands.

R. E. Korf, A new algorithm for optimal bin packing, AAAI 2002, 731–736: every bin takes the largest item that is left,
and is completed in all ways that do not waste more than there is to waste.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from planner.model.arrays import Int64
from planner.model.compiled import bare

__all__ = ["Bins", "bins", "complete"]


class Bins(NamedTuple):
    """Room to compute in: items as they were taken; and for every bin its first, its sum, and what may be wasted."""

    taken: Int64
    first: Int64
    sum: Int64
    waste: Int64


def bins(n: int, most: int) -> Bins:
    """Give room for `n` items in at most `most` bins."""
    return Bins(np.zeros(n + 1, np.int64), *(np.zeros(most + 1, np.int64) for _ in range(3)))


@bare
def complete(items: Any, n: Any, count: Any, size: Any, limit: Any, at: Any, bin_of: Any) -> bool:
    """Put items into `count` bins of a size.

    Parameters
    ----------
    items : ndarray of int64
        The first `n` of them, falling.
    n, count, size : int
    limit : int
        Fillings to try.
    at : Bins
    bin_of : ndarray of int64
        The bin of each item, filled in.

    Returns
    -------
    bool
        False, if there is no way, or none was found within the limit.
    """
    left = np.int64(0)
    for i in range(n):
        bin_of[i] = -1
        left += items[i]
    if count * size < left or (n > 0 and items[0] > size):
        return False
    at.waste[0], top, b, i = count * size - left, 0, 0, 0
    opening, tried = True, 0
    while True:
        if opening:
            while i < n and bin_of[i] >= 0:
                i += 1
            if i == n:
                return True
            if b == count - 1:
                for k in range(n):
                    bin_of[k] = b if bin_of[k] < 0 else bin_of[k]
                return True  # what is left fits: no more than allowed was wasted
            at.first[b], at.sum[b], at.taken[top], bin_of[i] = top, items[i], i, b
            left, top, i = left - items[i], top + 1, i + 1
        for k in range(i, n):
            if bin_of[k] < 0 and at.sum[b] + items[k] <= size:
                at.sum[b], at.taken[top], bin_of[k] = at.sum[b] + items[k], k, b
                left, top = left - items[k], top + 1
        tried += 1
        opening = size - at.sum[b] <= at.waste[b]
        if opening:
            at.waste[b + 1] = at.waste[b] - (size - at.sum[b])
            b, i = b + 1, 0
            continue
        if tried > limit:
            return False
        while True:  # back, to the last item that may be left out
            while top == at.first[b] + 1:
                top -= 1
                left += items[at.taken[top]]
                bin_of[at.taken[top]] = -1
                b -= 1
                if b < 0:
                    return False
            top -= 1
            out = at.taken[top]
            at.sum[b], left, bin_of[out] = at.sum[b] - items[out], left + items[out], -1
            i = out + 1
            while i < n and (bin_of[i] >= 0 or items[i] == items[out]):
                i += 1
            rest, needed = np.int64(0), size - at.waste[b] - at.sum[b]
            for k in range(i, n):
                if rest >= needed:
                    break
                if bin_of[k] < 0:
                    rest += items[k]
            if rest >= needed:
                break

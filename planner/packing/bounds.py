"""Lower bounds for independent tasks on equal slots."""

from __future__ import annotations

import numpy as np

from planner.model.arrays import Int64
from planner.packing.lpt import heaviest_first

__all__ = ["least_makespan"]


def least_makespan(times: Int64, slots: int) -> int:
    """Give a makespan that no packing can be below.

    - The longest task, and the mean load of a slot, rounded up.
    - Of the ``k m + 1`` longest tasks some slot has to take ``k + 1``: at least as long as the shortest of them
      together (M. Dell'Amico, S. Martello, Optimal scheduling of tasks on identical parallel processors, ORSA Journal
      on Computing 7(2), 1995, bound L2, doi:10.1287/ijoc.7.2.191).
    - The same in multiples of the greatest common divisor of all times.

    Parameters
    ----------
    times : ndarray of int64, shape (n,)
        At least 0.
    slots : int
        At least 1.

    Examples
    --------
    >>> least_makespan(np.array([5, 5, 5, 2]), 2)
    10
    """
    n = len(times)
    if n == 0:
        return 0
    longest = times[heaviest_first(times)]
    unit = int(np.gcd.reduce(times)) or 1
    total = np.concatenate([[0], np.cumsum(longest)])
    best = max(int(longest[0]), -(-int(total[-1]) // slots))
    k = np.arange(1, (n - 1) // slots + 1)
    if len(k):
        best = max(best, int((total[k * slots + 1] - total[k * slots - k]).max()))
    return -(-best // unit) * unit

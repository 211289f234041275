"""The linear relaxation of assigning tasks to unrelated slots: a bound, prices, and a rounded assignment.

J. K. Lenstra, D. B. Shmoys, É. Tardos, Approximation algorithms for scheduling unrelated parallel machines,
Mathematical Programming 46, 1990, 259–271, doi:10.1007/BF01585745: a vertex of the relaxation parts at most as many
tasks as there are slots.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from planner.model.arrays import Bool, Float64, Int64

__all__ = ["Relaxed", "lp_rounding"]


class Relaxed(NamedTuple):
    """What the relaxation tells.

    Attributes
    ----------
    bound : int
        No assignment over the same columns is shorter.
    value : float
        The makespan of the relaxation.
    price : ndarray of float64, shape (slots,)
        What a unit of time is worth on each slot; they sum to 1.
    reduced : ndarray of float64, shape (n, slots)
        By how much a task costs more on a slot than on its cheapest, at these prices.
    slot : ndarray of int64, shape (n,)
        For every task the slot that has most of it.
    """

    bound: int
    value: float
    price: Float64
    reduced: Float64
    slot: Int64


def lp_rounding(times: Int64, allowed: Bool, ready: Int64) -> Relaxed | None:
    """Solve the relaxation with HiGHS and round it.

    Parameters
    ----------
    times : ndarray of int64, shape (n, slots)
    allowed : ndarray of bool, shape (n, slots)
        Columns of the linear program.
    ready : ndarray of int64, shape (slots,)
        When each slot is free.

    Returns
    -------
    Relaxed or None
        None, if the solver gives up.

    Examples
    --------
    >>> times = np.array([[4, 1], [2, 6], [3, 3]])
    >>> relaxed = lp_rounding(times, times > 0, np.zeros(2, dtype=np.int64))
    >>> relaxed.bound, relaxed.value
    (3, 3.0)
    """
    from scipy.optimize import linprog  # takes longer to import than most plans take
    from scipy.sparse import coo_array

    (n, slots), scale = times.shape, float(times[allowed].mean()) or 1.0
    task, slot = np.nonzero(allowed)
    columns = np.arange(len(task))
    loads = coo_array(
        (
            np.concatenate([times[task, slot] / scale, -np.ones(slots)]),
            (np.concatenate([slot, np.arange(slots)]), np.concatenate([columns, np.full(slots, len(task))])),
        )
    ).tocsr()
    once = coo_array((np.ones(len(task)), (task, columns)), shape=(n, len(task) + 1)).tocsr()
    solved = linprog(
        np.append(np.zeros(len(task)), 1.0),
        A_ub=loads,
        b_ub=-ready / scale,
        A_eq=once,
        b_eq=np.ones(n),
        bounds=(0, None),
        method="highs-ds",
    )
    if solved.status != 0:
        return None
    price = np.maximum(0.0, -solved.ineqlin.marginals)
    price = price / price.sum() if price.any() else np.full(slots, 1 / slots)
    cost = np.where(allowed, price[None, :] * times, np.inf)
    cheapest = cost.min(axis=1)
    # Weak duality holds for any prices: what the solver rounds cannot make the bound too high.
    bound = math.ceil(float(cheapest.sum() + price @ ready) * (1 - 1e-12) - 1e-6)
    share = np.zeros((n, slots))
    share[task, slot] = solved.x[:-1]
    return Relaxed(bound, float(solved.fun) * scale, price, cost - cheapest[:, None], share.argmax(axis=1))

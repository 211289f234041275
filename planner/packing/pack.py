"""``pack(...)``: independent tasks on equal slots, by whatever pays."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from planner.model.arrays import Int64
from planner.packing.bounds import least_makespan
from planner.packing.lpt import lpt
from planner.packing.multifit import multifit
from planner.packing.repartition import repartition

__all__ = ["Packed", "pack"]

_MOST_MULTIFIT = 10**8
"""Tasks times slots up to which MULTIFIT takes less than some seconds."""


class Packed(NamedTuple):
    """The slot of each task, the longest load, what none can be below, and how it was found."""

    slot: Int64
    makespan: int
    lower_bound: int
    method: str
    tried: int


def pack(
    times: ArrayLike,
    slots: int,
    *,
    seed: int = 0,
    iterations: int = 2000,
    stop: Callable[[], bool] = lambda: False,
    chunk: int = 20,
) -> Packed:
    """Pack tasks: LPT, MULTIFIT, and then re-partition of a few slots at a time, until the lower bound is met.

    Parameters
    ----------
    times : array_like of int, shape (n,)
        At least 0.
    slots : int
        At least 1.
    seed : int
    iterations : int
        How often slots are dealt out anew, at most.
    stop : callable
        Asked between chunks whether to stop.
    chunk : int
        Deals between two questions.

    Raises
    ------
    ValueError
        For times below 0, or no slot.

    Examples
    --------
    >>> packed = pack([3, 3, 2, 2, 2], 2)
    >>> packed.makespan, packed.lower_bound, packed.method
    (6, 6, 'multifit')
    """
    takes = np.ascontiguousarray(times, dtype=np.int64)
    if slots < 1 or (takes < 0).any():
        raise ValueError("expected times of 0 or more, and at least one slot")
    bound = least_makespan(takes, slots)
    slot, method, tried = lpt(takes, np.ones(slots))[0], "lpt", 0
    best = _makespan(takes, slot, slots)
    if best > bound and len(takes) * slots <= _MOST_MULTIFIT:
        other = multifit(takes, slots)
        if _makespan(takes, other, slots) < best:
            slot, best, method = other, _makespan(takes, other, slots), "multifit"
    while best > bound and tried < iterations and not stop():
        count = min(chunk, iterations - tried)
        slot, _ = repartition(takes, slot, slots, enough=bound, seed=seed * 1_000_003 + tried, count=count)
        now, tried = _makespan(takes, slot, slots), tried + count
        if now < best:
            best, method = now, "repartition"
    return Packed(slot, best, bound, method, tried)


def _makespan(times: Int64, slot: Int64, slots: int) -> int:
    load = np.zeros(slots, dtype=np.int64)
    np.add.at(load, slot, times)
    return int(load.max(initial=0))

"""``assign(...)``: independent tasks on slots that take times of their own for each, by whatever pays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from planner.model.arrays import Bool, Int64
from planner.packing.earliest_completion import earliest_completion
from planner.packing.lp_rounding import Relaxed, lp_rounding
from planner.packing.pack import Packed
from planner.packing.reduced_cost_annealing import columns, held, walk

__all__ = ["assign"]

_MOST_COLUMNS = 200_000
"""Tasks times slots up to which the linear program takes no longer than a second or so."""

_ROUNDS = 4
_WIDE = 1
"""The round that goes through all columns: where the relaxation tells little, a narrow one is shut in."""

_HOT, _COLD = 0.4, 0.02
"""First and last temperature of a round, in parts of what is between bound and best, by slots."""

_FEW = 20
"""Hotter, if that is more: this many times the makespan over the cube of the tasks. Few tasks mean high barriers."""

_CHUNK = 50_000
"""Moves between two questions whether to stop: some milliseconds."""


def assign(
    times: ArrayLike,
    *,
    allowed: ArrayLike | None = None,
    ready: ArrayLike | None = None,
    start: Int64 | None = None,
    seed: int = 0,
    iterations: int = 10_000_000,
    used: Callable[[], float] | None = None,
) -> Packed:
    """Assign tasks: earliest completion, LP rounding, and then annealing at the prices of the linear program.

    Parameters
    ----------
    times : array_like of int, shape (n, slots)
        At least 0.
    allowed : array_like of bool, shape (n, slots), optional
        Which slots may take each task: at least one. All, if left out.
    ready : array_like of int, shape (slots,), optional
        When each slot is free; at once, if left out.
    start : ndarray of int64, shape (n,), optional
        An assignment to improve on.
    seed : int
    iterations : int
        Moves to try, where time is not what counts.
    used : callable, optional
        Tells which part of the time is used up, from 0 to 1; then moves are not counted.

    Raises
    ------
    ValueError
        For times below 0, a task without a slot, or shapes that differ.

    Examples
    --------
    >>> assigned = assign([[4, 1], [2, 6], [3, 3]])
    >>> assigned.makespan, assigned.lower_bound, assigned.method
    (4, 3, 'lp_rounding')
    """
    takes = np.ascontiguousarray(times, dtype=np.int64)
    may = np.ones(takes.shape, dtype=bool) if allowed is None else np.ascontiguousarray(allowed, dtype=bool)
    free = np.zeros(takes.shape[1], np.int64) if ready is None else np.ascontiguousarray(ready, dtype=np.int64)
    if may.shape != takes.shape or free.shape != takes.shape[1:] or (takes[may] < 0).any() or not may.any(axis=1).all():
        raise ValueError("expected times of 0 or more, and for every task a slot that may take it")
    slot, _ = earliest_completion(takes, may, free)
    best, method = _makespan(takes, slot, free), "earliest_completion"
    if start is not None and _makespan(takes, start, free) < best:
        slot, best, method = start.astype(np.int64), _makespan(takes, start, free), "start"
    bound = int(np.where(may, takes + free, np.iinfo(np.int64).max).min(axis=1).max(initial=free.max()))
    if bound >= best or takes.size > _MOST_COLUMNS:
        return Packed(slot, best, bound, method, 0)
    relaxed = lp_rounding(takes, may & (takes < best), free)
    if relaxed is None:
        return Packed(slot, best, bound, method, 0)
    # A column as long as the best assignment is in no shorter one.
    bound = max(bound, min(best, relaxed.bound))
    if (rounded := _makespan(takes, relaxed.slot, free)) < best:
        slot, best, method = relaxed.slot.astype(np.int64), rounded, "lp_rounding"
    tried = 0
    if best > bound:
        before = best
        slot, best, tried = _anneal(takes, may, free, relaxed, slot, best, bound, seed, iterations, used)
        method = "reduced_cost_annealing" if best < before else method
    return Packed(slot, best, bound, method, tried)


def _anneal(
    takes: Int64, may: Bool, free: Int64, relaxed: Relaxed, slot: Int64, best: int, bound: int, seed: int,
    iterations: int, used: Callable[[], float] | None,
) -> tuple[Int64, int, int]:  # fmt: skip
    """Walk in rounds, each from the best assignment so far, halfway towards the bound."""
    tried, slots = 0, takes.shape[1]
    for number in range(_ROUNDS):
        chosen = columns(takes, may, relaxed, slot, best, wide=number == _WIDE)
        now, span = slot.copy(), best - relaxed.value
        room, load = held(now, slots), _loads(takes, now, free)
        while best > bound:
            count = _CHUNK if used else min(_CHUNK, iterations * (number + 1) // _ROUNDS - tried)
            part = (used() if used else tried / max(1, iterations)) * _ROUNDS - number
            if count <= 0 or part >= 1:
                break
            hottest = _HOT * max(span / slots, _FEW * best / len(now) ** 3)
            heat = max(1e-9, hottest * (_COLD / _HOT) ** max(0.0, part))
            best = int(
                walk(
                    chosen,
                    room,
                    now,
                    load,
                    slot,
                    best,
                    bound,
                    relaxed.value + span / 2,
                    heat,
                    seed * 1_000_003 + tried,
                    count,
                )
            )
            tried += count
    return slot, best, tried


def _loads(times: Int64, slot: Int64, ready: Int64) -> Int64:
    load = ready.copy()
    np.add.at(load, slot, times[np.arange(len(slot)), slot])
    return load


def _makespan(times: Int64, slot: Int64, ready: Int64) -> int:
    return int(_loads(times, slot, ready).max(initial=0))

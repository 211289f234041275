"""What lies between a beginning and an end, against what there is to take it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from planner.bounds.spans import Spans, least_allowed
from planner.cost import Problem
from planner.model.arrays import Bool, Float64, Int64
from planner.model.plan import Bound
from planner.model.units import format_bytes, format_seconds

__all__ = ["capacity", "memory", "pigeonhole", "staggered_window"]

_THRESHOLDS = 256
_MOST_ROWS = 8


def capacity(problem: Problem, spans: Spans) -> Iterator[Bound]:
    """Work against the slots that may take it, in microseconds of speed 1."""
    load: Float64 = least_allowed(problem, problem.time_us * problem.class_speed[None, :])
    speed = problem.class_speed[problem.executor_class[problem.slot_executor]]
    us, head, tail = _window(spans, load, float(speed.sum()))
    yield Bound(us, _words(us, head, tail, "the work of all tasks fills", "tasks", f"{problem.n_slots} slots"))
    for row in _restricted(problem):
        inside = ~(problem.place & ~problem.place[row]).any(axis=1)
        tasks, slots = inside[problem.place_row], problem.place[row][problem.slot_executor]
        us, head, tail = _window(spans.of(tasks), load[tasks], float(speed[slots].sum()))
        which, where = _named(problem, tasks, int(slots.sum()))
        yield Bound(us, _words(us, head, tail, f"{which} fill", which, where))


def memory(problem: Problem, spans: Spans) -> Iterator[Bound]:
    """Memory times time against the memory of all executors."""
    if (problem.executor_memory < 0).any() or not problem.memory_bytes.any():
        return
    total = int(problem.executor_memory.sum())
    us, head, tail = _window(spans, problem.memory_bytes.astype(np.float64) * spans.shortest, float(total))
    where = f"the executors' memory of {format_bytes(total)}"
    yield Bound(us, _words(us, head, tail, "what all tasks hold fills", "tasks", where))


def pigeonhole(problem: Problem, spans: Spans) -> Iterator[Bound]:
    """Deal the longest tasks out: some slot has to take several of them."""
    m = problem.n_slots
    k = np.arange(1, (problem.n - 1) // m + 1)
    if not len(k):
        return
    longest = spans.of(np.argsort(-spans.shortest, kind="stable"))
    total = np.concatenate([[0], np.cumsum(longest.shortest)])
    together = total[k * m + 1] - total[k * m - k]  # the k + 1 shortest of them
    head, tail = np.minimum.accumulate(longest.head)[k * m], np.minimum.accumulate(longest.tail)[k * m]
    bounds = head + together + tail
    best = int(bounds.argmax())
    count, share = int(k[best]) * m + 1, int(k[best]) + 1
    reason = f"of the {count} longest tasks some slot has to run {share}, one after the other"
    yield Bound(int(bounds[best]), reason)


def _restricted(problem: Problem) -> list[int]:
    """Give rows of `Problem.place` that leave executors out, the ones with the most work for their slots first."""
    rows = np.flatnonzero(~problem.place.all(axis=1) & problem.place.any(axis=1))
    if not len(rows):
        return []
    work = np.bincount(problem.place_row, weights=problem.time_us.min(axis=1), minlength=len(problem.place))
    slots = problem.place @ np.bincount(problem.slot_executor, minlength=problem.n_executors)
    return rows[np.argsort(-work[rows] / slots[rows], kind="stable")][:_MOST_ROWS].tolist()  # type: ignore[no-any-return]


def _named(problem: Problem, tasks: Bool, slots: int) -> tuple[str, str]:
    """Name tasks that only some slots may take: by their size, if that is what keeps them from the others."""
    limits = problem.executor_memory[problem.executor_memory >= 0]
    smallest = int(problem.memory_bytes[tasks].min(initial=np.iinfo(np.int64).max))
    below = limits[limits < smallest]
    if len(below) and (tasks == (problem.memory_bytes > below.max())).all():
        return f"tasks of more than {format_bytes(int(below.max()))}", f"the {slots} slots that can hold them"
    return f"{int(tasks.sum())} tasks that may not run just anywhere", f"the {slots} slots that may take them"


def _window(spans: Spans, load: Float64, capacity: float) -> tuple[int, int, int]:
    """Maximum over thresholds (h, t) of h + t + the load of tasks with head >= h and tail >= t, over the capacity."""
    h, t, least = _inside(spans.head, spans.tail, load, capacity)
    bounds = np.where(least > 0, h[:, None] + t[None, :] + np.ceil(least - 1e-6).astype(np.int64), 0)
    i, j = np.unravel_index(int(bounds.argmax()), bounds.shape)
    return int(bounds[i, j]), int(h[i]), int(t[j])


def staggered_window(
    head: Int64, tail: Int64, load: Float64, capacity: tuple[float, float], soonest: tuple[int | None, int | None]
) -> int:
    """Maximum over thresholds where one executor can begin sooner, and one can end later, than all others.

    Parameters
    ----------
    head, tail : ndarray of int64
        On all other executors.
    load : ndarray of float64
    capacity : tuple of float
        Of all executors, and the most that one has.
    soonest : tuple of int or None
        From when on the one executor can begin, and how long before the end the other has to be done: None, where all
        are alike.
    """
    h, t, least = _inside(head, tail, load, capacity[0])
    total, most = capacity
    begin = h[:, None] if soonest[0] is None else np.minimum(h[:, None], soonest[0])
    end = t[None, :] if soonest[1] is None else np.minimum(t[None, :], soonest[1])
    gained = (h[:, None] - begin) + (t[None, :] - end)
    # The others take part, or they do not; then both of those executors do, or one that is both of them.
    bounds = np.minimum(h[:, None] + t[None, :] + least - most / total * gained, begin + end + least * total / most)
    if soonest[0] is not None and soonest[1] is not None:
        bounds = np.minimum(bounds, begin + end + least * total / (2 * most) + gained / 2)
    return int(np.where(least > 0, np.ceil(bounds * (1 - 2**-40) - 1e-6), 0).max())


def _inside(head: Int64, tail: Int64, load: Float64, capacity: float) -> tuple[Int64, Int64, Float64]:
    """Give thresholds, and over the capacity the load of tasks with head and tail of at least each pair of them."""
    h, t = _thresholds(head), _thresholds(tail)
    cells = np.zeros((len(h), len(t)))
    row = np.searchsorted(h, head, side="right") - 1
    column = np.searchsorted(t, tail, side="right") - 1
    np.add.at(cells, (row, column), load)
    inside = cells[::-1, ::-1].cumsum(axis=0).cumsum(axis=1)[::-1, ::-1]
    # Sums of whole numbers are exact; others may come out too large by the rounding of every addition.
    whole = float(capacity).is_integer() and bool((load == np.rint(load)).all()) and inside.max() < 2**53
    return h, t, inside / capacity * (1.0 if whole else 1 - (len(load) + 1000) * 2**-52)


def _thresholds(values: Int64) -> Int64:
    """0 and at most some hundred of the values, spread evenly over the tasks."""
    distinct = np.unique(values)
    if len(distinct) > _THRESHOLDS:
        distinct = np.unique(np.quantile(values, np.linspace(0, 1, _THRESHOLDS), method="lower"))
    return np.union1d(distinct, [0])


def _words(us: int, head: int, tail: int, all_of_it: str, which: str, where: str) -> str:
    if head == 0 and tail == 0:
        return f"{all_of_it} {where} for {format_seconds(us)}"
    ends = [f"cannot start before {format_seconds(head)}"] if head else []
    ends += [f"have {format_seconds(tail)} behind them"] if tail else []
    return f"{which} that {' and '.join(ends)} fill {where} for {format_seconds(us - head - tail)}"

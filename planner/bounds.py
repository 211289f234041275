"""Lower bounds: makespans that no plan can be below, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Bool, Float64, Int32, Int64
from planner.model.compiled import compiled
from planner.model.plan import Bound
from planner.model.units import format_bytes, format_seconds

__all__ = ["lower_bound"]

_THRESHOLDS = 256
_MOST_LIMITS = 8


def lower_bound(problem: Problem) -> Bound:
    """Give the strongest of the cheap bounds.

    - The critical path, every task on the fastest executor that can hold it.
    - The work of all tasks over the capacity of all slots; and, between the two, of the tasks that lie at least `head`
      behind the beginning and at least `tail` before the end: those have to fit between, on all slots (Fernandez &
      Bussell 1973, doi:10.1109/TC.1973.5009153, over thresholds of heads and tails). The same for tasks that only some
      executors can hold, and for memory instead of slots.
    - Of the ``k m + 1`` longest tasks, some slot of ``m`` has to take ``k + 1`` (Graham 1969, doi:10.1137/0117039).

    Where nothing is sent and all times are multiples of one unit, a bound is rounded up to that unit.

    Examples
    --------
    >>> from planner.model import Cluster, Graph
    >>> graph = Graph.from_arrays(work=[1, 1, 1])
    >>> lower_bound(Problem.of(graph, Cluster.uniform(2)))
    Bound(us=2000000, reason='of the 3 longest tasks some slot has to run 2, one after the other')
    """
    if problem.n == 0:
        return Bound(0, "there is nothing to do")
    rows = problem.order, problem.pred_ptr, problem.pred, problem.succ_ptr, problem.succ
    shortest = _shortest(problem)
    if not problem.fresh:
        return max(_remaining(problem, shortest), key=lambda bound: bound.us)
    end, tail = _heads_and_tails(*rows, shortest)
    spans = _Spans(end - shortest, tail - shortest, shortest)
    path = int((end + tail - shortest).max())
    critical = Bound(path, f"the critical path takes {format_seconds(path)} on the fastest executors")
    bounds = [critical, *_capacity(problem, spans), *_memory(problem, spans), *_pigeonhole(problem, spans)]
    return _rounded(problem, max(bounds, key=lambda bound: bound.us))


def _remaining(problem: Problem, shortest: Int64) -> Iterator[Bound]:
    """Bounds on a plan of which a part has begun."""
    left = problem.fixed_slot < 0
    ends = int(problem.fixed_finish_us.max(initial=0))
    yield Bound(ends, f"what has begun ends after {format_seconds(ends)}")
    if not left.any():
        return
    soonest = int(problem.slot_ready_us.min())
    rows = problem.order, problem.pred_ptr, problem.pred, problem.succ_ptr, problem.succ
    path = _longest_left(*rows, np.where(left, shortest, 0), np.where(left, soonest, problem.fixed_finish_us), left)
    yield Bound(path, f"the critical path of what is left takes until {format_seconds(path)} on the fastest executors")
    load = (problem.time_us * problem.class_speed[None, :]).min(axis=1)[left].sum() * (1 - len(shortest) * 2**-52)
    order = np.argsort(problem.slot_ready_us)
    speed = problem.class_speed[problem.executor_class[problem.slot_executor]][order]
    ready = problem.slot_ready_us[order].astype(np.float64)
    # The first k slots fill up until they end together; with the right k that is before the next one is free.
    level = (load + np.cumsum(speed * ready)) / np.cumsum(speed)
    us = int(np.floor(level.min() * (1 - 2**-40)))
    yield Bound(us, f"the work that is left fills {problem.n_slots} slots until {format_seconds(us)}")


@compiled
def _longest_left(
    order: Int32, pred_ptr: Int64, pred: Int32, succ_ptr: Int64, succ: Int32, time: Int64, soonest: Int64, left: Bool
) -> Any:
    end, longest = soonest.copy(), np.int64(0)
    for k in range(len(order)):
        task = order[k]
        if left[task]:
            for i in range(pred_ptr[task], pred_ptr[task + 1]):
                end[task] = max(end[task], end[pred[i]])
            end[task] += time[task]
            longest = max(longest, end[task])
    return longest


class _Spans(NamedTuple):
    """The least time before each task, behind it, and of itself; each of shape (n,)."""

    head: Int64
    tail: Int64
    shortest: Int64

    def of(self, tasks: Any) -> _Spans:
        return _Spans(self.head[tasks], self.tail[tasks], self.shortest[tasks])


def _limits(problem: Problem) -> list[int]:
    """Memory sizes of executors that some tasks exceed, ascending; of many, the largest."""
    limits = np.unique(problem.executor_memory[problem.executor_memory >= 0])
    return limits[limits < problem.memory_bytes.max(initial=0)][-_MOST_LIMITS:].tolist()  # type: ignore[no-any-return]


def _holding(problem: Problem, limit: int) -> Bool:
    """Give the executors with more memory than `limit`; shape (executors,)."""
    return (problem.executor_memory < 0) | (problem.executor_memory > limit)


def _shortest(problem: Problem) -> Int64:
    shortest: Int64 = problem.time_us.min(axis=1)
    for limit in _limits(problem):
        large = problem.memory_bytes > limit
        classes = np.unique(problem.executor_class[_holding(problem, limit)])
        shortest[large] = problem.time_us[np.ix_(large, classes)].min(axis=1)
    return shortest


def _capacity(problem: Problem, spans: _Spans) -> Iterator[Bound]:
    """Work against the slots that may take it, in microseconds of speed 1."""
    load: Float64 = (problem.time_us * problem.class_speed[None, :]).min(axis=1)
    speed = problem.class_speed[problem.executor_class[problem.slot_executor]]
    us, head, tail = _window(spans, load, float(speed.sum()))
    yield Bound(us, _words(us, head, tail, "the work of all tasks fills", "tasks", f"{problem.n_slots} slots"))
    for limit in _limits(problem):
        large, slots = problem.memory_bytes > limit, _holding(problem, limit)[problem.slot_executor]
        us, head, tail = _window(spans.of(large), load[large], float(speed[slots].sum()))
        which = f"tasks of more than {format_bytes(limit)}"
        where = f"the {slots.sum()} slots that can hold them"
        yield Bound(us, _words(us, head, tail, f"{which} fill", which, where))


def _memory(problem: Problem, spans: _Spans) -> Iterator[Bound]:
    """Memory times time against the memory of all executors."""
    if (problem.executor_memory < 0).any() or not problem.memory_bytes.any():
        return
    total = int(problem.executor_memory.sum())
    us, head, tail = _window(spans, problem.memory_bytes.astype(np.float64) * spans.shortest, float(total))
    where = f"the executors' memory of {format_bytes(total)}"
    yield Bound(us, _words(us, head, tail, "what all tasks hold fills", "tasks", where))


def _pigeonhole(problem: Problem, spans: _Spans) -> Iterator[Bound]:
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


@compiled
def _heads_and_tails(order: Int32, pred_ptr: Int64, pred: Int32, succ_ptr: Int64, succ: Int32, time: Int64) -> Any:
    head, tail = np.zeros(len(order), np.int64), np.zeros(len(order), np.int64)
    for k in range(len(order)):
        task = order[k]
        longest = np.int64(0)
        for i in range(pred_ptr[task], pred_ptr[task + 1]):
            longest = max(longest, head[pred[i]])
        head[task] = longest + time[task]  # earliest end
    for k in range(len(order) - 1, -1, -1):
        task = order[k]
        longest = np.int64(0)
        for i in range(succ_ptr[task], succ_ptr[task + 1]):
            longest = max(longest, tail[succ[i]])
        tail[task] = longest + time[task]
    return head, tail


def _window(spans: _Spans, load: Float64, capacity: float) -> tuple[int, int, int]:
    """Maximum over thresholds (h, t) of h + t + the load of tasks with head >= h and tail >= t, over the capacity."""
    h, t = _thresholds(spans.head), _thresholds(spans.tail)
    cells = np.zeros((len(h), len(t)))
    row = np.searchsorted(h, spans.head, side="right") - 1
    column = np.searchsorted(t, spans.tail, side="right") - 1
    np.add.at(cells, (row, column), load)
    inside = cells[::-1, ::-1].cumsum(axis=0).cumsum(axis=1)[::-1, ::-1]
    # Sums of whole numbers are exact; others may come out too large by the rounding of every addition.
    whole = float(capacity).is_integer() and bool((load == np.rint(load)).all()) and inside.max() < 2**53
    least = inside / capacity * (1.0 if whole else 1 - (len(load) + 1000) * 2**-52)
    bounds = np.where(inside > 0, h[:, None] + t[None, :] + np.ceil(least - 1e-6).astype(np.int64), 0)
    i, j = np.unravel_index(int(bounds.argmax()), bounds.shape)
    return int(bounds[i, j]), int(h[i]), int(t[j])


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


def _rounded(problem: Problem, bound: Bound) -> Bound:
    if not problem.free_network:
        return bound
    unit = int(np.gcd.reduce(np.unique(problem.time_us)))
    up = -(-bound.us // unit) * unit if unit > 1 else bound.us
    if up == bound.us:
        return bound
    return Bound(up, f"{bound.reason}; in steps of {format_seconds(unit)} that is {format_seconds(up)}")

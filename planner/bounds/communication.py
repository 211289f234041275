"""Heads and tails with the sending that cannot be avoided.

Where a task starts before the value of another could have been sent to it, both run on one executor. All of those
together have to fit on that executor's slots before the task starts: so either they take long one after the other, or
some value is sent. M. A. Al-Mouhamed, Lower bound on the number of processors and time for scheduling precedence graphs
with communication costs, IEEE Transactions on Software Engineering 16(12), 1990, doi:10.1109/32.62447, here with
executors of several classes, of several slots each, and with tasks that may not share an executor.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Bool, Int64
from planner.model.compiled import bare, compiled

__all__ = ["heads_and_tails_with_sending", "least_sending", "pays"]

_MOST_CELLS = 4_000_000
"""Edges times classes of executors up to which it takes well below a second."""

_MOST_CLASSES, _MOST_ROWS = 16, 64
"""With more classes of executors all are taken for one; with more rows of `Problem.place` any two tasks may meet."""

_FAR = np.int64(2**61)


def pays(problem: Problem) -> bool:
    """Tell whether values take time on their way, and the graph is not too large."""
    classes = problem.time_us.shape[1]
    cells = len(problem.pred) * (classes if classes <= _MOST_CLASSES else 1)
    return 0 < cells <= _MOST_CELLS and not problem.free_network


def heads_and_tails_with_sending(problem: Problem) -> tuple[Int64, Int64, int]:
    """Find the least time before and behind each task.

    Returns
    -------
    head, tail : ndarray of int64, shape (n,)
    path : int
        The longest path.
    """
    times, slots, meet = _by_class(problem)
    row = problem.place_row if len(meet) > 1 else np.zeros(problem.n, np.int32)
    edge_us, apart, order = least_sending(problem), problem.apart, problem.order
    forward = problem.pred_ptr, problem.pred, np.arange(len(problem.pred))
    backward = problem.succ_ptr, problem.succ, problem.succ_edge
    ends = _earliest_ends(order, *forward, edge_us, times, slots, meet, row, apart)
    lasts = _earliest_ends(order[::-1].copy(), *backward, edge_us, times, slots, meet, row, apart)
    open_to = times < _FAR
    through = np.where(open_to, ends + lasts - times, _FAR).min(axis=1)
    head, tail = (np.where(open_to, found - times, _FAR).min(axis=1) for found in (ends, lasts))
    return head, tail, int(through.max(initial=0))


def _by_class(problem: Problem) -> tuple[Int64, Int64, Bool]:
    """Give times by class, `_FAR` where a class may not take a task; most slots of an executor; and who may meet.

    Tasks of rows ``a`` and ``b`` of `Problem.place` may be on one executor of class ``c`` if ``meet[a, b, c]``.
    """
    kind, count = problem.executor_class, problem.time_us.shape[1]
    few_rows = len(problem.place) <= _MOST_ROWS
    if count > _MOST_CLASSES:
        kind, count = np.zeros_like(kind), 1
    slots = np.zeros(count, np.int64)
    np.maximum.at(slots, kind, np.bincount(problem.slot_executor))
    members = kind[:, None] == np.arange(count)[None, :]
    allowed = (problem.place.astype(np.int64) @ members) > 0
    times = np.where(allowed[problem.place_row], _times(problem, count), _FAR)
    meet = np.ones((1, 1, count), dtype=bool)
    if few_rows and len(problem.place) > 1:
        place = problem.place.astype(np.int64)
        meet = np.stack([(place * members[:, c]) @ place.T > 0 for c in range(count)], axis=2)
    return np.ascontiguousarray(times), slots, np.ascontiguousarray(meet)


def _times(problem: Problem, count: int) -> Int64:
    return problem.time_us if count == problem.time_us.shape[1] else problem.time_us.min(axis=1)[:, None]


def least_sending(problem: Problem) -> Int64:
    """Give the least time that each edge takes between two executors; shape (m,)."""
    members = np.bincount(problem.network_class, minlength=len(problem.latency_us))
    pairs = (np.outer(members, members) - np.diag(members)) > 0
    latency, per_byte = int(problem.latency_us[pairs].min()), float(problem.us_per_byte[pairs].min())
    least: Int64 = latency + np.ceil(problem.edge_bytes * per_byte - 1e-6).astype(np.int64)
    return least


@compiled
def _earliest_ends(
    order: Any, ptr: Any, before: Any, edge: Any, edge_us: Any, times: Any, slots: Any, meet: Any, row: Any, apart: Any
) -> Any:
    """Give the earliest end of each task on each class; with successors for `before`, the same in time turned round."""
    n, classes = times.shape
    ends, soonest = np.full((n, classes), _FAR), np.full(n, _FAR)
    most = 1
    for task in range(n):
        most = max(most, ptr[task + 1] - ptr[task])
    arrives, release = np.zeros(most, np.int64), np.zeros(most, np.int64)
    length, rank = np.zeros(most, np.int64), np.zeros(most, np.int64)
    for k in range(n):
        task = order[k]
        for c in range(classes):
            if times[task, c] >= _FAR:
                continue
            floor, count = np.int64(0), 0
            for i in range(ptr[task], ptr[task + 1]):
                other = before[i]
                sent, here = soonest[other] + edge_us[edge[i]], ends[other, c]
                together = apart[task] < 0 or apart[task] != apart[other]
                if len(meet) > 1:
                    together = together and meet[row[task], row[other], c]
                if not together or here >= sent:
                    floor = max(floor, sent)
                else:
                    floor = max(floor, here)
                    arrives[count], length[count] = sent, times[other, c]
                    release[count] = here - times[other, c]
                    count += 1
            if count > 1:
                floor = _start(floor, arrives[:count], release[:count], length[:count], rank, slots[c])
            ends[task, c] = floor + times[task, c]
            soonest[task] = min(soonest[task], ends[task, c])
    return ends


@compiled
def _start(floor: Any, arrives: Any, release: Any, length: Any, rank: Any, slots: Any) -> Any:
    """Give the earliest start behind tasks whose values are there at `arrives`, unless they ran on the same executor.

    Those that arrive later than the start did, and had to fit there. With more of them on the executor the start gets
    later for that, and earlier for what is not waited for: the best number is found by halving.
    """
    count = len(arrives)
    late, by_release = np.argsort(-arrives), np.argsort(-release)
    for position in range(count):
        rank[late[position]] = position
    low, high = 0, count  # the fewest that are on the executor, so that they and not the others are waited for
    while low < high:
        middle = (low + high) // 2
        if _packed(middle, release, length, by_release, rank, slots) >= arrives[late[middle]]:
            high = middle
        else:
            low = middle + 1
    start = _packed(low, release, length, by_release, rank, slots)
    if low > 0:
        start = min(start, arrives[late[low - 1]])
    return max(floor, start)


@bare
def _packed(number: Any, release: Any, length: Any, by_release: Any, rank: Any, slots: Any) -> Any:
    """Give when the `number` tasks that arrive last can have been done on the slots of one executor."""
    together, done = np.int64(0), np.int64(0)
    for position in range(len(release)):
        i = by_release[position]
        if rank[i] < number:
            together += length[i]
            done = max(done, release[i] + (together + slots - 1) // slots)
    return done

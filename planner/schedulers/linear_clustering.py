"""Linear clustering: critical paths are kept together, one after another.

S. J. Kim, J. C. Browne, A general approach to mapping of parallel computations upon multiprocessor architectures,
International Conference on Parallel Processing, 1988, volume 3, 1–8. For graphs whose communication is heavy: no edge
of a path costs anything.
"""

from __future__ import annotations

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Float64, Int32, Int64
from planner.model.compiled import compiled
from planner.model.plan import Schedule
from planner.schedulers.list_schedule import list_schedule
from planner.schedulers.ranks import by_rank, upward_rank

__all__ = ["linear_clustering"]


def linear_clustering(problem: Problem, seed: int) -> Schedule:
    """Cut the graph into critical paths, and send each whole to the executor that would have done it first."""
    cluster = _paths(
        problem.order, problem.succ_ptr, problem.succ, problem.succ_edge, problem.mean_time_us, problem.mean_edge_us
    )
    slots = _to_slots(problem, cluster)
    return list_schedule(problem, by_rank(problem, upward_rank(problem)), slots=slots, insertion=True)


def _to_slots(problem: Problem, cluster: Int32) -> Int32:
    """Send clusters, the longest first, to the slots that would end them first, counting nothing but work."""
    count = int(cluster.max(initial=-1)) + 1
    times = np.zeros((count, problem.time_us.shape[1]))
    np.add.at(times, cluster, problem.time_us)
    takes = np.ones((count, problem.n_executors), dtype=bool)
    np.logical_and.at(takes, cluster, problem.place[problem.place_row])
    load = problem.slot_ready_us.astype(np.float64)
    of_slot = problem.executor_class[problem.slot_executor]
    sent = np.full(count, -1, dtype=np.int32)
    for number in np.argsort(-times.min(axis=1, initial=np.inf), kind="stable").tolist():
        ends = np.where(takes[number, problem.slot_executor], load + times[number, of_slot], np.inf)
        if np.isfinite(ends.min()):
            sent[number] = ends.argmin()
            load[sent[number]] = ends.min()
    slots = sent[cluster]
    slots[problem.apart >= 0] = -1  # where these may go depends on where the others of their group went
    return slots


@compiled
def _paths(
    order: Int32, succ_ptr: Int64, succ: Int32, succ_edge: Int64, time: Float64, edge: Float64
) -> Int32:  # fmt: skip
    """Give the number of the path that each task belongs to: the longest of what is left, again and again."""
    n = len(order)
    cluster, longest, following = np.full(n, -1, np.int32), np.zeros(n), np.full(n, -1, np.int32)
    left, number = n, 0
    while left > 0:
        head = -1
        for k in range(n - 1, -1, -1):
            task = order[k]
            if cluster[task] >= 0:
                continue
            longest[task], following[task] = 0.0, -1
            for i in range(succ_ptr[task], succ_ptr[task + 1]):
                after = succ[i]
                if cluster[after] < 0 and (following[task] < 0 or edge[succ_edge[i]] + longest[after] > longest[task]):
                    longest[task], following[task] = edge[succ_edge[i]] + longest[after], after
            longest[task] += time[task]
            if head < 0 or longest[task] >= longest[head]:
                head = task
        while head >= 0:
            cluster[head] = number
            head = following[head]
            left -= 1
        number += 1
    return cluster

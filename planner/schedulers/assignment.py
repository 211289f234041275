"""Assignment: the greatest sum of efficiencies, every executor taking no more than its share of the tasks.

H. W. Kuhn, The Hungarian method for the assignment problem, Naval Research Logistics Quarterly 2(1–2), 1955,
doi:10.1002/nav.3800020109; solved as in D. F. Crouse, On implementing 2D rectangular assignment algorithms, IEEE TAES
52(4), 2016, doi:10.1109/TAES.2016.140952, by scipy.
"""

from __future__ import annotations

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Float64, Int32
from planner.model.plan import Schedule
from planner.schedulers.list_schedule import list_schedule
from planner.schedulers.ranks import by_rank, upward_rank

__all__ = ["assign_exactly", "assign_greedily", "exact_cells", "schedule_assigned", "share_of"]


def share_of(problem: Problem) -> int:
    """Give the least number of tasks that every slot must be ready to take, so that all of them have a place.

    One, where there are no more tasks than slots and neither memory nor pins stand in the way.
    """
    groups = [(len(tasks), slots) for tasks, slots in problem.by_allowed_slots()]
    if len(groups) == 1:
        return max(1, -(-groups[0][0] // len(groups[0][1])))
    low, high = 1, max(1, problem.n)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _all_seated(groups, middle, problem.n_slots) else (middle + 1, high)
    return low


def _all_seated(groups: list[tuple[int, Int32]], share: int, n_slots: int) -> bool:
    """Tell whether slots with `share` seats each seat all groups: a maximum flow, groups to slots."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_flow

    source, sink = len(groups) + n_slots, len(groups) + n_slots + 1
    arcs = [(source, group, count) for group, (count, _) in enumerate(groups)]
    arcs += [(group, len(groups) + int(slot), count) for group, (count, slots) in enumerate(groups) for slot in slots]
    arcs += [(len(groups) + slot, sink, share) for slot in range(n_slots)]
    tail, head, capacity = np.array(arcs, dtype=np.int32).T
    flow = maximum_flow(csr_array((capacity, (tail, head)), shape=(sink + 1, sink + 1)), source, sink)
    return int(flow.flow_value) == sum(count for count, _ in groups)


def exact_cells(problem: Problem) -> int:
    """Give the size of the matrix that `assign_exactly` solves."""
    return problem.n * problem.n_slots * share_of(problem)


def assign_exactly(problem: Problem, efficiency: Float64) -> Int32:
    """Give the executor of each task, so that the sum of efficiencies is the greatest possible.

    Parameters
    ----------
    problem : Problem
    efficiency : ndarray of float64, shape (n, executors)
    """
    from scipy.optimize import linear_sum_assignment  # takes longer to import than most plans take

    values = np.where(problem.place[problem.place_row], efficiency, -np.inf)
    seats = np.repeat(problem.slot_executor, share_of(problem))
    _, chosen = linear_sum_assignment(values[:, seats], maximize=True)
    executors: Int32 = seats[chosen]
    return executors


def assign_greedily(problem: Problem, efficiency: Float64) -> Int32:
    """Give the executor of each task: tasks as they stand, each to the best executor with room.

    Tasks that few executors may take go first, so that the others leave them a place.
    """
    room = np.bincount(problem.slot_executor, minlength=problem.n_executors) * share_of(problem)
    holds = problem.place[problem.place_row]
    executors = np.empty(problem.n, dtype=np.int32)
    for task in np.argsort(holds.sum(axis=1), kind="stable").tolist():
        executors[task] = np.where((room > 0) & holds[task], efficiency[task], -np.inf).argmax()
        room[executors[task]] -= 1
    return executors


def schedule_assigned(problem: Problem, executors: Int32) -> Schedule:
    """Schedule tasks by falling upward rank, dealing those of an executor out to its slots in turn."""
    order = by_rank(problem, upward_rank(problem))
    slots = np.empty(problem.n, dtype=np.int32)
    for executor in range(problem.n_executors):
        tasks = order[executors[order] == executor]
        first, end = problem.first_slot[executor], problem.first_slot[executor + 1]
        slots[tasks] = first + np.arange(len(tasks)) % (end - first)
    return list_schedule(problem, order, slots=slots, insertion=True)

"""Spills: values that wait and find no room in memory beside the tasks that run."""

from __future__ import annotations

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Int64
from planner.model.cluster import Cluster
from planner.model.plan import Schedule
from planner.model.units import format_bytes

__all__ = ["spilled_bytes", "spills_told", "worth"]

_SHOWN = 8


def spills_told(problem: Problem, cluster: Cluster, schedule: Schedule) -> tuple[str, ...]:
    """Say what is spilled where; nothing, if nothing is."""
    spilled = spilled_bytes(problem, schedule)
    where = [f"{cluster.executors[e].id} ({format_bytes(int(spilled[e]))})" for e in np.flatnonzero(spilled)]
    if not where:
        return ()
    shown = ", ".join(where[:_SHOWN]) + (f" and {len(where) - _SHOWN} more" if len(where) > _SHOWN else "")
    return (f"values that wait find no room in memory and are spilled to disk, on executor {shown}",)


def spilled_bytes(problem: Problem, schedule: Schedule) -> Int64:
    """Give by how much the tasks and the values on each executor exceed its memory, at the worst moment.

    A task holds its memory while it runs; its value is held from its end until the last task that waits for it has
    started. A run keeps within memory all the same, because a slot writes values to its disk: that takes time which no
    plan knows of.

    Parameters
    ----------
    problem : Problem
    schedule : Schedule
        One that keeps the memory of tasks that run together.

    Returns
    -------
    ndarray of int64, shape (executors,)
        0 where memory is not limited.

    Examples
    --------
    >>> from planner.model import Cluster, Graph
    >>> graph = Graph.from_arrays(work=[1, 1, 1, 1], source=[0, 1, 2], target=[3, 3, 3], output=[3, 3, 3, 0])
    >>> one_after_another = Schedule(np.zeros(4, np.int32), np.arange(4), np.arange(1, 5))
    >>> spilled_bytes(Problem.of(graph, Cluster.uniform(1, memory_bytes=5)), one_after_another).tolist()
    [1]
    """
    most = np.zeros(problem.n_executors, dtype=np.int64)
    if not len(problem.waiting_bytes):
        return most
    waiting, executor = problem.waiting_bytes, problem.slot_executor[schedule.slot]
    taken = schedule.finish_us.copy()
    target = np.repeat(np.arange(problem.n), np.diff(problem.pred_ptr))
    np.maximum.at(taken, problem.pred, schedule.start_us[target])
    moments = np.concatenate([schedule.start_us, schedule.finish_us, taken])
    change = np.concatenate([problem.memory_bytes, waiting - problem.memory_bytes, -waiting])
    where = np.tile(executor, 3)
    order = np.lexsort((moments, where))
    held, moments, where = np.cumsum(change[order]), moments[order], where[order]
    # All that happens at one moment counts together. All that an executor held is gone before the next one begins.
    last = np.append((moments[1:] != moments[:-1]) | (where[1:] != where[:-1]), True)
    np.maximum.at(most, where[last], held[last] - problem.executor_memory[where[last]])
    return np.where(problem.executor_memory < 0, 0, most)


def worth(problem: Problem, schedule: Schedule) -> tuple[int, int]:
    """Give what schedules are compared by: bytes of values that are spilled, which takes time too, and the makespan."""
    return int(spilled_bytes(problem, schedule).sum()), schedule.makespan_us

"""PEFT: predict earliest finish time.

H. Arabnejad, J. G. Barbosa, List scheduling algorithm for heterogeneous systems by an optimistic cost table, IEEE TPDS
25(3), 2014, section 4, doi:10.1109/TPDS.2013.57.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Float64, Int64
from planner.model.compiled import bare, compiled
from planner.model.plan import Schedule
from planner.schedulers.apart import reserved
from planner.schedulers.kernel import ANYWHERE, BY_END, INTO_GAPS, arrays, clear, place_task, state
from planner.schedulers.ranks import ready_order
from planner.schedulers.room import memory_rule

__all__ = ["optimistic_cost", "peft"]


def peft(problem: Problem, seed: int) -> Schedule:
    """Take ready tasks by mean optimistic cost, each where its end and what must follow there are least.

    The optimistic cost of a task on an executor is the longest path behind it, every task of it on its best executor.
    It is the same for all executors of a class, so that the table has a column a class.
    """
    cost = optimistic_cost(problem)
    slots = np.bincount(problem.executor_class[problem.slot_executor], minlength=cost.shape[1])
    order = ready_order(problem, cost @ (slots / slots.sum()))
    bias, at = np.rint(cost).astype(np.int64), state(problem)
    bias.setflags(write=False)  # as `UNBIASED` is, which compiles to the same
    for whole in (problem, None):
        given = problem if whole is not None else replace(problem, **reserved(problem))
        if _place_all(arrays(given), at, order, bias, memory_rule(problem)):
            return Schedule(at.slot, at.start, at.finish)
    raise ValueError("tasks that are to be apart find no executor")


def optimistic_cost(problem: Problem) -> Float64:
    """Give the optimistic cost table (equation 5); shape (n, classes), in microseconds."""
    lists = problem.order, problem.succ_ptr, problem.succ, problem.succ_edge
    return _table(*lists, problem.time_us, problem.mean_edge_us)


@compiled
def _table(order: Any, succ_ptr: Any, succ: Any, succ_edge: Any, time_us: Int64, edge_us: Float64) -> Float64:
    classes = time_us.shape[1]
    cost = np.zeros((len(order), classes))
    for k in range(len(order) - 1, -1, -1):
        task = order[k]
        for i in range(succ_ptr[task], succ_ptr[task + 1]):
            after, away = succ[i], np.inf
            for c in range(classes):
                away = min(away, cost[after, c] + time_us[after, c])
            for c in range(classes):
                least = min(cost[after, c] + time_us[after, c], away + edge_us[succ_edge[i]])
                cost[task, c] = max(cost[task, c], least)
    return cost


@bare
def _place_all(p: Any, at: Any, order: Any, bias: Any, memory: Any) -> bool:
    clear(p, at)
    for k in range(len(order)):
        if p.fixed_slot[order[k]] < 0 and not place_task(p, at, order[k], ANYWHERE, BY_END, INTO_GAPS, memory, bias):
            return False
    return True

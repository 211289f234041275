"""``lower_bound(...)``: the strongest of the cheap bounds."""

from __future__ import annotations

import numpy as np

from planner.bounds.forks import forks_and_joins
from planner.bounds.remaining import remaining
from planner.bounds.spans import spans
from planner.bounds.windows import capacity, memory, pigeonhole
from planner.cost import Problem
from planner.model.plan import Bound
from planner.model.units import format_seconds

__all__ = ["lower_bound"]


def lower_bound(problem: Problem) -> Bound:
    """Give the strongest of the cheap bounds.

    - The critical path, every task on the fastest executor that may take it; with the time of the values that have to
      be sent, because one executor cannot make all of them in time (`planner.bounds.communication`).
    - The work of all tasks over the capacity of all slots; and, between the two, of the tasks that lie at least `head`
      behind the beginning and at least `tail` before the end: those have to fit between, on all slots (Fernandez &
      Bussell 1973, doi:10.1109/TC.1973.5009153, over thresholds of heads and tails). The same for tasks that only some
      executors may take, and for memory instead of slots.
    - Work behind a task with many successors, or before one with many predecessors, whose value or inputs have to be
      sent to or from all executors but one (`planner.bounds.forks`).
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
    if not problem.fresh:
        return max(remaining(problem), key=lambda bound: bound.us)
    found = spans(problem)
    sorts = capacity, memory, pigeonhole, forks_and_joins
    bounds = [found.path, *(bound for sort in sorts for bound in sort(problem, found))]
    return _rounded(problem, max(bounds, key=lambda bound: bound.us))


def _rounded(problem: Problem, bound: Bound) -> Bound:
    if not problem.free_network:
        return bound
    unit = int(np.gcd.reduce(np.unique(problem.time_us)))
    up = -(-bound.us // unit) * unit if unit > 1 else bound.us
    if up == bound.us:
        return bound
    return Bound(up, f"{bound.reason}; in steps of {format_seconds(unit)} that is {format_seconds(up)}")

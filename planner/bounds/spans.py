"""What has to happen before each task and behind it, at the least."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from planner.bounds.communication import heads_and_tails_with_sending, pays
from planner.cost import Problem
from planner.model.arrays import Int32, Int64
from planner.model.compiled import compiled
from planner.model.plan import Bound
from planner.model.units import format_seconds

__all__ = ["Spans", "least_allowed", "least_behind", "shortest_times", "spans"]


@dataclass(frozen=True)
class Spans:
    """The least time before each task, behind it, and of itself, each of shape (n,); and the longest path of them."""

    head: Int64
    tail: Int64
    shortest: Int64
    path: Bound

    def of(self, tasks: Any) -> Spans:
        """Give those of some of the tasks."""
        return Spans(self.head[tasks], self.tail[tasks], self.shortest[tasks], self.path)


def spans(problem: Problem) -> Spans:
    """Find the spans of a problem, whatever of it has begun."""
    shortest = shortest_times(problem)
    rows = problem.order, problem.pred_ptr, problem.pred, problem.succ_ptr, problem.succ
    end, tail = _heads_and_tails(*rows, shortest)
    path = int((end + tail - shortest).max(initial=0))
    reason = f"the critical path takes {format_seconds(path)} on the fastest executors"
    found = Spans(end - shortest, tail - shortest, shortest, Bound(path, reason))
    if not pays(problem):
        return found
    head, tail, path = heads_and_tails_with_sending(problem)
    reason = f"the critical path takes {format_seconds(path)}, with the values that have to be sent"
    longest = Bound(path, reason) if path > found.path.us else found.path
    return Spans(np.maximum(found.head, head), np.maximum(found.tail, tail), shortest, longest)


def least_behind(problem: Problem) -> Int64:
    """Give the least time that is needed behind the end of each task; shape (n,). A makespan is no less than both."""
    return spans(problem).tail


def shortest_times(problem: Problem) -> Int64:
    """Give the time of each task on the fastest executor that may take it; shape (n,)."""
    shortest: Int64 = least_allowed(problem, problem.time_us)
    return shortest


def least_allowed(problem: Problem, times: Any) -> Any:
    """Give the least of a task's times by class, over the classes of executors that may take it; shape (n,)."""
    least = times.min(axis=1)
    for row in np.flatnonzero(~problem.place.all(axis=1)).tolist():
        tasks = np.flatnonzero(problem.place_row == row)
        classes = np.unique(problem.executor_class[problem.place[row]])
        if len(classes):  # none, where all tasks of a row have begun on executors that are closed since
            least[tasks] = times[np.ix_(tasks, classes)].min(axis=1)
    return least


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

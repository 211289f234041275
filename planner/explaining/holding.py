"""What the tasks of a plan hold in memory, and since when: their own memory while they run, then their values."""

from __future__ import annotations

import itertools
from functools import cached_property

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Bool, Int32, Int64
from planner.model.plan import Plan

__all__ = ["Holding"]


class Holding:
    """Who holds how much memory when.

    A task holds its memory while it runs; its value is held where it was made, from its end until the last task that
    takes it has started.

    Attributes
    ----------
    owner : ndarray of int32, shape (n,)
        Executor of each task.
    value_bytes : ndarray of int64, shape (n,)
        0 where values that wait cannot stand in the way.
    taken_us : ndarray of int64, shape (n,)
        When the last task that takes the value starts; the end of the task, if none does.
    target : ndarray of int64, shape (m,)
        The task that each edge leads to.
    """

    def __init__(self, found: Plan) -> None:
        graph, self.start, self.finish = found.graph, found.schedule.start_us, found.schedule.finish_us
        self.found = found
        self.owner: Int32 = found.cluster.slot_executor[found.schedule.slot]
        self.limits = [executor.memory_bytes for executor in found.cluster.executors]
        waiting = Problem.of(graph, found.cluster, found.progress).waiting_bytes
        self.value_bytes: Int64 = waiting if len(waiting) else np.zeros(graph.n, dtype=np.int64)
        self.memory_bytes = np.where(self.start < self.finish, graph.memory_bytes, 0)
        self.target = np.repeat(np.arange(graph.n), np.diff(graph.pred_ptr))
        self.taken_us = self.finish.copy()
        np.maximum.at(self.taken_us, graph.pred, self.start[self.target])

    def ended(self, task: int) -> list[int]:
        """Give the tasks that held memory on the same executor until a task started."""
        first, tasks, ends = self._by_end
        low, high = first[self.owner[task]], first[self.owner[task] + 1]
        left, right = (low + np.searchsorted(ends[low:high], self.start[task], side=side) for side in ("left", "right"))
        held: list[int] = tasks[left:right].tolist()
        return held

    def took(self, task: int) -> list[int]:
        """Give the tasks that started together with a task, and took a value that its executor held until then."""
        if not self.value_bytes.any():
            return []
        mine = (self.owner == self.owner[task]) & (self.value_bytes > 0) & (self.taken_us == self.start[task])
        there = mine[self.found.graph.pred] & (self.start[self.target] == self.start[task])
        takers: list[int] = np.unique(self.target[there]).tolist()
        return [taker for taker in takers if taker != task]

    def short(self) -> Bool:
        """Tell which tasks could not have started a moment earlier, because their executor had no room; shape (n,).

        It had none for the task, beside all that was held, but for values that only this task still had to take; or
        none for its value, had that been there a moment earlier.
        """
        none = np.zeros(len(self.owner), dtype=bool)
        freed = self._freed()
        by_owner = np.argsort(self.owner, kind="stable")
        first = np.searchsorted(self.owner[by_owner], np.arange(len(self.limits) + 1))
        for limit, (low, high) in zip(self.limits, itertools.pairwise(first.tolist()), strict=True):
            here = by_owner[low:high]
            size, value = self.memory_bytes[here], self.value_bytes[here]
            if limit is None or int(size.sum() + value.sum()) <= limit:
                continue
            moments = np.concatenate([self.start[here], self.finish[here], self.taken_us[here]])
            order = np.argsort(moments, kind="stable")
            held = np.concatenate([[0], np.cumsum(np.concatenate([size, value - size, -value])[order])])
            at_start, at_end = (held[np.searchsorted(moments[order], us[here])] for us in (self.start, self.finish))
            no_room = (size > 0) & (at_start - freed[here] + size > limit)
            none[here] = no_room | ((value > 0) & (at_end - size + value > limit))
        return none

    def _freed(self) -> Int64:
        """Give how many bytes of values each task frees on its own executor by starting; shape (n,)."""
        pred, n = self.found.graph.pred, len(self.owner)
        last = self.start[self.target] == self.taken_us[pred]
        alone = last & (np.bincount(pred[last], minlength=n)[pred] == 1) & (self.owner[pred] == self.owner[self.target])
        weights = self.value_bytes[pred[alone]].astype(np.float64)
        return np.bincount(self.target[alone], weights=weights, minlength=n).astype(np.int64)

    @cached_property
    def _by_end(self) -> tuple[Int64, Int64, Int64]:
        """The tasks that hold memory, by executor and then by end: where each executor's begin, who, and the ends."""
        holding = np.flatnonzero(self.memory_bytes > 0)
        tasks = holding[np.lexsort((self.finish[holding], self.owner[holding]))]
        first = np.searchsorted(self.owner[tasks], np.arange(len(self.limits) + 1))
        return first, tasks, self.finish[tasks]

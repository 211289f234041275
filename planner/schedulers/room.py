"""Memory in the list-scheduling kernel: when the tasks beside a task leave it enough."""

from __future__ import annotations

from typing import Any

import numpy as np

from planner.cost import Problem
from planner.model.compiled import bare, inlined
from planner.schedulers.holdings import NEVER, moment_with_room
from planner.schedulers.slots import gap

__all__ = ["FREE", "NEVER", "RUNNING", "STRICT", "WAITING", "memory_rule", "roomy"]

FREE, RUNNING, WAITING, STRICT = (np.int64(rule) for rule in range(4))
"""Memory cannot stand in the way; tasks that run together have to fit; and values that wait as well, if there is a way;
and values that wait have to, and a task that finds no room is not placed."""


def memory_rule(problem: Problem) -> Any:
    """Give the rule of memory for a problem: `FREE`, `RUNNING` or `WAITING`."""
    return FREE if problem.fits else WAITING if len(problem.waiting_bytes) else RUNNING


@inlined
def roomy(p: Any, at: Any, task: Any, s: Any, begin: Any, prior: Any, length: Any, insertion: bool, rule: Any) -> Any:
    """Move a start on until the executor's memory holds the task beside all else; to `NEVER`, if it never does."""
    executor = p.slot_executor[s]
    limit = p.executor_memory[executor]
    while limit >= 0 and begin < NEVER:
        if rule == RUNNING:
            moved = begin
            if p.memory_bytes[task] > 0:
                moved = _crowded_until(p, executor, begin, begin + length, limit - p.memory_bytes[task], at)
        else:
            moved = moment_with_room(p, at, task, executor, begin, length)
            if moved < 0:
                begin = NEVER
        if moved <= begin:
            break
        begin, prior = gap(at, s, moved, length, insertion)
    return begin, prior


@bare
def _crowded_until(p: Any, executor: Any, begin: Any, end: Any, room: Any, at: Any) -> Any:
    """−1 when tasks in [begin, end) on an executor never hold more than `room`; else the next moment one ends."""
    soonest, most = np.int64(-1), np.int64(0)
    for s in range(p.first_slot[executor], p.first_slot[executor + 1]):
        task, largest = at.tail[s], np.int64(0)
        while task >= 0 and at.finish[task] > begin:
            if at.start[task] < end and p.memory_bytes[task] > 0:
                largest = max(largest, p.memory_bytes[task])
                if soonest < 0 or at.finish[task] < soonest:
                    soonest = at.finish[task]
            task = at.before[task]
        most += largest
    # A slot holds one task at a time, so they never hold more than `most`. Moments are looked at only if that is much.
    return soonest if most > room and _crowded(p, executor, begin, end, room, at) else np.int64(-1)


@bare
def _crowded(p: Any, executor: Any, begin: Any, end: Any, room: Any, at: Any) -> bool:
    for s in range(p.first_slot[executor], p.first_slot[executor + 1]):
        task = at.tail[s]
        while task >= 0 and at.finish[task] > begin:
            if at.start[task] < end and p.memory_bytes[task] > 0:
                moment = max(at.start[task], begin)  # what is held rises only where a task starts, or at `begin`
                if _held(p, executor, moment, at) > room:
                    return True
            task = at.before[task]
    return False


@bare
def _held(p: Any, executor: Any, moment: Any, at: Any) -> Any:
    held = np.int64(0)
    for s in range(p.first_slot[executor], p.first_slot[executor + 1]):
        task = at.tail[s]
        while task >= 0 and at.finish[task] > moment:
            if at.start[task] <= moment:
                held += p.memory_bytes[task]
            task = at.before[task]
    return held

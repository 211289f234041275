"""What an executor holds over time, as a linked list of steps: tasks that run on it, and values that wait there.

A step holds from its moment to the next one's, the last one for ever. A value is held from the end of its task until
the last task that waits for it has started; for ever, as long as one of them has no place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from planner.model.compiled import bare, inlined

__all__ = ["NEVER", "hold_nothing", "moment_with_room", "note", "spilled", "steps_for"]

NEVER = np.int64(2**61)


def steps_for(n: int, executors: int) -> int:
    """Give how many steps are enough: one an executor, two a task that runs, one for its value, one for its release."""
    return 4 * n + executors


@inlined
def hold_nothing(p: Any, at: Any) -> None:
    """Begin with executors that hold nothing."""
    for executor in range(len(at.last)):
        at.moment[executor], at.held[executor] = 0, 0
        at.sooner[executor] = at.later[executor] = -1
        at.last[executor] = executor
    at.steps[0] = len(at.last)
    for task in range(len(p.takers)):
        at.takers[task], at.taken[task] = p.takers[task], 0


@bare
def note(p: Any, at: Any, task: Any) -> None:
    """Note what a placed task holds, its value, and that the values it takes may go."""
    executor = p.slot_executor[at.slot[task]]
    _hold(at, executor, at.start[task], at.finish[task], p.memory_bytes[task])
    if p.waiting_bytes[task] > 0:
        _hold(at, executor, at.finish[task], NEVER, p.waiting_bytes[task])
    for i in range(p.pred_ptr[task], p.pred_ptr[task + 1]):
        source = p.pred[i]
        at.takers[source] -= 1
        at.taken[source] = max(at.taken[source], at.start[task])
        if at.takers[source] == 0 and p.waiting_bytes[source] > 0:
            there = p.slot_executor[at.slot[source]]
            _hold(at, there, max(at.taken[source], at.finish[source]), NEVER, -p.waiting_bytes[source])


@bare
def spilled(p: Any, at: Any) -> Any:
    """Add up by how much each executor holds more than its memory, at its worst moment."""
    total = np.int64(0)
    for executor in range(len(at.last)):
        step, most = at.last[executor], np.int64(0)
        while step >= 0 and p.executor_memory[executor] >= 0:
            most = max(most, at.held[step] - p.executor_memory[executor])
            step = at.sooner[step]
        total += most
    return total


@bare
def moment_with_room(p: Any, at: Any, task: Any, executor: Any, begin: Any, length: Any) -> Any:
    """Give the first moment from `begin` on when an executor has room for a task and then its value; below 0: never."""
    limit = p.executor_memory[executor]
    while True:
        freed, sooner = np.int64(0), NEVER  # what this task is the last to take, and when more of it could be gone
        for i in range(p.pred_ptr[task], p.pred_ptr[task + 1]):
            source = p.pred[i]
            if at.takers[source] == 1 and p.slot_executor[at.slot[source]] == executor:
                if at.taken[source] <= begin:
                    freed += p.waiting_bytes[source]
                elif p.waiting_bytes[source] > 0:
                    sooner = min(sooner, at.taken[source])
        moved = begin
        if p.memory_bytes[task] > 0 and length > 0:
            moved = _first_with(at, executor, begin, length, limit - p.memory_bytes[task] + freed)
        if moved >= 0 and p.waiting_bytes[task] > freed:
            moved = _first_with_for_ever(at, executor, moved + length, limit - p.waiting_bytes[task] + freed) - length
        if moved < 0 and sooner < NEVER:
            moved = sooner
        if moved <= begin:
            return moved
        begin = min(moved, sooner)


@inlined
def _first_with(at: Any, executor: Any, begin: Any, length: Any, most: Any) -> Any:
    """Give the first moment from which on an executor holds no more than `most`, for so long; −1: never."""
    step = _step_at(at, executor, begin)
    while step >= 0 and at.moment[step] < begin + length:
        if at.held[step] > most:
            step = at.later[step]
            if step < 0:
                return np.int64(-1)
            begin = at.moment[step]
        else:
            step = at.later[step]
    return begin


@inlined
def _first_with_for_ever(at: Any, executor: Any, begin: Any, most: Any) -> Any:
    """Give the first moment from which on an executor never holds more than `most`; less than 0: there is none."""
    step = at.last[executor]
    if at.held[step] > most:
        return -NEVER
    while at.moment[step] > begin and at.held[at.sooner[step]] <= most:
        step = at.sooner[step]
    return max(begin, at.moment[step])


@inlined
def _step_at(at: Any, executor: Any, moment: Any) -> Any:
    step = at.last[executor]
    while at.moment[step] > moment:
        step = at.sooner[step]
    return step


@bare
def _hold(at: Any, executor: Any, begin: Any, end: Any, size: Any) -> None:
    if size == 0 or begin >= end:
        return
    step = _step_at(at, executor, begin)
    if at.moment[step] < begin:
        step = _part(at, executor, step, begin)
    while step >= 0 and at.moment[step] < end:
        following = at.later[step]
        if end < NEVER and (following < 0 or at.moment[following] > end):
            following = _part(at, executor, step, end)
        at.held[step] += size
        step = following


@inlined
def _part(at: Any, executor: Any, step: Any, moment: Any) -> Any:
    """Part a step in two; gives the later one."""
    new = np.int32(at.steps[0])
    at.steps[0] += 1
    at.moment[new], at.held[new] = moment, at.held[step]
    at.sooner[new], at.later[new] = step, at.later[step]
    if at.later[step] >= 0:
        at.sooner[at.later[step]] = new
    else:
        at.last[executor] = new
    at.later[step] = new
    return new

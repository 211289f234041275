"""Which running tasks a second slot would end sooner, if it began them anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from planner.cost import Problem
from planner.model.arrays import Float64, Int64
from planner.model.move import Move
from planner.model.progress import Progress

__all__ = ["COPY_US", "Second", "doubled", "seconds"]

COPY_US = 100_000
"""What it costs to begin a second copy: all slots stand still for a moment and say what they hold."""


@dataclass(frozen=True)
class Second:
    """A task that would run on a second slot.

    Attributes
    ----------
    task, source, target : int
        The task, the slot that runs it, and the second one.
    ends_us, begins_us, sooner_us : int
        When it ends on its first slot; when it begins on the second; and how much sooner it ends there.
    """

    task: int
    source: int
    target: int
    ends_us: int
    begins_us: int
    sooner_us: int

    def move(self, now_us: int, price_us: int) -> Move:
        """Say it as a move, at its price."""
        reason = "it would end sooner if it began anew"
        return Move(self.task, self.source, self.target, now_us, price_us, self.sooner_us, reason)


def seconds(
    problem: Problem,
    ends: Mapping[int, tuple[int, int]],
    takes_us: Callable[[int, int], float],
    free_us: Float64,
    price_us: Int64,
) -> list[Second]:
    """Find for each running task the slot of another executor where it would end first, if that is sooner.

    Parameters
    ----------
    problem : Problem
    ends : mapping of int to (int, int)
        Slot of each task, and when it is expected to end there.
    takes_us : callable
        ``takes_us(task, executor)``: what a task takes there.
    free_us : ndarray of float64, shape (slots,)
        When each slot has ended what it runs.
    price_us : ndarray of int64, shape (n,)
        What it costs to send each task's inputs.

    Returns
    -------
    list of Second
        The greatest gain first; no slot gets two.
    """
    found, free = [], free_us.copy()
    for task, (source, end) in sorted(ends.items(), key=lambda item: (-item[1][1], item[0])):
        here, may = problem.slot_executor[source], problem.place[problem.place_row[task]]
        others = np.flatnonzero((problem.slot_executor != here) & may[problem.slot_executor])
        if not len(others) or problem.apart[task] >= 0:
            continue
        takes = np.array([takes_us(task, int(executor)) for executor in problem.slot_executor[others]])
        there = free[others] + COPY_US + price_us[task] + takes
        best = int(there.argmin())
        if there[best] < end:
            target = int(others[best])
            begins = free[target] + COPY_US + price_us[task]
            found.append(Second(task, source, target, end, int(begins), int(end - there[best])))
            free[target] = np.inf
    return sorted(found, key=lambda each: (-each.sooner_us, each.task))


def doubled(progress: Progress, chosen: list[Second], *, copied: bool) -> Progress:
    """Give how far a plan has come where tasks end as expected on their first slots, or are `copied` to second ones."""
    slot, start, finish = progress.slot.copy(), progress.start_us.copy(), progress.finish_us.copy()
    free = dict(progress.slot_free_us or {})
    for each in chosen:
        finish[each.task] = each.ends_us
        if copied:
            slot[each.task], start[each.task] = each.target, each.begins_us
            finish[each.task] = each.ends_us - each.sooner_us
            free[each.source] = max(free.get(each.source, 0), each.ends_us)
    return replace(progress, slot=slot, start_us=start, finish_us=finish, slot_free_us=free or None)

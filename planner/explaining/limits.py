"""What limits the makespan of a plan: its critical chain, and one task that is most of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planner.cost import Problem
from planner.explaining.critical import Step
from planner.model.plan import Plan
from planner.model.units import format_seconds
from planner.report.markup import percent, visible
from planner.report.terminal import shortened

__all__ = ["Limit", "chain", "executor_name", "huge_task", "part", "printed", "share_of", "task_name"]

_SHOWN = 12
_SMALL = 1e-4
_HUGE = 0.5
"""Share of the makespan from which a single task is most of it."""


@dataclass(frozen=True)
class Limit:
    """One thing that limits a makespan.

    Attributes
    ----------
    name : str
        ``critical chain``, ``huge task``, ``full slots``, ``saturated executor``, ``memory`` or ``links``.
    us : int
        How much of the makespan it accounts for; these overlap.
    share : float
        The same, of the makespan.
    words : str
        With its figures.
    """

    name: str
    us: int
    share: float
    words: str

    @classmethod
    def of(cls, found: Plan, name: str, us: int, words: str) -> Limit:
        """Relate a time to the makespan of a plan."""
        return cls(name, us, us / max(found.makespan_us, 1), words)


def printed(name: str) -> str:
    """Make a name fit to be printed: without control characters, and not too long."""
    return shortened(visible(name))


def task_name(found: Plan, task: int) -> str:
    """Give a task's id, fit to be printed."""
    return printed(found.graph.ids[task].as_py())


def executor_name(found: Plan, executor: int) -> str:
    """Give an executor's id, fit to be printed."""
    return printed(found.cluster.executors[executor].id)


def part(found: Plan, us: int) -> str:
    """Give a time, and how much of the makespan it is."""
    return f"{format_seconds(us)} ({share_of(us, found.makespan_us)})"


def share_of(us: int, whole_us: int) -> str:
    """Give a time as a share of another, without digits that say nothing.

    Examples
    --------
    >>> share_of(1, 3), share_of(1, 10**9)
    ('33.3 %', 'under 0.01 %')
    """
    share = us / max(whole_us, 1)
    return percent(share) if share >= _SMALL or share == 0 else f"under {percent(_SMALL)}"


def chain(found: Plan, steps: Sequence[Step]) -> Limit:
    """Tell which tasks fix the makespan, and what it is made of: their work, values on their way, and waiting."""
    tasks, schedule = [step.task for step in steps], found.schedule
    shown = tasks if len(tasks) <= _SHOWN else [*tasks[: _SHOWN // 2], -1, *tasks[-_SHOWN // 2 :]]
    names = " -> ".join("…" if task < 0 else task_name(found, task) for task in shown)
    working = int((schedule.finish_us - schedule.start_us)[tasks].sum())
    sending = sum(step.sent_us for step in steps)
    critical = "Critical is 1 task" if len(tasks) == 1 else f"Critical are {len(tasks):,} tasks"
    words = f"{critical}, {part(found, working)} of work: {names}."
    waits: Counter[str] = Counter(step.reason for step in steps)
    told = (("value", "a value of the one before"), ("slot", "a slot"), ("memory", "memory"))
    if said := [f"{waits[reason]:,} for {what}" for reason, what in told if waits[reason]]:
        words += f" Waiting: {', '.join(said)}."
    if sending:
        words += f" Between them values are {part(found, sending)} on their way."
    if rest := found.makespan_us - working - sending:
        words += f" For {part(found, rest)} none of them runs."
    return Limit.of(found, "critical chain", working + sending, words)


def huge_task(found: Plan, steps: Sequence[Step]) -> Limit | None:
    """Tell of a critical task that is most of the makespan, or that no plan can be shorter than."""
    schedule = found.schedule
    spans = schedule.finish_us - schedule.start_us
    task = max((step.task for step in steps), key=lambda task: int(spans[task]))
    us, problem = int(spans[task]), Problem.of(found.graph, found.cluster, found.progress)
    may = np.flatnonzero(problem.place[problem.place_row[task]])
    times = problem.time_us[task, problem.executor_class[may]]
    shortest = int(times.min(initial=us))
    if us < _HUGE * found.makespan_us and shortest < found.bound.us:
        return None
    where = executor_name(found, int(found.cluster.slot_executor[schedule.slot[task]]))
    words = f"One task, {task_name(found, task)}, takes {part(found, us)} on executor {where}"
    if shortest < us:
        words += (
            f"; on executor {executor_name(found, int(may[times.argmin()]))} it would take {format_seconds(shortest)}"
        )
    elif (times > us).any():
        words += ", the fastest that may take it"
    return Limit.of(found, "huge task", us, f"{words}.")

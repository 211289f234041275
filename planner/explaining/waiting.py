"""What tasks wait for when executors have slots to spare: memory, and values on their way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from planner.explaining.critical import Step, values_us
from planner.explaining.holding import Holding
from planner.explaining.limits import Limit, executor_name, part, printed
from planner.model.arrays import Int64
from planner.model.plan import Plan
from planner.model.units import format_bytes, format_seconds
from planner.report.words import count

__all__ = ["busiest_pair", "for_memory", "links", "memory", "memory_waits"]

_LEAST = 0.001
"""Share of the makespan below which values on their way limit nothing."""


def for_memory(steps: Sequence[Step], wait_us: Int64) -> list[Step]:
    """Give the steps of a chain, those that found a slot but no memory as such."""
    return [replace(step, reason="memory") if wait_us[step.task] and step.reason == "slot" else step for step in steps]


def memory(found: Plan, steps: Sequence[Step], wait_us: Int64) -> Limit | None:
    """Tell how long tasks wait for memory, as `memory_waits` finds it."""
    if not wait_us.any():
        return None
    critical, tasks = _critical_us(found, steps, wait_us), int((wait_us > 0).sum())
    words = f"{count(tasks, 'task')} {'waits' if tasks == 1 else 'wait'} for memory"
    words += f", {format_seconds(int(wait_us.sum()))} in all"
    if len(found.cluster.executors) > 1:
        by_executor = np.bincount(found.cluster.slot_executor[found.schedule.slot], weights=wait_us)
        worst = int(by_executor.argmax())
        words += f", most on executor {executor_name(found, worst)} ({format_seconds(int(by_executor[worst]))})"
    words += f"; critical ones during {part(found, critical)}." if critical else "; no critical one does."
    return Limit.of(found, "memory", critical, words)


def _critical_us(found: Plan, steps: Sequence[Step], wait_us: Int64) -> int:
    """Give for how long at least one critical task waits."""
    total, until = 0, 0
    for task in sorted((step.task for step in steps), key=lambda task: int(found.schedule.start_us[task])):
        start = int(found.schedule.start_us[task])
        since = max(until, start - int(wait_us[task]))
        total, until = total + max(0, start - since), max(until, start)
    return total


def memory_waits(found: Plan) -> Int64:
    """Give how long each task has its values, and its executor a slot for it, but no memory; shape (n,).

    These are the tasks that could not have started a moment earlier, because they would have exceeded the memory.
    """
    schedule, slots = found.schedule, found.cluster.slot_executor
    owner, values = slots[schedule.slot], values_us(found)
    short = np.flatnonzero(Holding(found).short())
    by_slot = np.lexsort((schedule.finish_us, schedule.start_us, schedule.slot))
    first = np.searchsorted(schedule.slot[by_slot], np.arange(len(slots) + 1))
    since = schedule.start_us.copy()  # when, right before a task starts, a slot of its executor became idle
    for slot in np.flatnonzero(np.isin(slots, owner[short])).tolist():
        mine, waiting = by_slot[first[slot] : first[slot + 1]], short[owner[short] == slots[slot]]
        ends = np.concatenate([[0], np.maximum.accumulate(schedule.finish_us[mine])])
        idle = ends[np.searchsorted(schedule.start_us[mine], schedule.start_us[waiting])]
        since[waiting] = np.minimum(since[waiting], idle)
    wait = np.zeros(found.graph.n, dtype=np.int64)
    wait[short] = np.maximum(schedule.start_us - np.maximum(values, since), 0)[short]
    return wait


def links(found: Plan, steps: Sequence[Step]) -> Limit | None:
    """Tell how long critical tasks wait for values, and between whom most bytes travel."""
    waiting = sum(step.sent_us for step in steps)
    if waiting < _LEAST * max(found.makespan_us, 1):
        return None
    words = f"Critical tasks wait {part(found, waiting)} for values on their way."
    hosts = [executor.host for executor in found.cluster.executors]
    ids = [executor.id for executor in found.cluster.executors]
    pair = busiest_pair(found, hosts) if len(set(hosts)) < len(hosts) else None
    what, pair = ("host", pair) if pair else ("executor", busiest_pair(found, ids))
    if pair:
        words += f" Between {what}s {format_bytes(pair[3])} travel, most from {what} {printed(pair[0])}"
        words += f" to {printed(pair[1])}: {format_bytes(pair[2])}."
    return Limit.of(found, "links", waiting, words)


def busiest_pair(found: Plan, names: Sequence[str]) -> tuple[str, str, int, int] | None:
    """Give between which places most bytes travel.

    Parameters
    ----------
    found : Plan
    names : sequence of str
        The place of each executor: itself, or its host.

    Returns
    -------
    source, target : str
    most_bytes : int
        From the one to the other.
    all_bytes : int
        Between any two different places. None instead of all four, if none travel.
    """
    graph, known = found.graph, list(dict.fromkeys(names))
    number = {name: i for i, name in enumerate(known)}
    place = np.array([number[name] for name in names])[found.cluster.slot_executor[found.schedule.slot]]
    there, here = place[graph.pred], np.repeat(place, np.diff(graph.pred_ptr))
    away = (there != here) & (graph.edge_bytes > 0)
    if not away.any():
        return None
    pairs, which = np.unique(there[away] * len(known) + here[away], return_inverse=True)
    sizes = np.bincount(which, weights=graph.edge_bytes[away].astype(np.float64))
    source, target = divmod(int(pairs[sizes.argmax()]), len(known))
    return known[source], known[target], int(sizes.max()), int(sizes.sum())

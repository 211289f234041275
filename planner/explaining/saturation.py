"""Executors that limit the makespan because they are full, and why their work does not move to those that idle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from planner.cost import Problem
from planner.explaining.critical import Step
from planner.explaining.limits import Limit, executor_name
from planner.model.arrays import Bool, Int32, Int64
from planner.model.plan import Plan
from planner.model.units import format_seconds
from planner.report.markup import percent

__all__ = ["full_executors", "slots_in_words"]

_FULL, _IDLE = 0.95, 0.8
"""Busy shares from which an executor counts as full, and up to which the others count as idle beside it."""


def slots_in_words(found: Plan) -> str:
    """Say how busy the slots are."""
    busy, makespan = found.busy_us, max(found.makespan_us, 1)
    fullest = int(busy.argmax())
    name = executor_name(found, int(found.cluster.slot_executor[fullest]))
    mean = percent(busy.sum() / (makespan * len(busy)))
    return f"Slots are busy {mean} of the time; the fullest, on executor {name}, {percent(busy[fullest] / makespan)}."


def full_executors(found: Plan, steps: Sequence[Step]) -> Limit | None:
    """Tell of executors that are full, where critical tasks wait for their slots."""
    if not found.makespan_us:
        return None
    cluster, many = found.cluster, len(found.cluster.executors)
    room = np.bincount(cluster.slot_executor, minlength=many) * float(found.makespan_us)
    busy = np.bincount(cluster.slot_executor, weights=found.busy_us.astype(np.float64), minlength=many)
    full: Bool = busy >= _FULL * room
    if full.all():
        words = f"All slots are busy {percent(busy.sum() / room.sum())} of the time: the work fills the executors."
        return Limit.of(found, "full slots", round(found.makespan_us * busy.sum() / room.sum()), words)
    waiting = {int(cluster.slot_executor[found.schedule.slot[step.task]]) for step in steps if step.reason == "slot"}
    which, rest = np.flatnonzero(full).tolist(), busy[~full].sum() / room[~full].sum()
    if rest > _IDLE or not waiting & set(which):
        return None
    names = ", ".join(executor_name(found, executor) for executor in which[:4]) + (" …" if len(which) > 4 else "")
    subject = f"Executor {names} is" if len(which) == 1 else f"{len(which)} executors ({names}) are"
    others = f"the other {many - len(which)} are" if many - len(which) > 1 else "the other one is"
    share = busy[full].sum() / room[full].sum()
    words = f"{subject} busy {percent(share)} of the time, {others} so for {percent(rest)}. {_bound_to(found, full)}"
    return Limit.of(found, "saturated executor", round(found.makespan_us * share), words)


def _bound_to(found: Plan, full: Bool) -> str:
    """Say why the work of full executors does not move to the others."""
    owner = found.cluster.slot_executor[found.schedule.slot]
    tasks = np.flatnonzero(full[owner])
    spans = (found.schedule.finish_us - found.schedule.start_us)[tasks]
    problem = Problem.of(found.graph, found.cluster, found.progress)
    unpinned = Problem.of(replace(found.graph, pins={}), found.cluster, found.progress)
    may, fits = _may_leave(problem, tasks, full), _may_leave(unpinned, tasks, full)
    apart = may & _crowded_out(problem, owner, tasks, np.flatnonzero(~full))
    told = []
    for what, mine in (
        ("is pinned there", ~may & fits),
        ("fits no other's memory", ~may & ~fits),
        ("stays apart from what runs on all others", apart),
        ("may run elsewhere", may & ~apart),
    ):
        if us := int(spans[mine].sum()):
            told.append(f"{format_seconds(us)} ({percent(us / spans.sum())}) {what}")
    if (may & ~apart & (spans > 0)).any():
        elsewhere = int(_shortest(problem, tasks[may & ~apart], full).sum())
        told[-1] += f", where it would take {format_seconds(elsewhere)}"
    return f"Of that work {'; '.join(told)}."


def _may_leave(problem: Problem, tasks: Int64, full: Bool) -> Bool:
    """Tell which tasks may run on an executor that is not full."""
    by_row: Bool = np.any(problem.place[:, ~full], axis=1)
    return by_row[problem.place_row[tasks]]


def _shortest(problem: Problem, tasks: Int64, full: Bool) -> Int64:
    """Give how long each task takes on the fastest executor that may take it and is not full."""
    classes = range(problem.time_us.shape[1])
    usable = np.stack(
        [np.any(problem.place[:, ~full & (problem.executor_class == c)], axis=1) for c in classes], axis=1
    )
    times = np.where(usable[problem.place_row[tasks]], problem.time_us[tasks], np.iinfo(np.int64).max)
    shortest: Int64 = times.min(axis=1)
    return shortest


def _crowded_out(problem: Problem, owner: Int32, tasks: Int64, others: Int64) -> Bool:
    """Tell which tasks have one of their group on every other executor, or host, that may take them; shape (tasks,)."""
    out = np.zeros(len(tasks), dtype=bool)
    for i in np.flatnonzero(problem.apart[tasks] >= 0).tolist():
        group = int(problem.apart[tasks[i]])
        taken = owner[problem.apart_member[problem.apart_ptr[group] : problem.apart_ptr[group + 1]]]
        usable = others[problem.place[problem.place_row[tasks[i]], others]]
        zone = problem.host if problem.apart_host[group] else np.arange(problem.n_executors)
        out[i] = np.isin(zone[usable], zone[taken]).all()
    return out

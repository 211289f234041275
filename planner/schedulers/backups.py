"""Slots that stand by: where tasks with standby replicas are kept, and run when the slot of their plan is lost."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from planner.cost import Problem
from planner.model.plan import Schedule
from planner.model.redundancy import Replicas

__all__ = ["choose_backups"]


def choose_backups(
    problem: Problem,
    replicas: Mapping[int, Replicas],
    schedule: Schedule,
    before: Mapping[int, tuple[int, ...]] | None = None,
) -> dict[int, tuple[int, ...]]:
    """Choose the slots that stand by for every task with standby replicas.

    They are on executors that may take the task, none of them its own or that of another of its backups, and on hosts
    of their own as long as there are such. Of those, each time the one that would be done first, if it did all that is
    planned on it and all that it stands by for. Longest tasks choose first.

    Parameters
    ----------
    problem : Problem
    replicas : mapping of int to Replicas
    schedule : Schedule
    before : mapping of int to tuple of int, optional
        Slots that stood by until now. They stay where they may, because values are there already.

    Returns
    -------
    dict of int to tuple of int
        First choice first. Where executors are closed, there may be fewer than asked for.

    Examples
    --------
    >>> from planner.model import Cluster, Graph
    >>> problem = Problem.of(Graph.from_arrays(work=[3, 1, 1]), Cluster.uniform(3))
    >>> schedule = Schedule(np.array([0, 1, 1], np.int32), np.array([0, 0, 1]), np.array([3, 1, 2]))
    >>> choose_backups(problem, {0: Replicas(2), 1: Replicas(3)}, schedule)
    {0: (2,), 1: (0, 2)}
    """
    executor, host = problem.slot_executor, problem.host[problem.slot_executor]
    load = np.bincount(schedule.slot, schedule.finish_us - schedule.start_us, problem.n_slots).astype(np.int64)
    standing_by = [task for task, wanted in replicas.items() if wanted.mode == "standby"]
    chosen: dict[int, tuple[int, ...]] = {}
    for task in sorted(standing_by, key=lambda task: (-int(problem.time_us[task].max()), task)):
        home = int(schedule.slot[task])
        time_us = problem.time_us[task][problem.executor_class[executor]]
        free = problem.place[problem.place_row[task]][executor] & (executor != executor[home])
        new_host = host != host[home]
        stood_by = np.isin(np.arange(problem.n_slots), (before or {}).get(task, ()))
        slots: list[int] = []
        while len(slots) < replicas[task].count - 1 and free.any():
            best = free
            for better in (new_host, stood_by):
                best = best & better if (best & better).any() else best
            among = np.flatnonzero(best)
            slot = int(among[(load + time_us)[among].argmin()])
            slots.append(slot)
            load[slot] += time_us[slot]
            free &= executor != executor[slot]
            new_host &= host != host[slot]
        chosen[task] = tuple(slots)
    return dict(sorted(chosen.items()))

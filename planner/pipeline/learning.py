"""From run to run: works and speeds as earlier runs teach them, and what that changes, in words."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from planner.io import read_runs
from planner.model.arrays import Float64, Int32
from planner.model.cluster import Cluster
from planner.model.graph import LONGEST_WORK_S, Graph
from planner.model.plan import Learnt
from planner.model.units import MICROSECONDS, format_seconds
from planner.partitioners.task_experience import AS_STATED, BY_ITSELF, BY_KIND, TaskExperience, learn_tasks

__all__ = ["Corrected", "History", "experience_of", "with_history"]

History: TypeAlias = str | os.PathLike[str] | TaskExperience
"""A folder of runs, here or in a store, or what was learnt from one."""

MOST_NAMED = 6
"""Kinds, or places, that a note names."""

ALIKE = 1.25
"""Executors of a host whose speeds differ by less are told by the name of the host."""


@dataclass(frozen=True, eq=False)
class Corrected:
    """A graph and a cluster as a history teaches them.

    Attributes
    ----------
    graph : Graph
    cluster : Cluster
    learnt : Learnt
        By how much they differ from what was stated.
    notes : tuple of str
        For how many tasks, by how much, and which places are slower or faster.
    """

    graph: Graph
    cluster: Cluster
    learnt: Learnt
    notes: tuple[str, ...]


def experience_of(history: History) -> TaskExperience:
    """Give what a history teaches.

    Raises
    ------
    InputError
        With a fault for each file that is no history of runs; if the place is malformed or cannot be reached.
    """
    return history if isinstance(history, TaskExperience) else learn_tasks(read_runs(history))


def with_history(graph: Graph, cluster: Cluster, history: History) -> Corrected:
    """Correct works and speeds by what earlier runs took.

    Parameters
    ----------
    graph : Graph
        Data-parallel tasks are still whole.
    cluster : Cluster
    history : str, path or TaskExperience

    Raises
    ------
    InputError
        As `experience_of`.
    """
    experience = experience_of(history)
    works, source = experience.works(graph)
    speeds = experience.speeds(cluster)
    corrected = np.clip(np.rint(graph.work_us * works), np.minimum(graph.work_us, 1), LONGEST_WORK_S * MICROSECONDS)
    executors = tuple(
        replace(executor, speed=executor.speed * by, speeds={kind: it * by for kind, it in executor.speeds.items()})
        for executor, by in zip(cluster.executors, speeds.tolist(), strict=True)
    )
    new = replace(graph, work_us=corrected.astype(np.int64))
    notes = (_works_told(graph, new, source, experience), *_places_told(cluster, speeds))
    return Corrected(new, replace(cluster, executors=executors), Learnt(works, speeds), notes)


def _works_told(graph: Graph, new: Graph, source: Int32, experience: TaskExperience) -> str:
    runs = f"{experience.runs} earlier run{'s' * (experience.runs != 1)}"
    if not experience.runs:
        return "the history holds no runs yet: works and speeds are as stated"
    counts = {
        "by what they took themselves": int(np.sum(source == BY_ITSELF)),
        "by their kind": int(np.sum(source == BY_KIND)),
        "as stated": int(np.sum(source == AS_STATED)),
    }
    told = ", ".join(f"{number:,} {how}" for how, number in counts.items() if number)
    before, after = int(graph.work_us.sum()), int(new.work_us.sum())
    if not before:
        return f"{runs}: works of tasks {told}"
    text = f"{runs}: works of tasks {told}; {format_seconds(after)} instead of {format_seconds(before)} in all"
    return f"{text} (× {after / before:.3g}){_kinds_told(graph, new)}"


def _kinds_told(graph: Graph, new: Graph) -> str:
    """Name the kinds that were corrected most, where there are several."""
    if len(graph.kinds) < 2:
        return ""
    before, after = (np.bincount(graph.kind, each.work_us, len(graph.kinds)) for each in (graph, new))
    changed = [
        i for i in np.argsort(-np.abs(after - before), kind="stable").tolist() if before[i] and after[i] != before[i]
    ]
    named = [f"{graph.kinds[i]} × {after[i] / before[i]:.3g}" for i in changed[:MOST_NAMED]]
    return f": {', '.join(named)}{' …' if len(changed) > MOST_NAMED else ''}" if named else ""


def _places_told(cluster: Cluster, speeds: Float64) -> list[str]:
    """Name the executors whose speed was corrected; of a host, where all of its executors were, the host."""
    changed = {i: float(by) for i, by in enumerate(speeds) if by != 1}
    named = []
    for host in dict.fromkeys(cluster.executors[i].host for i in changed):
        mine = [i for i, executor in enumerate(cluster.executors) if executor.host == host]
        alike = np.array([changed.get(i, 1.0) for i in mine])
        if len(mine) > 1 and (alike != 1).all() and alike.max() < ALIKE * alike.min():
            named.append(f"host {host} {_pace(float(np.median(alike)))}")
        else:
            named += [f"executor {cluster.executors[i].id} ({host}) {_pace(changed[i])}" for i in mine if i in changed]
    rest = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return [f"by earlier runs, {', '.join(named[:MOST_NAMED])}{rest}"] if named else []


def _pace(by: float) -> str:
    return f"is {1 / by:.3g} × slower than stated" if by < 1 else f"is {by:.3g} × faster than stated"

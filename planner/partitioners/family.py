"""Who shares the shards of a source, and which slots they may have: pins, groups that stay apart, speeds per kind."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

import numpy as np

from planner.model.arrays import Bool, Float64
from planner.model.cluster import Cluster
from planner.model.graph import Graph, Over
from planner.model.progress import Progress
from planner.partitioners.tree import tree_levels
from planner.placement import placements

__all__ = ["Places", "Usable", "family_of"]


class Usable(NamedTuple):
    """The slots that shards may run on: the speed of each for the whole family's work, and the most shards, or None."""

    speeds: Float64
    most: int | None


def family_of(graph: Graph, source: int) -> list[int]:
    """Give a source and all that is mapped over its shards, or over theirs."""
    parallel = np.isin(graph.order, list(graph.over))
    family = [source]
    for task in graph.order[parallel].tolist():
        if graph.over[task].each in family:
            family.append(task)
    return family


class Places:
    """Where the data-parallel tasks of a graph may run.

    Raises
    ------
    InfeasibleError
        Naming every task that no executor may take, and every group that cannot be kept apart.
    """

    def __init__(self, graph: Graph, cluster: Cluster) -> None:
        self.graph, self.cluster = graph, cluster
        self.place, self.row = placements(graph, cluster, Progress.none(graph.n))
        self.speeds = cluster.speeds_for(graph.kinds)

    def usable(self, family: list[int]) -> Usable:
        """Give the slots where all of a family may run, or its source where there is none for all of them."""
        places = self.place[self.row[family]]
        executors = np.flatnonzero(places.all(axis=0) if places.all(axis=0).any() else places[0])
        work = self.graph.work_us[family].astype(np.float64)
        work = work if work.any() else np.ones(len(family))
        taken = work @ (1 / self.speeds[self.graph.kind[family]][:, executors])
        most = self._most(family)
        slots = np.array([executor.slots for executor in self.cluster.executors])[executors]
        return Usable(np.repeat(work.sum() / taken, slots if most is None else 1), most)

    def _most(self, family: list[int]) -> int | None:
        """Give how many shards the executors are enough for, where each task of a group needs one for itself."""
        graph = self.graph
        sharing = [task for task in self._following(family) if task in graph.apart]
        limits = []
        for task in sharing:
            group = [other for other, name in graph.apart.items() if name == graph.apart[task]]
            cut = [graph.over[other] for other in group if other in graph.over]
            executors: Bool = self.place[self.row[task]]
            left = int(executors.sum()) - len(group) + len(cut)
            enough = bisect_right(range(1, left + 1), left, key=lambda shards: _tasks(cut, shards))
            limits.append(max(1, enough))
        return min(limits, default=None)

    def _following(self, family: list[int]) -> list[int]:
        """Add the trees over a family."""
        return [*family, *(task for task, over in self.graph.over.items() if over.tree in family)]


def _tasks(cut: list[Over], shards: int) -> int:
    """Give how many tasks data-parallel tasks become with so many shards."""
    return sum(shards if over.tree is None else sum(map(len, tree_levels(shards, over.fan_in))) for over in cut)

"""Plans written down by hand, and validated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from planner import Cluster, Graph, Plan
from planner.cost import Problem
from planner.model import Bound, Schedule
from planner.validate import validate

__all__ = ["S", "by_hand"]

S = 10**6


def by_hand(graph: Graph, cluster: Cluster, slot: Sequence[int], start: Sequence[float], bound: float = 0) -> Plan:
    """Plan tasks on slots, from seconds on."""
    slots, begins = np.array(slot, dtype=np.int32), np.rint(np.array(start) * S).astype(np.int64)
    problem = Problem.of(graph, cluster)
    spans = problem.time_us[np.arange(graph.n), problem.executor_class[cluster.slot_executor[slots]]]
    schedule = Schedule(slots, begins, begins + spans)
    validate(graph, cluster, schedule)
    return Plan(graph, cluster, schedule, Bound(round(bound * S), "nothing is known"), "by hand")

"""The price of a schedule: its makespan, the bytes that it sends and its imbalance, weighted."""

from __future__ import annotations

import numpy as np

from planner.cost import Problem
from planner.model.plan import Schedule
from planner.model.units import MICROSECONDS
from planner.model.weights import Weights

__all__ = ["GIGABYTE", "imbalance_us", "price_us", "sent_bytes"]

GIGABYTE = 10**9


def price_us(problem: Problem, schedule: Schedule, weights: Weights | None) -> float:
    """Give what a schedule costs in microseconds: without weights, its makespan.

    Examples
    --------
    >>> from planner.model import Cluster, Graph
    >>> graph = Graph.from_arrays(work=[2, 4], output=[10**9, 0], source=[0], target=[1])
    >>> problem = Problem.of(graph, Cluster.uniform(2))
    >>> apart = Schedule(np.array([0, 1]), np.array([0, 2_000_000]), np.array([2_000_000, 6_000_000]))
    >>> price_us(problem, apart, Weights(gigabytes=5, imbalance=1)) / 1e6  # 6 s, 1 GB, 4 s where the mean is 3
    12.0
    """
    if weights is None:
        return float(schedule.makespan_us)
    price = weights.time * schedule.makespan_us
    if weights.gigabytes:
        price += weights.gigabytes * MICROSECONDS * sent_bytes(problem, schedule) / GIGABYTE
    if weights.imbalance:
        price += weights.imbalance * imbalance_us(problem, schedule)
    return float(price)


def sent_bytes(problem: Problem, schedule: Schedule) -> int:
    """Give the bytes of all edges between different executors."""
    executor = problem.slot_executor[schedule.slot]
    target = np.repeat(np.arange(problem.n), np.diff(problem.pred_ptr))
    return int(problem.edge_bytes[executor[problem.pred] != executor[target]].sum())


def imbalance_us(problem: Problem, schedule: Schedule) -> float:
    """Give the time by which the busiest slot is busier than the mean of all slots."""
    busy = np.bincount(schedule.slot, weights=schedule.finish_us - schedule.start_us, minlength=problem.n_slots)
    return float(busy.max() - busy.mean())

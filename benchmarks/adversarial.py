"""Instances on which a method is far behind auto, and whether there is one on which auto is behind a method.

J. Coleman, B. Krishnamachari, Comparing task graph scheduling algorithms: an adversarial approach, 2024,
arXiv:2403.07120: simulated annealing over small instances, whose neighbours differ by one speed, time, size or edge.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from planner import Cluster, Executor, Graph, Network
from planner.bounds import lower_bound
from planner.cost import Problem
from planner.schedulers import auto, get, methods

__all__ = ["Hunt", "hunt"]

MOST_TASKS, EXECUTORS = 8, 3
COOLING, HOTTEST = 0.985, 0.3


@dataclass(frozen=True)
class Instance:
    """Tasks, edges and executors, with weights from 0.1 to 1."""

    work: tuple[float, ...]
    edges: dict[tuple[int, int], float]
    speed: tuple[float, ...]
    bandwidth: float = 1.0

    def problem(self) -> Problem:
        pairs = list(self.edges)
        graph = Graph.from_arrays(
            work=self.work,
            source=[a for a, _ in pairs],
            target=[b for _, b in pairs],
            edge_bytes=[round(1000 * self.edges[pair]) for pair in pairs],
        )
        executors = tuple(Executor(str(i), speed=speed) for i, speed in enumerate(self.speed))
        return Problem.of(graph, Cluster(executors, Network(0, 1000 * self.bandwidth)))


@dataclass
class Hunt:
    """The worst that was found for a method: how far behind auto it is, and how far auto is behind it."""

    behind: float = 1.0
    ahead: float = 0.0
    tried: int = field(default=0)


def hunt(name: str, steps: int, seed: int = 0) -> Hunt:
    """Look for instances on which a method is as far behind auto as can be, or auto behind it."""
    draw, found = np.random.default_rng(seed), Hunt()
    here = first(draw)
    worth, heat = judged(name, here, found), HOTTEST
    for _ in range(steps):
        there = neighbour(here, draw)
        now = judged(name, there, found)
        if now >= worth or draw.random() < math.exp((now - worth) / heat):
            here, worth = there, now
        heat *= COOLING
    return found


def judged(name: str, instance: Instance, found: Hunt) -> float:
    problem, method = instance.problem(), get(name)
    if method.refuses(problem):
        return 0.0
    best = auto(problem, lower_bound(problem), 0, schedules=1000).schedule.makespan_us
    theirs = method.schedule(problem, 0).makespan_us
    found.tried += 1
    if best and theirs:
        found.behind, found.ahead = max(found.behind, theirs / best), max(found.ahead, best / theirs)
    return theirs / best if best else 1.0


def first(draw: np.random.Generator) -> Instance:
    n = int(draw.integers(3, 6))
    pairs = [(a, b) for b in range(n) for a in range(b) if draw.random() < 0.4]
    weights = draw.uniform(0.1, 1, n + len(pairs) + EXECUTORS).round(2).tolist()
    return Instance(tuple(weights[:n]), dict(zip(pairs, weights[n:], strict=False)), tuple(weights[-EXECUTORS:]))


def neighbour(here: Instance, draw: np.random.Generator) -> Instance:
    n, kind = len(here.work), int(draw.integers(6))
    weight = round(float(draw.uniform(0.1, 1)), 2)
    if kind == 0:
        at = int(draw.integers(n))
        return replace(here, work=(*here.work[:at], weight, *here.work[at + 1 :]))
    if kind == 1:
        at = int(draw.integers(EXECUTORS))
        return replace(here, speed=(*here.speed[:at], weight, *here.speed[at + 1 :]))
    if kind == 2:
        return replace(here, bandwidth=weight)
    if kind == 3 and n < MOST_TASKS:
        return replace(here, work=(*here.work, weight))
    pair = tuple(sorted(draw.choice(n, 2, replace=False).tolist()))
    edges = {known: size for known, size in here.edges.items() if known != pair}
    return replace(here, edges=edges if kind == 4 and pair in here.edges else {**edges, pair: weight})


def rows(steps: int) -> list[tuple[str, Hunt]]:
    """Hunt for every method but the searches, which take a second an instance, and the exact one."""
    names = [method.name for method in methods() if not method.search and method.name != "exact"]
    return [(name, hunt(name, steps)) for name in names]

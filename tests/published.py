"""The examples that were published with the methods: times per task and executor, and transfers."""

from __future__ import annotations

from planner.cost import Problem
from planner.model import Cluster, Executor, Graph, Network

__all__ = ["S", "arabnejad", "topcuoglu"]

S = 10**6


def topcuoglu() -> Problem:
    """Give figure 2 and table 1 of Topcuoglu, Hariri & Wu 2002: ten tasks on three executors."""
    return _problem(
        [
            (14, 16, 9),
            (13, 19, 18),
            (11, 13, 19),
            (13, 8, 17),
            (12, 13, 10),
            (13, 16, 9),
            (7, 15, 11),
            (5, 11, 14),
            (18, 12, 20),
            (21, 7, 16),
        ],
        [
            (1, 2, 18),
            (1, 3, 12),
            (1, 4, 9),
            (1, 5, 11),
            (1, 6, 14),
            (2, 8, 19),
            (2, 9, 16),
            (3, 7, 23),
            (4, 8, 27),
            (4, 9, 23),
            (5, 9, 13),
            (6, 8, 15),
            (7, 10, 17),
            (8, 10, 11),
            (9, 10, 13),
        ],
    )


def arabnejad() -> Problem:
    """Give figure 1 of Arabnejad & Barbosa 2014: ten tasks on three executors."""
    return _problem(
        [
            (22, 21, 36),
            (22, 18, 18),
            (32, 27, 43),
            (7, 10, 4),
            (29, 27, 35),
            (26, 17, 24),
            (14, 25, 30),
            (29, 23, 36),
            (15, 21, 8),
            (13, 16, 33),
        ],
        [
            (1, 2, 17),
            (1, 3, 31),
            (1, 4, 29),
            (1, 5, 13),
            (1, 6, 7),
            (2, 8, 3),
            (2, 9, 30),
            (3, 7, 16),
            (4, 8, 11),
            (4, 9, 7),
            (5, 9, 57),
            (6, 8, 5),
            (7, 10, 9),
            (8, 10, 42),
            (9, 10, 7),
        ],
    )


def _problem(times: list[tuple[int, ...]], edges: list[tuple[int, int, int]]) -> Problem:
    kinds = [str(task) for task in range(1, len(times) + 1)]
    executors = tuple(
        Executor(f"p{e + 1}", speeds={kind: 1 / row[e] for kind, row in zip(kinds, times, strict=True)})
        for e in range(len(times[0]))
    )
    graph = Graph.from_arrays(
        work=[1] * len(times),
        kind=kinds,
        source=[source - 1 for source, _, _ in edges],
        target=[target - 1 for _, target, _ in edges],
        edge_bytes=[time * S for _, _, time in edges],
    )
    return Problem.of(graph, Cluster(executors, Network(0, 10**6)))

"""Graphs and clusters that every method is held to."""

from __future__ import annotations

import numpy as np

from planner.model import Cluster, Executor, Graph, Link, Network

__all__ = ["CLUSTERS", "GRAPHS"]

MB = 10**6


def _layered(n: int, width: int, seed: int) -> Graph:
    draw = np.random.default_rng(seed)
    edges = [
        (b, int(a)) for b in range(width, n) for a in draw.choice(width, 2, replace=False) + (b // width - 1) * width
    ]
    return Graph.from_arrays(
        work=draw.lognormal(0, 1, n),
        source=[a for _, a in edges],
        target=[b for b, _ in edges],
        output=draw.integers(0, 3 * MB, n),
        memory=draw.integers(0, 400 * MB, n),
    )


GRAPHS: dict[str, Graph] = {
    "empty": Graph.from_arrays(work=[]),
    "one task": Graph.from_arrays(work=[2]),
    "chain": Graph.from_arrays(work=[1, 2, 3, 4], source=[0, 1, 2], target=[1, 2, 3], output=[MB] * 4),
    "fork and join": Graph.from_arrays(
        work=[1, 5, 4, 3, 2, 1], source=[0, 0, 0, 0, 1, 2, 3, 4], target=[1, 2, 3, 4, 5, 5, 5, 5], output=[MB] * 6
    ),
    "independent": Graph.from_arrays(work=[3, 3, 2, 2, 2]),
    "no length": Graph.from_arrays(work=[0, 0, 1, 0, 0], source=[0, 1, 1, 2], target=[1, 2, 3, 4], output=[MB] * 5),
    "costly to part": Graph.from_arrays(
        work=[1] * 6, source=[0, 0, 0, 0, 1, 2, 3, 4], target=[1, 2, 3, 4, 5, 5, 5, 5], output=[10**10] * 6
    ),
    "layered": _layered(60, 6, 0),
    "wide": _layered(120, 40, 1),
    "memory": Graph.from_arrays(work=[2, 2, 2, 2, 1], memory=[600 * MB] * 4 + [0]),
}

CLUSTERS: dict[str, Cluster] = {
    "one slot": Cluster.uniform(1),
    "three equal": Cluster.uniform(3, network=Network(1000, 100 * MB)),
    "two of four slots, little memory": Cluster.uniform(2, 4, memory_bytes=1000 * MB, network=Network(0, 50 * MB)),
    "four speeds, three hosts": Cluster(
        tuple(Executor(f"e{i}", host=f"h{i % 3}", slots=1 + i % 2, speed=0.5 * (i + 1)) for i in range(4)),
        Network(2000, 10 * MB, (Link(("h0", "h1"), 50_000, MB), Link(("h1", "h2"), 0, 1000 * MB))),
        overhead_us=1000,
    ),
    "one small, one large": Cluster((Executor("small", memory_bytes=500 * MB), Executor("large", slots=2, speed=2.0))),
}

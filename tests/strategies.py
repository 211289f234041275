"""Random graphs and clusters, small enough to try everything on."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from hypothesis import strategies as st

from planner.model import Cluster, Executor, Graph, Link, Network, Pin, Replicas

__all__ = ["asking", "clusters", "graphs", "places"]

LARGEST = 5
"""Of memory, in bytes: at least one executor of every cluster holds it."""


@st.composite
def graphs(draw: st.DrawFn, most: int = 12) -> Graph:
    """Draw up to `most` tasks of 0 to 5 s, bytes and memory from 0 to 5, in no order of their numbers."""
    n = draw(st.integers(1, most))
    name = draw(st.permutations(range(n)))
    pairs = [(name[a], name[b]) for b in range(n) for a in range(b)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=2 * n)) if pairs else []
    numbers = st.lists(st.integers(0, LARGEST), min_size=n, max_size=n)
    return Graph.from_arrays(
        work=draw(numbers),
        source=[a for a, _ in edges],
        target=[b for _, b in edges],
        output=draw(numbers),
        memory=draw(numbers),
    )


@st.composite
def clusters(draw: st.DrawFn, most: int = 4) -> Cluster:
    """Draw up to `most` executors of several speeds and memories, on two hosts, with a network that may be free."""
    speeds = draw(st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.0]), min_size=1, max_size=most))
    memory = [draw(st.sampled_from([None, 2, 5, 8])) for _ in speeds]
    if all(limit is not None and limit < LARGEST for limit in memory):
        memory[-1] = LARGEST
    slots = draw(st.integers(1, 2)) if len(speeds) < 3 else 1
    executors = tuple(
        Executor(str(i), host=f"h{i % 2}", slots=slots, speed=speed, memory_bytes=limit)
        for i, (speed, limit) in enumerate(zip(speeds, memory, strict=True))
    )
    links = (Link(("h0", "h1"), 2_000_000, 1.0),) if len(speeds) > 1 and draw(st.booleans()) else ()
    latency, bandwidth = draw(st.sampled_from([0, 500_000])), draw(st.sampled_from([np.inf, 2.0]))
    return Cluster(executors, Network(latency, bandwidth, links), overhead_us=draw(st.sampled_from([0, 0, 1000])))


@st.composite
def places(draw: st.DrawFn, n: int, names: st.SearchStrategy[str]) -> tuple[dict[int, Pin], dict[int, str]]:
    """Draw where some of `n` tasks may run, and groups that some are in."""
    if n == 0:
        return {}, {}
    tasks, maybe = st.integers(0, n - 1), st.none() | names
    pins = st.builds(Pin, maybe, maybe, maybe).filter(lambda pin: pin != Pin())
    return draw(st.dictionaries(tasks, pins, max_size=3)), draw(st.dictionaries(tasks, names, max_size=4))


@st.composite
def asking(draw: st.DrawFn, n: int, but: Collection[int] = (), most: int = 4) -> dict[str, Any]:
    """Draw what some of `n` tasks ask for against losses, for `Graph.from_arrays`; no replicas of `but`."""
    if n == 0:
        return {}
    tasks = st.integers(0, n - 1)
    replicas = draw(
        st.dictionaries(
            tasks, st.builds(Replicas, st.integers(2, most), st.sampled_from(["standby", "active"])), max_size=3
        )
    )
    return {
        "replicas": {task: wanted for task, wanted in replicas.items() if task not in but},
        "retries": draw(st.dictionaries(tasks, st.integers(1, 10**6), max_size=3)),
        "timeouts_us": draw(st.dictionaries(tasks, st.integers(1, 10**15), max_size=3)),
    }

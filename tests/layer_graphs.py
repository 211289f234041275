"""Small layer graphs, drawn at random, and the best of all their contiguous splits, by trying each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st

from planner.model import LayerGraph

__all__ = ["best_by_hand", "best_dealt_out", "layer_graphs"]


@st.composite
def layer_graphs(draw: st.DrawFn, most: int = 6) -> LayerGraph:
    """Draw a graph of few layers; some stay together, some run on hosts only, some are parameters to bring in line."""
    n = draw(st.integers(1, most))
    numbers = st.lists(st.integers(0, 9), min_size=n, max_size=n)
    pairs = [(a, b) for a in range(n) for b in range(a + 1, n)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    passes = 2 if n <= 3 and draw(st.booleans()) else 1  # with a backward pass, the forward one mirrored
    n *= passes
    numbers = st.lists(st.integers(0, 9), min_size=n, max_size=n)
    half = n // 2
    if passes == 2:
        edges += [(half + b, half + a) for a, b in edges] + [(half - 1, n - 1)]
    color = draw(st.lists(st.integers(0, n), min_size=n // passes, max_size=n // passes)) * passes
    return LayerGraph.from_arrays(
        time_ns=[100 * time for time in draw(numbers)],
        host_ns=[400 * time for time in draw(numbers)],
        supported=draw(st.lists(st.sampled_from([True, True, True, False]), min_size=n, max_size=n)),
        memory_bytes=draw(numbers),
        output_bytes=[10 * size for size in draw(numbers)],
        sync_bytes=draw(numbers),
        color_class=color,
        backward=np.arange(n) >= n // passes,
        source=[a for a, _ in edges],
        target=[b for _, b in edges],
    )


def _splits(graph: LayerGraph, stages: int) -> Iterator[list[int]]:
    """Give every way to part the layers into stages in an order that data can walk."""
    edges = [(a, int(b)) for a in range(graph.n) for b in graph.successors(a) if not graph.backward[b]]
    colors = graph.color_class.tolist()
    for stage in itertools.product(range(stages), repeat=graph.n):
        used = set(stage)
        together = all(stage[colors.index(color)] == s for color, s in zip(colors, stage, strict=True))
        if used == set(range(len(used))) and together and all(stage[a] <= stage[b] for a, b in edges):
            yield list(stage)


def best_by_hand(
    graph: LayerGraph,
    executors: int,
    hosts: int,
    memory: int | None,
    *,
    replicate: bool,
    overlap: bool,
    bandwidth: float,
) -> float | None:
    """Give the smallest bottleneck in nanoseconds; None, where nothing fits."""
    best: float | None = None
    for stage in _splits(graph, min(graph.n, executors + hosts)):
        parts = [[i for i, s in enumerate(stage) if s == k] for k in range(max(stage) + 1)]
        most = executors if replicate else 1
        for copies in itertools.product(range(most + 1), repeat=len(parts)):
            if sum(copies) > executors or copies.count(0) > hosts:
                continue
            loads = [
                _load(graph, stage, k, part, m, memory, overlap, bandwidth)
                for k, (part, m) in enumerate(zip(parts, copies, strict=True))
            ]
            if None not in loads:
                worst = max(load for load in loads if load is not None)
                best = worst if best is None else min(best, worst)
    return best


def best_dealt_out(
    graph: LayerGraph, executors: int, stages: int, memory: int | None, *, overlap: bool, bandwidth: float
) -> float | None:
    """Give the smallest bottleneck where executors take any number of stages; None, where nothing fits."""
    best: float | None = None
    for stage in _splits(graph, min(graph.n, stages)):
        parts = [[i for i, s in enumerate(stage) if s == k] for k in range(max(stage) + 1)]
        loads = [_load(graph, stage, k, part, 1, memory, overlap, bandwidth) for k, part in enumerate(parts)]
        sizes = [int(graph.memory_bytes[part].sum()) for part in parts]
        for executor in itertools.product(range(executors), repeat=len(parts)):
            busy, held = [0.0] * executors, [0] * executors
            for at, load, size in zip(executor, loads, sizes, strict=True):
                busy[at] += load or 0.0
                held[at] += size
            if memory is None or max(held) <= memory:
                best = max(busy) if best is None else min(best, max(busy))
    return best


def _load(
    graph: LayerGraph,
    stage: list[int],
    k: int,
    part: list[int],
    m: int,
    memory: int | None,
    overlap: bool,
    bandwidth: float,
) -> float | None:
    if m == 0:
        return float(graph.host_ns[part].sum())
    if not graph.supported[part].all() or (memory is not None and graph.memory_bytes[part].sum() > memory):
        return None
    sent = into = out = 0.0
    for layer in range(graph.n):
        ends = {stage[layer], *(stage[int(b)] for b in graph.successors(layer))}
        cost = int(graph.output_bytes[layer]) / bandwidth * 1e9
        sent += cost if k in ends and len(ends) > 1 else 0
        into += cost if min(ends) < k <= max(ends) else 0
        out += cost if min(ends) <= k < max(ends) else 0
    sync = 4 * int(graph.sync_bytes[part].sum()) / bandwidth * 1e9 * (m - 1) / m
    work = float(graph.time_ns[part].sum()) + (0.0 if overlap else sent)
    alone = (work + sync) / m
    return max(alone, into / m, out / m) if overlap and k else alone

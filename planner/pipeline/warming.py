"""``warm(...)``: all that planning may need is compiled once, and kept for the processes that come."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from planner import kept
from planner.model.cluster import Cluster, Executor, Network
from planner.model.compiled import called
from planner.model.graph import Graph
from planner.model.layers import LayerGraph
from planner.model.progress import Progress
from planner.packing import lpt, multifit, repartition
from planner.pipeline.planning import plan
from planner.pipeline.replanning import replan
from planner.pipeline.simulating import simulate
from planner.rebalancing import Rebalancer
from planner.staging import Devices, blocks_of, split

__all__ = ["warm"]

_EQUAL = Cluster.uniform(3)
_MIXED = Cluster((Executor("a"), Executor("b", slots=2, speed=2.0), Executor("c")), Network(10, 1e6))
_SMALL = Cluster.uniform(2, 2, memory_bytes=40, network=_MIXED.network)
_MANY = 40_000


def warm(folder: Path, *, wait: bool = True) -> int:
    """Plan small problems of every kind, so that all loops are compiled for all types of numbers and arrays.

    Parameters
    ----------
    folder : Path
        What `planner.kept.place` gives.
    wait : bool
        Whether to wait for another process that is at it.

    Returns
    -------
    int
        How many loops are kept now; 0, if all had been, or another process is at it, or they cannot be kept.
    """
    with kept.compiling(folder, wait=wait) as note:
        if note is None:
            return 0
        with _rarely_collecting():
            for work in _WORK:
                work()
        loops = called()
        if not all(files for _, files in loops):
            return 0
        note((file for _, files in loops for file in files), (source for source, _ in loops))
        return len(loops)


@contextmanager
def _rarely_collecting() -> Iterator[None]:
    """Look for garbage less often: a compiler's objects are many and stay, and looking takes a sixth of its time."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 20, 1000)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _search() -> None:
    """Order tasks, on equal slots that exchange values for nothing, on others, and where values have little room."""
    for cluster in (_EQUAL, _MIXED, _SMALL):
        plan(_layered(150), cluster, iterations=20)


def _deal_out() -> None:
    """Place tasks that wait for nothing, which may take a time of their own on each executor."""
    work = np.arange(1, 50) * 7 % 53
    kinds = [f"k{i % 4}" for i in range(len(work))]
    executors = [Executor(f"e{i}", speeds={f"k{k}": 1 + (i * k) % 3 for k in range(4)}) for i in range(3)]
    plan(Graph.from_arrays(work=work, kind=kinds), Cluster(tuple(executors)), iterations=20)
    multifit(np.array([3, 3, 2, 2, 2]), 2)
    repartition(work, work % 4, 4, enough=0, seed=0, count=20)
    for speeds in ([1.0, 1.0], [1.0, 2.0]):
        lpt(work / 2, speeds)


def _ask_by_name() -> None:
    """Search as `auto` does not."""
    for method in ("genetic", "ant_colony"):
        plan(_layered(20), _MIXED, method=method)
    plan(Graph.from_arrays(work=[1, 2, 3]), _MIXED, method="iterated_greedy")


def _go_on() -> None:
    """Go on from where half of a plan was carried out, and carry out all of it in thought."""
    planned = plan(_layered(30), _MIXED, method="heft")
    now = int(np.median(planned.schedule.start_us))
    begun = planned.schedule.start_us < now
    slot = np.where(begun, planned.schedule.slot, -1).astype(np.int32)
    start, finish = (np.where(begun, each, 0) for each in (planned.schedule.start_us, planned.schedule.finish_us))
    replan(planned, Progress(now, slot, start, finish), iterations=20)
    simulate(planned)
    for cluster in (_EQUAL, _MIXED, _SMALL):
        planned = plan(_layered(150), cluster, iterations=1)
        Rebalancer(planned).decide(0, planned.schedule.slot, {})


def _be_many() -> None:
    """Do what is done otherwise for fewer tasks, or for fewer slots."""
    plan(_layered(_MANY), Cluster.uniform(80, network=_MIXED.network), method="critical_path")
    lpt(np.arange(_MANY), np.ones(3))


def _layered(n: int) -> Graph:
    """Let every task wait for two of those before it."""
    target = np.repeat(np.arange(10, n), 2)
    source = target - np.tile([7, 10], n - 10)
    return Graph.from_arrays(work=np.arange(n) * 7 % 11 + 1, source=source, target=target, output=np.arange(n) % 13)


def _split() -> None:
    """Split a model into stages, of so many layers that its loops are not run as they are written."""
    n = 400
    layers = LayerGraph.from_arrays(
        time_ns=[7] * n, output_bytes=[9] * n, source=np.arange(n - 1), target=np.arange(1, n)
    )
    split(blocks_of(layers, 1e9), Devices(4), layers.names)
    after = [b + 5 for b in range(30)]  # five branches, which can be cut in very many ways
    layers = LayerGraph.from_arrays(time_ns=[7] * 35, output_bytes=[9] * 35, source=range(30), target=after)
    split(blocks_of(layers, 1e9), Devices(12), layers.names)


_WORK = (_search, _deal_out, _ask_by_name, _go_on, _be_many, _split)

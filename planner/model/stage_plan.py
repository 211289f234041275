"""A stage plan: which layers of a model run together, on which executors, and how good that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from planner.model.arrays import Bool, Int32, Int64
from planner.model.layers import NANOSECONDS, LayerGraph

__all__ = ["StagePlan"]


@dataclass(frozen=True, eq=False)
class StagePlan:
    """The stages of a model, in the order in which micro-batches pass them.

    The layers of the stages before any cut are closed under predecessors, so data walks from stage to later stage only.
    In a graph with a backward pass that holds for the forward pass, and each stage runs its own backward layers.

    Attributes
    ----------
    graph : LayerGraph
    stage : ndarray of int32, shape (n,)
        The stage of each layer, from 0 on, all of them used.
    replicas : ndarray of int32, shape (stages,)
        How many executors run a copy of each stage; micro-batches are dealt to them in turn.
    executors : tuple of tuple of int, length stages
        The executors that hold each stage, as many as `replicas`; several stages may name the same one.
    on_host : ndarray of bool, shape (stages,)
        Whether its executors are hosts, counted from 0 apart from the accelerators.
    load_ns : ndarray of int64, shape (stages,)
        What one micro-batch costs each executor of a stage, on average: computing, sending and receiving, divided
        by the number of replicas, and what bringing these in line costs.
    memory_bytes : ndarray of int64, shape (stages,)
        What each executor of a stage holds of it.
    bottleneck_ns : int
        The largest sum of loads of one executor (or transfer, where links are devices of their own), or what all
        stages compute, and `carrying_ns` for each of them, over the cores that they share, if that is more: a
        micro-batch leaves the pipeline each so many nanoseconds.
    lower_bound_ns : int
        No plan under the same limits can have a smaller bottleneck.
    bound_reason : str
        Why, in words.
    n_executors : int
        How many there were to be used.
    memory_limit_bytes : int or None
        Of each executor.
    bandwidth : float
        Bytes a second, as in the plan's cost model; inf where transfers cost nothing or their costs were stated.
    method : str
    seconds : float
        Time that planning took.
    notes : tuple of str
        What a reader should know: why a search ended, what a number means.
    overlap : bool
        Whether executors send and receive while they compute: a stage then takes the longest of these, else their sum.
    cores : int or None
        That all executors have together; None, where each has one of its own.
    carrying_ns : int
        Processor time that each stage takes for a micro-batch besides its layers: to take it and to give it on.
    """

    graph: LayerGraph
    stage: Int32
    replicas: Int32
    executors: tuple[tuple[int, ...], ...]
    on_host: Bool
    load_ns: Int64
    memory_bytes: Int64
    bottleneck_ns: int
    lower_bound_ns: int
    bound_reason: str
    n_executors: int
    memory_limit_bytes: int | None
    bandwidth: float
    method: str
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    overlap: bool = False
    cores: int | None = None
    carrying_ns: int = 0

    @property
    def n_stages(self) -> int:
        """Number of stages."""
        return len(self.replicas)

    @property
    def gap(self) -> float:
        """How far the bottleneck is above the lower bound, relative to the bound: 0 is optimal."""
        if self.bottleneck_ns <= self.lower_bound_ns:
            return 0.0
        above = self.bottleneck_ns - self.lower_bound_ns
        return above / self.lower_bound_ns if self.lower_bound_ns else float("inf")

    @property
    def status(self) -> Literal["optimal", "feasible"]:
        """``optimal`` when the bottleneck meets its bound, else ``feasible``."""
        return "optimal" if self.bottleneck_ns <= self.lower_bound_ns else "feasible"

    @property
    def bottleneck(self) -> float:
        """Seconds from one micro-batch to the next."""
        return self.bottleneck_ns / NANOSECONDS

    @property
    def lower_bound(self) -> float:
        """Seconds below which no bottleneck can be."""
        return self.lower_bound_ns / NANOSECONDS

    @property
    def peak_memory_bytes(self) -> int:
        """The most that one executor holds, of all its stages; hosts, which have no limit, are not counted."""
        held: dict[int, int] = {}
        for stage, executors in enumerate(self.executors):
            for executor in () if self.on_host[stage] else executors:
                held[executor] = held.get(executor, 0) + int(self.memory_bytes[stage])
        return max(held.values(), default=0)

    def layers(self, stage: int) -> Int32:
        """Give the positions of the layers of a stage, in a topological order."""
        order: Int32 = self.graph.order
        inside: Int32 = order[self.stage[order] == stage]
        return inside

    def cut(self) -> tuple[Int32, Int32]:
        """Give the edges that cross from stage to stage: positions of their sources, and of their targets."""
        target = np.repeat(np.arange(self.graph.n, dtype=np.int32), np.diff(self.graph.pred_ptr))
        crosses = self.stage[self.graph.pred] != self.stage[target]
        return self.graph.pred[crosses], target[crosses]

    def __repr__(self) -> str:
        bound = f"lower bound {self.lower_bound:.4g} s, gap {self.gap:.2%}, {self.status}"
        what = f"{self.graph.n} layers in {self.n_stages} stages on {self.n_executors} executors"
        return f"StagePlan({what}, bottleneck {self.bottleneck:.4g} s, {bound}, {self.method})"

"""The cost model: a graph on a cluster as integer arrays, which is all that bounds, schedulers and simulation see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from planner.errors import Fault, InfeasibleError
from planner.model.arrays import Float64, Int32, Int64
from planner.model.cluster import Cluster
from planner.model.graph import Graph
from planner.model.units import format_bytes

__all__ = ["Problem"]


@dataclass(frozen=True, eq=False)
class Problem:
    """What a plan is computed from; times in integer microseconds, sizes in integer bytes.

    A task takes a fixed overhead plus its work divided by its executor's speed. An edge between executors takes the
    latency plus its bytes divided by the bandwidth, rounded up; inside one executor it takes nothing.

    Attributes
    ----------
    slot_executor : ndarray of int32, shape (slots,)
    executor_class : ndarray of int32, shape (executors,)
        Executors of one class take the same time for every task.
    time_us : ndarray of int64, shape (n, classes)
    pred_ptr, pred, edge_bytes, succ_ptr, succ, succ_edge, order
        As in `Graph`.
    class_speed : ndarray of float64, shape (classes,)
    network_class : ndarray of int32, shape (executors,)
    latency_us : ndarray of int64, shape (network classes, network classes)
    us_per_byte : ndarray of float64, shape (network classes, network classes)
    memory_bytes : ndarray of int64, shape (n,)
    executor_memory : ndarray of int64, shape (executors,)
        −1 where memory is not limited.
    """

    slot_executor: Int32
    executor_class: Int32
    time_us: Int64
    pred_ptr: Int64
    pred: Int32
    edge_bytes: Int64
    succ_ptr: Int64
    succ: Int32
    succ_edge: Int64
    order: Int32
    class_speed: Float64
    network_class: Int32
    latency_us: Int64
    us_per_byte: Float64
    memory_bytes: Int64
    executor_memory: Int64

    @classmethod
    def of(cls, graph: Graph, cluster: Cluster) -> Problem:
        """Price a graph on a cluster.

        Raises
        ------
        InfeasibleError
            Naming every task that fits no executor's memory.
        """
        speeds, executor_class = np.unique(cluster.speed, return_inverse=True)
        time_us = np.rint(graph.work_us[:, None] / speeds[None, :]).astype(np.int64) + cluster.overhead_us
        memory = np.array([-1 if e.memory_bytes is None else e.memory_bytes for e in cluster.executors], dtype=np.int64)
        _check_memory(graph, memory)
        return cls(
            slot_executor=cluster.slot_executor,
            executor_class=executor_class.astype(np.int32),
            time_us=time_us,
            pred_ptr=graph.pred_ptr,
            pred=graph.pred,
            edge_bytes=graph.edge_bytes,
            succ_ptr=graph.succ_ptr,
            succ=graph.succ,
            succ_edge=graph.succ_edge,
            order=graph.order,
            class_speed=speeds,
            network_class=cluster.network_class,
            latency_us=cluster.class_latency_us,
            us_per_byte=cluster.class_us_per_byte,
            memory_bytes=graph.memory_bytes,
            executor_memory=memory,
        )

    @property
    def n(self) -> int:
        """Number of tasks."""
        return len(self.memory_bytes)

    @property
    def n_slots(self) -> int:
        """Number of slots."""
        return len(self.slot_executor)

    @property
    def n_executors(self) -> int:
        """Number of executors."""
        return len(self.executor_class)

    @cached_property
    def first_slot(self) -> Int64:
        """Slots of executor ``e`` are ``first_slot[e]`` up to ``first_slot[e + 1]``; shape (executors + 1,)."""
        return np.searchsorted(self.slot_executor, np.arange(self.n_executors + 1))

    @cached_property
    def mean_time_us(self) -> Float64:
        """Time of each task averaged over slots; shape (n,)."""
        slots = np.bincount(self.executor_class[self.slot_executor], minlength=self.time_us.shape[1])
        mean: Float64 = self.time_us @ (slots / slots.sum())
        return mean

    @cached_property
    def mean_edge_us(self) -> Float64:
        """Time of each edge averaged over pairs of different executors; shape (m,); 0 when there is one executor."""
        if self.n_executors < 2:
            return np.zeros(len(self.edge_bytes))
        members = np.bincount(self.network_class, minlength=len(self.latency_us))
        pairs = np.outer(members, members) - np.diag(members)
        weights = pairs / pairs.sum()
        latency, per_byte = float((self.latency_us * weights).sum()), float((self.us_per_byte * weights).sum())
        return latency + self.edge_bytes.astype(np.float64) * per_byte

    @property
    def free_network(self) -> bool:
        """Whether moving values costs no time at all."""
        return self.n_executors < 2 or not (self.latency_us.any() or self.us_per_byte.any())

    @cached_property
    def fits(self) -> bool:
        """Whether memory can never stand in the way: every executor holds the largest tasks its slots can run."""
        limited = self.executor_memory >= 0
        if not limited.any() or not self.memory_bytes.any():
            return True
        largest = np.sort(self.memory_bytes)[::-1]
        together = np.cumsum(largest[: int(np.bincount(self.slot_executor).max())])
        slots = np.minimum(np.bincount(self.slot_executor, minlength=self.n_executors), len(together))
        return bool((together[slots - 1] <= self.executor_memory)[limited].all())

    def by_allowed_slots(self) -> Iterator[tuple[Int64, Int32]]:
        """Group the tasks by the slots whose executor's memory holds them.

        Yields
        ------
        tasks : ndarray of int64
        slots : ndarray of int32
            Both ascending; every task is in one group.
        """
        memory = np.where(self.executor_memory < 0, np.iinfo(np.int64).max, self.executor_memory)
        sizes = np.unique(memory)
        group = np.searchsorted(sizes, self.memory_bytes)  # the smallest memory that holds the task
        for g in np.unique(group).tolist():
            slots = np.flatnonzero(memory[self.slot_executor] >= sizes[g])
            yield np.flatnonzero(group == g), slots.astype(np.int32)


def _check_memory(graph: Graph, executor_memory: Int64) -> None:
    if (executor_memory < 0).any() or not len(executor_memory):
        return
    most = int(executor_memory.max())
    largest = f"the largest executor has {format_bytes(most)}, so it fits none"
    tasks = np.flatnonzero(graph.memory_bytes > most)
    if len(tasks):
        raise InfeasibleError(
            [
                Fault(
                    f"tasks[{graph.ids[int(task)].as_py()!r}].memory",
                    f"is {format_bytes(graph.memory_bytes[task])}; {largest}",
                )
                for task in tasks[:100]
            ]
        )

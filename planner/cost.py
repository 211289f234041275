"""The cost model: a graph on a cluster as integer arrays, which is all that bounds, schedulers and simulation see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from planner.model.arrays import Bool, Float64, Int32, Int64
from planner.model.cluster import Cluster
from planner.model.graph import Graph
from planner.model.progress import Progress
from planner.placement import apart_groups, host_numbers, placements

__all__ = ["Problem"]

_MOST_FOLLOWED = 20_000
"""Tasks up to which it is followed which values wait where."""


@dataclass(frozen=True, eq=False)
class Problem:
    """What a plan is computed from; times in integer microseconds, sizes in integer bytes.

    A task takes a fixed overhead plus its work divided by its executor's speed. An edge between executors takes the
    latency plus its bytes divided by the bandwidth, rounded up; inside one executor it takes nothing.

    Where work goes on from a `Progress`, tasks that have begun are `fixed`: they keep their place, and only the rest is
    planned.

    Attributes
    ----------
    slot_executor : ndarray of int32, shape (slots,)
    executor_class : ndarray of int32, shape (executors,)
        Executors of one class take the same time for every task.
    time_us : ndarray of int64, shape (n, classes)
    pred_ptr, pred, edge_bytes, succ_ptr, succ, succ_edge, order
        As in `Graph`.
    class_speed : ndarray of float64, shape (classes,)
        Of each class, averaged over kinds of tasks by their work.
    network_class : ndarray of int32, shape (executors,)
    latency_us : ndarray of int64, shape (network classes, network classes)
    us_per_byte : ndarray of float64, shape (network classes, network classes)
    memory_bytes : ndarray of int64, shape (n,)
        Held while a task runs.
    output_bytes : ndarray of int64, shape (n,)
        Held from a task's end on until the last task that waits for its value has started.
    executor_memory : ndarray of int64, shape (executors,)
        −1 where memory is not limited.
    place : ndarray of bool, shape (rows, executors)
        Which executors may take a task: those that its pin names, whose memory holds it, and that are not closed.
    place_row : ndarray of int32, shape (n,)
        Row of each task in `place`; tasks of one row are equal in this.
    apart : ndarray of int32, shape (n,)
        Group of tasks that run on different executors, from 0; −1 where a task is in none.
    apart_host : ndarray of bool, shape (groups,)
        Whether a group is on different hosts, too.
    host : ndarray of int32, shape (executors,)
        Number of each executor's host.
    fixed_slot : ndarray of int32, shape (n,)
        Slot of a task that has begun; −1 for the others.
    fixed_start_us, fixed_finish_us : ndarray of int64, shape (n,)
    slot_ready_us : ndarray of int64, shape (slots,)
        When each slot can start something new.
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
    output_bytes: Int64
    executor_memory: Int64
    place: Bool
    place_row: Int32
    apart: Int32
    apart_host: Bool
    host: Int32
    fixed_slot: Int32
    fixed_start_us: Int64
    fixed_finish_us: Int64
    slot_ready_us: Int64

    @classmethod
    def of(cls, graph: Graph, cluster: Cluster, progress: Progress | None = None) -> Problem:
        """Price a graph on a cluster.

        Parameters
        ----------
        graph : Graph
        cluster : Cluster
        progress : Progress, optional
            What has begun; nothing, if left out.

        Raises
        ------
        InfeasibleError
            Naming every task that fits no executor's memory, whose pin names none, or whose group cannot be kept apart.
        """
        time_us, executor_class, class_speed = _times(graph, cluster)
        memory = np.array([-1 if e.memory_bytes is None else e.memory_bytes for e in cluster.executors], dtype=np.int64)
        begun = Progress.none(graph.n) if progress is None else progress
        place, place_row = placements(graph, cluster, begun)
        apart = apart_groups(graph, cluster, begun, place, place_row)
        return cls(
            slot_executor=cluster.slot_executor,
            executor_class=executor_class,
            time_us=time_us,
            pred_ptr=graph.pred_ptr,
            pred=graph.pred,
            edge_bytes=graph.edge_bytes,
            succ_ptr=graph.succ_ptr,
            succ=graph.succ,
            succ_edge=graph.succ_edge,
            order=graph.order,
            class_speed=class_speed,
            network_class=cluster.network_class,
            latency_us=cluster.class_latency_us,
            us_per_byte=cluster.class_us_per_byte,
            memory_bytes=graph.memory_bytes,
            output_bytes=graph.output_bytes,
            executor_memory=memory,
            place=place,
            place_row=place_row,
            apart=apart.of,
            apart_host=apart.by_host,
            host=host_numbers(cluster),
            fixed_slot=begun.slot,
            fixed_start_us=begun.start_us,
            fixed_finish_us=begun.finish_us,
            slot_ready_us=_slot_ready(cluster, begun),
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
        """Whether memory can never stand in the way, neither of tasks that run together nor of values that wait."""
        limited = self.executor_memory >= 0
        return not len(self.waiting_bytes) and bool((self._running_bytes <= self.executor_memory)[limited].all())

    @cached_property
    def takers(self) -> Int32:
        """How many tasks wait for each value; of shape (0,) where values that wait can never stand in the way."""
        return np.diff(self.succ_ptr).astype(np.int32)[: len(self.waiting_bytes)]

    @cached_property
    def waiting_bytes(self) -> Int64:
        """Bytes of each value that others wait for; of shape (0,) where these can never stand in the way.

        Of more than twenty thousand tasks values are not counted: to follow all of them takes too long.
        """
        none, limited = np.zeros(0, dtype=np.int64), self.executor_memory >= 0
        if not limited.any() or not self.output_bytes.any() or self.n > _MOST_FOLLOWED:
            return none
        waiting: Int64 = np.where(np.diff(self.succ_ptr) > 0, self.output_bytes, 0)
        room = (self.executor_memory - self._running_bytes)[limited].min()
        return waiting if int(waiting.sum()) > room else none

    @cached_property
    def _running_bytes(self) -> Int64:
        """The most that tasks running together can hold on each executor; shape (executors,)."""
        slots = np.bincount(self.slot_executor, minlength=self.n_executors)
        largest = np.sort(self.memory_bytes)[::-1][: int(slots.max())]
        return np.concatenate([[0], np.cumsum(largest)])[np.minimum(slots, len(largest))]

    @cached_property
    def edge_us(self) -> Int64:
        """Time of each edge between different executors, where all pairs of them are equal; else of shape (0,)."""
        if len(self.latency_us) > 1:
            return np.zeros(0, dtype=np.int64)
        latency, per_byte = int(self.latency_us[0, 0]), float(self.us_per_byte[0, 0])
        if per_byte == 0:
            return np.full(len(self.pred), latency)
        edge_us: Int64 = latency + np.ceil(self.edge_bytes * per_byte - 1e-6).astype(np.int64)
        return edge_us

    @cached_property
    def apart_member(self) -> Int32:
        """The tasks of all groups that stay apart, group by group."""
        members = np.flatnonzero(self.apart >= 0)
        return members[np.argsort(self.apart[members], kind="stable")].astype(np.int32)

    @cached_property
    def apart_ptr(self) -> Int64:
        """Members of group ``g`` stand at ``apart_ptr[g]`` up to ``apart_ptr[g + 1]`` in `apart_member`."""
        groups = int(self.apart.max(initial=-1)) + 1
        return np.searchsorted(self.apart[self.apart_member], np.arange(groups + 1))

    @cached_property
    def fresh(self) -> bool:
        """Whether nothing has begun, and every slot is free from 0 on."""
        return not (self.slot_ready_us.any() or (self.fixed_slot >= 0).any())

    @cached_property
    def anywhere(self) -> bool:
        """Whether every task may run on every executor, beside every other."""
        return bool(self.place.all()) and not (self.apart >= 0).any()

    def by_allowed_slots(self) -> Iterator[tuple[Int64, Int32]]:
        """Group the tasks by the slots whose executors may take them.

        Yields
        ------
        tasks : ndarray of int64
        slots : ndarray of int32
            Both ascending; every task that has not begun is in one group.
        """
        for row in range(len(self.place)):
            slots = np.flatnonzero(self.place[row][self.slot_executor]).astype(np.int32)
            tasks = np.flatnonzero((self.place_row == row) & (self.fixed_slot < 0))
            if len(tasks):
                yield tasks, slots


def _times(graph: Graph, cluster: Cluster) -> tuple[Int64, Int32, Float64]:
    """Give times by class of executors, the class of each executor, and the mean speed of each class."""
    speeds, executor_class = np.unique(cluster.speeds_for(graph.kinds), axis=1, return_inverse=True)
    speed = speeds[0][None, :] if len(graph.kinds) == 1 else speeds[graph.kind]
    time_us = np.rint(graph.work_us[:, None] / speed).astype(np.int64) + cluster.overhead_us
    if (speeds == speeds[0]).all():
        mean = speeds[0]
    else:
        work = np.bincount(graph.kind, weights=graph.work_us, minlength=len(graph.kinds)) + 1e-9
        mean = work.sum() / (work[:, None] / speeds).sum(axis=0)
    return time_us, executor_class.reshape(-1).astype(np.int32), mean


def _slot_ready(cluster: Cluster, progress: Progress) -> Int64:
    ready = np.full(cluster.n_slots, progress.now_us, dtype=np.int64)
    begun = progress.begun
    np.maximum.at(ready, progress.slot[begun], progress.finish_us[begun])
    for slot, free_us in (progress.slot_free_us or {}).items():
        ready[slot] = max(int(ready[slot]), free_us)
    return ready

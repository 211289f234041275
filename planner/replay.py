"""The simulator: a plan replayed in another world, where executors are slower and times vary."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from planner.errors import Fault, InputError
from planner.model.arrays import Float64, Int32, Int64
from planner.model.cluster import Cluster
from planner.model.compiled import compiled
from planner.model.graph import Graph
from planner.model.plan import Schedule

__all__ = ["replay"]


def replay(
    graph: Graph,
    cluster: Cluster,
    schedule: Schedule,
    *,
    noise: float = 0.0,
    slow: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Schedule:
    """Run a schedule in thought: every slot keeps its tasks and their order, and each starts as soon as it can.

    Where memory is limited, an executor starts its tasks in the order in which they were planned to start, each as soon
    as those that still run leave it enough.

    Parameters
    ----------
    graph, cluster, schedule
        A valid plan.
    noise : float
        Times are multiplied by log-normal factors of median 1 and this sigma.
    slow : mapping of executor id to float
        Factor by which each of these executors is slower than planned.
    seed : int
        Of the noise.

    Returns
    -------
    Schedule
        Without noise and slow executors it never ends later than the plan.

    Raises
    ------
    InputError
        For noise below 0, unknown executors, factors that are not above 0.
    """
    factor = _factors(cluster, slow or {}, noise)
    executor = cluster.slot_executor[schedule.slot]
    time = (schedule.finish_us - schedule.start_us) * factor[executor]
    if noise:
        time = time * np.exp(np.random.default_rng(seed).normal(0.0, noise, graph.n))
    position = np.empty(graph.n, dtype=np.int64)
    position[graph.order] = np.arange(graph.n)
    order = np.lexsort((position, schedule.finish_us, schedule.start_us)).astype(np.int32)
    memory = np.array([-1 if e.memory_bytes is None else e.memory_bytes for e in cluster.executors], dtype=np.int64)
    start, finish = _replayed(
        order,
        schedule.slot,
        np.rint(time).astype(np.int64),
        graph.pred_ptr,
        graph.pred,
        _sending(graph, cluster, executor),
        _Room(executor, graph.memory_bytes, memory, np.searchsorted(cluster.slot_executor, np.arange(len(memory) + 1))),
    )
    return Schedule(schedule.slot, start, finish)


class _Room(NamedTuple):
    executor: Int32
    memory_bytes: Int64
    executor_memory: Int64
    first_slot: Int64


def _factors(cluster: Cluster, slow: Mapping[str, float], noise: float) -> Float64:
    faults = []
    if not (math.isfinite(noise) and noise >= 0):
        faults.append(Fault("noise", f"is {noise}; expected a sigma of 0 or more"))
    ids = [executor.id for executor in cluster.executors]
    factor = np.ones(len(ids))
    for name, times in slow.items():
        if name not in ids:
            near = difflib.get_close_matches(name, ids, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            shown = ", ".join(ids[:8]) + (" …" if len(ids) > 8 else "")
            faults.append(Fault(f"slow[{name!r}]", f"is no executor of the plan; {hint}expected one of {shown}"))
        elif not (math.isfinite(times) and times > 0):
            faults.append(Fault(f"slow[{name!r}]", f"is {times}; expected a factor above 0"))
        else:
            factor[ids.index(name)] = times
    if faults:
        raise InputError(faults)
    return factor


def _sending(graph: Graph, cluster: Cluster, executor: Any) -> Int64:
    there = executor[graph.pred]
    here = np.repeat(executor, np.diff(graph.pred_ptr))
    pair = cluster.network_class[there], cluster.network_class[here]
    exact = graph.edge_bytes * cluster.class_us_per_byte[pair]
    return np.where(there == here, 0, cluster.class_latency_us[pair] + np.ceil(exact - 1e-6).astype(np.int64))


@compiled
def _replayed(order: Any, slot: Any, time: Any, pred_ptr: Any, pred: Any, sending: Any, room: Any) -> Any:
    start, finish = np.zeros(len(order), np.int64), np.zeros(len(order), np.int64)
    free = np.zeros(room.first_slot[-1], np.int64)
    holding = np.full(room.first_slot[-1], -1, np.int64)  # the last task that each slot began and that holds memory
    begun = np.zeros(len(room.executor_memory), np.int64)  # when each executor last began a task that holds memory
    for k in range(len(order)):
        task = order[k]
        executor, holds = room.executor[task], room.memory_bytes[task]
        limit = room.executor_memory[executor]
        begin = free[slot[task]]
        for i in range(pred_ptr[task], pred_ptr[task + 1]):
            begin = max(begin, finish[pred[i]] + sending[i])
        if limit >= 0 and holds > 0 and time[task] > 0:
            begin = max(begin, begun[executor])
            begin = begun[executor] = _room_at(executor, begin, limit - holds, holding, finish, room)
            holding[slot[task]] = task
        start[task], finish[task] = begin, begin + time[task]
        free[slot[task]] = finish[task]
    return start, finish


@compiled
def _room_at(executor: Any, begin: Any, left: Any, holding: Any, finish: Any, room: Any) -> Any:
    """When, from `begin` on, the tasks that run on an executor hold no more than `left`."""
    while True:
        held, soonest = np.int64(0), np.int64(-1)
        for s in range(room.first_slot[executor], room.first_slot[executor + 1]):
            task = holding[s]
            if task >= 0 and finish[task] > begin:
                held += room.memory_bytes[task]
                soonest = finish[task] if soonest < 0 else min(soonest, finish[task])
        if held <= left or soonest < 0:
            return begin
        begin = soonest

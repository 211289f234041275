"""The simulator: a plan replayed in another world, where executors are slower and times vary."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from planner.errors import Fault, InputError
from planner.model.arrays import Float64, Int64
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
    start, finish = _replayed(
        order,
        schedule.slot,
        np.rint(time).astype(np.int64),
        graph.pred_ptr,
        graph.pred,
        _sending(graph, cluster, executor),
    )
    return Schedule(schedule.slot, start, finish)


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
def _replayed(order: Any, slot: Any, time: Any, pred_ptr: Any, pred: Any, sending: Any) -> Any:
    start, finish = np.zeros(len(order), np.int64), np.zeros(len(order), np.int64)
    free = np.zeros(slot.max() + 1 if len(slot) else 0, np.int64)
    for k in range(len(order)):
        task = order[k]
        begin = free[slot[task]]
        for i in range(pred_ptr[task], pred_ptr[task + 1]):
            begin = max(begin, finish[pred[i]] + sending[i])
        start[task], finish[task] = begin, begin + time[task]
        free[slot[task]] = finish[task]
    return start, finish

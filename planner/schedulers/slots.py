"""Slots as linked lists of tasks in time order, and when the inputs of a task arrive: the kernels' moving parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from planner.model.compiled import inlined

__all__ = ["alone", "arrival", "arrivals", "empty", "extend", "gap", "look", "put", "take", "transfer"]


@inlined
def transfer(p: Any, edge: Any, row: Any, column: Any) -> Any:
    """Give the time of an edge between executors of two network classes."""
    if len(p.edge_us):
        return p.edge_us[edge]
    return p.latency_us[row, column] + np.int64(np.ceil(p.edge_bytes[edge] * p.us_per_byte[row, column] - 1e-6))


@inlined
def arrivals(p: Any, at: Any, task: Any) -> None:
    """Find when the inputs of a task are there, for executors of each network class: see `arrival`.

    All executors of a class wait for the latest input, but for the one that it comes from: that one waits for the
    latest from elsewhere, and for its own.
    """
    for c in range(len(at.latest)):
        latest, second, own, source = np.int64(0), np.int64(0), np.int64(0), np.int32(-1)
        for i in range(p.pred_ptr[task], p.pred_ptr[task + 1]):
            there, ended = p.slot_executor[at.slot[p.pred[i]]], at.finish[p.pred[i]]
            arrives = ended + transfer(p, i, p.network_class[there], c)
            if there == source:
                latest, own = max(latest, arrives), max(own, ended)
            elif arrives > latest or source < 0:
                second, latest, source, own = latest, arrives, there, ended
            else:
                second = max(second, arrives)
        # Of three or more, an early one may have come from where the latest came from: then it is its own.
        if p.pred_ptr[task + 1] - p.pred_ptr[task] > 2:
            second, own = np.int64(0), np.int64(0)
            for i in range(p.pred_ptr[task], p.pred_ptr[task + 1]):
                there, ended = p.slot_executor[at.slot[p.pred[i]]], at.finish[p.pred[i]]
                if there == source:
                    own = max(own, ended)
                else:
                    second = max(second, ended + transfer(p, i, p.network_class[there], c))
        at.latest[c], at.second[c], at.own[c], at.source[c] = latest, second, own, source


@inlined
def arrival(p: Any, at: Any, executor: Any) -> Any:
    """Give the time at which all inputs of the task that `arrivals` looked at are on an executor."""
    c = p.network_class[executor]
    return max(at.own[c], at.second[c]) if executor == at.source[c] else at.latest[c]


@inlined
def alone(p: Any, at: Any, task: Any, executor: Any) -> bool:
    """Tell whether no task that has to be apart from this one is on an executor, or on its host where hosts count."""
    group = p.apart[task]
    for i in range(p.apart_ptr[group], p.apart_ptr[group + 1]):
        other = at.slot[p.apart_member[i]]
        if p.apart_member[i] != task and other >= 0:
            there = p.slot_executor[other]
            if there == executor or (p.apart_host[group] and p.host[there] == p.host[executor]):
                return False
    return True


@inlined
def gap(at: Any, s: Any, ready: Any, length: Any, insertion: bool) -> Any:
    """Find the earliest start on a slot from `ready` on, and the task it comes behind there (−1: it is the first)."""
    prior = at.tail[s]
    if prior < 0:
        return ready, prior
    if not insertion or at.finish[prior] <= ready:
        return max(ready, at.finish[prior]), prior
    if length > at.widest[s] or (length > 0 and ready >= at.dense_us[s]):
        return at.finish[prior], prior
    while prior >= 0 and at.finish[prior] > ready:
        prior = at.before[prior]
    following = at.after[prior] if prior >= 0 else at.head[s]
    begins = ready
    while following >= 0 and at.start[following] < begins + length:
        begins = at.finish[following]
        prior, following = following, at.after[following]
    return begins, prior


@inlined
def put(p: Any, at: Any, task: Any, s: Any, prior: Any) -> None:
    """Put a task on a slot, behind another (−1: at the head)."""
    following = at.head[s] if prior < 0 else at.after[prior]
    at.before[task], at.after[task] = prior, following
    if prior < 0:
        at.head[s] = task
    else:
        at.after[prior] = task
    if following < 0:
        at.tail[s] = task
        extend(p, at, task, s, prior)
    else:
        at.before[following] = task


@inlined
def extend(p: Any, at: Any, task: Any, s: Any, prior: Any) -> None:
    """Note the gap between a slot's last task and the one before it."""
    idle = at.start[task] - (at.finish[prior] if prior >= 0 else p.slot_ready_us[s])
    if idle > 0 or prior < 0:
        at.dense_us[s] = at.start[task]
    at.widest[s] = max(at.widest[s], idle)


@inlined
def empty(at: Any, s: Any) -> None:
    """Take all tasks off a slot."""
    at.head[s] = at.tail[s] = -1
    at.widest[s] = at.dense_us[s] = 0


@inlined
def take(at: Any, task: Any, s: Any) -> None:
    """Take a task off its slot. What is known of the slot's gaps has to be found anew by `look`."""
    prior, following = at.before[task], at.after[task]
    if prior < 0:
        at.head[s] = following
    else:
        at.after[prior] = following
    if following < 0:
        at.tail[s] = prior
    else:
        at.before[following] = prior


@inlined
def look(p: Any, at: Any, s: Any) -> None:
    """Find the gaps of a slot."""
    at.widest[s] = at.dense_us[s] = 0
    prior, task = np.int32(-1), at.head[s]
    while task >= 0:
        extend(p, at, task, s, prior)
        prior, task = task, at.after[task]

"""Slots as linked lists of tasks in time order, and when the inputs of a task arrive: the kernels' moving parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from planner.model.compiled import compiled

__all__ = ["alone", "arrival", "arrivals", "gap", "put", "settle", "transfer"]


@compiled
def transfer(p: Any, edge: Any, row: Any, column: Any) -> Any:
    """Give the time of an edge between executors of two network classes."""
    if len(p.edge_us):
        return p.edge_us[edge]
    return p.latency_us[row, column] + np.int64(np.ceil(p.edge_bytes[edge] * p.us_per_byte[row, column] - 1e-6))


@compiled
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


@compiled
def arrival(p: Any, at: Any, executor: Any) -> Any:
    """Give the time at which all inputs of the task that `arrivals` looked at are on an executor."""
    c = p.network_class[executor]
    return max(at.own[c], at.second[c]) if executor == at.source[c] else at.latest[c]


@compiled
def alone(p: Any, at: Any, task: Any, executor: Any) -> bool:
    """Tell whether no task that has to be apart from this one is on an executor."""
    group = p.apart[task]
    for i in range(p.apart_ptr[group], p.apart_ptr[group + 1]):
        other = at.slot[p.apart_member[i]]
        if p.apart_member[i] != task and other >= 0 and p.slot_executor[other] == executor:
            return False
    return True


@compiled
def gap(at: Any, s: Any, ready: Any, length: Any, insertion: bool) -> Any:
    """Find the earliest start on a slot from `ready` on, and the task it comes behind there (−1: it is the first)."""
    prior = at.tail[s]
    if prior < 0:
        return ready, prior
    if not insertion or at.finish[prior] <= ready:
        return max(ready, at.finish[prior]), prior
    if length > 0 and ready < at.solid_us[s]:
        prior, ready = at.solid[s], at.solid_us[s]
    else:
        while prior >= 0 and at.finish[prior] > ready:
            prior = at.before[prior]
    following = at.after[prior] if prior >= 0 else at.head[s]
    begins = ready
    while following >= 0 and at.start[following] < begins + length:
        begins = at.finish[following]
        prior, following = following, at.after[following]
    return begins, prior


@compiled
def put(at: Any, task: Any, s: Any, prior: Any) -> None:
    """Put a task on a slot, behind another (−1: at the head)."""
    following = at.head[s] if prior < 0 else at.after[prior]
    at.before[task], at.after[task] = prior, following
    if prior < 0:
        at.head[s] = task
    else:
        at.after[prior] = task
    if following < 0:
        at.tail[s] = task
    else:
        at.before[following] = task


@compiled
def settle(at: Any, s: Any) -> None:
    """Move the end of the part of a slot that has no gap."""
    following = at.head[s] if at.solid[s] < 0 else at.after[at.solid[s]]
    while following >= 0 and at.start[following] <= at.solid_us[s]:
        at.solid[s], at.solid_us[s] = following, max(at.solid_us[s], at.finish[following])
        following = at.after[following]

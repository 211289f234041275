"""How few executors can have done all before a cut, if no stage takes longer than so much: a relaxation, both ways.

Two cuts in different modules are weighed exactly: the earlier one is contained in the later one, nothing crosses both,
and so the load of the stage between them is a number of the one less a number of the other. Which earlier cuts are
worth keeping is a Pareto set of that number and of memory. Of two cuts in the same module it is not asked whether one
contains the other, and of what crosses one of them only the difference is counted. What is left of the cuts, where
those that cannot be in a split of that bottleneck are gone, is often little enough for weighing all of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from planner.model.arrays import Bool, Int64
from planner.model.compiled import bare, inlined
from planner.staging.devices import Devices
from planner.staging.listing import Listed
from planner.staging.pipedream import replicated

__all__ = ["Cuts", "cuts_of", "usable"]

_NEVER = 2**30
_LOW = -(2**62)


class Cuts(NamedTuple):
    """Ideals by module, in each by falling memory, as columns; ``ideal`` is which one each is."""

    ideal: Int64
    start: Int64
    time_ns: Int64
    memory_bytes: Int64
    sync_ns: Int64
    cut_ns: Int64


def cuts_of(ideals: Listed) -> Cuts:
    """Sort ideals for `usable`."""
    order = np.lexsort((-ideals.memory_bytes, ideals.module))
    start = np.searchsorted(ideals.module[order], np.arange(ideals.module[-1] + 2)).astype(np.int64)
    columns = (ideals.time_ns, ideals.memory_bytes, ideals.sync_ns, ideals.cut_ns)
    return Cuts(order.astype(np.int64), start, *(column[order] for column in columns))


def usable(cuts: Cuts, devices: Devices, at_most_ns: int) -> Bool | None:
    """Tell of each ideal whether a split of such a bottleneck may cut there, as far as the relaxation knows.

    Parameters
    ----------
    cuts : Cuts
    devices : Devices
        Without hosts.
    at_most_ns : int

    Returns
    -------
    ndarray of bool, shape (ideals,), or None
        None, if there is no such split: that is a proof.
    """
    before = _reached(cuts, devices, at_most_ns, last=False)
    empty, full = int(np.argmin(cuts.ideal)), int(np.argmax(cuts.ideal))
    if before[full] > devices.accelerators:
        return None
    behind = _reached(_mirrored(cuts), devices, at_most_ns, last=True)[::-1]
    may = np.zeros(len(before), dtype=bool)
    may[cuts.ideal] = before + behind <= devices.accelerators
    may[cuts.ideal[[empty, full]]] = True
    return may


def _mirrored(cuts: Cuts) -> Cuts:
    """Give the same cuts from behind."""
    rest = (column.max() - column[::-1] for column in (cuts.time_ns, cuts.memory_bytes, cuts.sync_ns))
    time, memory, sync = rest
    return Cuts(cuts.ideal[::-1], len(cuts.ideal) - cuts.start[::-1], time, memory, sync, cuts.cut_ns[::-1].copy())


def _reached(cuts: Cuts, devices: Devices, at_most_ns: int, *, last: bool) -> Int64:
    """Give the fewest executors for what is before each cut; `last`, if the first stage of these is a model's last."""
    n = len(cuts.ideal)
    reach = np.full(n, _NEVER, np.int64)
    memory = _NEVER << 32 if devices.memory_bytes is None else devices.memory_bytes
    limits = (
        at_most_ns,
        memory,
        min(devices.replicas, devices.accelerators),
        int(devices.overlap),
        devices.accelerators,
    )
    room = tuple(np.empty(n, np.int64) for _ in range(4))
    _reach(tuple(cuts[1:]), np.array((*limits, int(last)), np.int64), reach, room)
    return reach


@bare
def _reach(cuts: Any, limits: Int64, reach: Int64, room: Any) -> None:
    """Fill `reach`, for a rising number of executors in use."""
    start, time, memory, sync, cut = cuts
    most_replicas, k = limits[2], limits[4]
    for u in range(len(time)):
        reach[u] = _first(time[u], memory[u], sync[u], cut[u], limits)
    for used in range(2, k + 1):
        for m in range(1, min(most_replicas, used - 1) + 1):
            front = 0  # points of the front of all earlier modules
            for module in range(len(start) - 1):
                _reach_in(start[module], start[module + 1], cuts, limits, reach, room, front, used, m)
                front = _widened(start[module], start[module + 1], cuts, limits, reach, room, front, used - m, m)


@inlined
def _first(time: int, memory: int, sync: int, cut: int, limits: Int64) -> int:
    """Give the fewest replicas of a first stage that ends at a cut."""
    if time == 0 and memory == 0 and cut == 0 and sync == 0:
        return 0
    at_most, most_memory, most_replicas, overlap, k, last = (
        limits[0],
        limits[1],
        limits[2],
        limits[3],
        limits[4],
        limits[5],
    )
    if memory > most_memory:
        return 2**30
    for m in range(1, min(most_replicas, k) + 1):
        if overlap == 0:
            if replicated(time + cut, sync, m) <= at_most:
                return m
        elif replicated(time, sync, m) <= at_most and (last == 0 or cut <= at_most * m):
            return m
    return 2**30


@inlined
def _reach_in(
    begin: int, end: int, cuts: Any, limits: Int64, reach: Int64, room: Any, front: int, used: int, m: int
) -> None:
    """Reach cuts of a module from those of earlier modules, and from one another."""
    _, time, memory, sync, cut = cuts
    front_memory, front_number, _, _ = room
    at_most, most_memory, overlap = limits[0], limits[1], limits[3]
    at = 0
    inner = begin
    best = _LOW
    best_sum, best_difference = _LOW, _LOW
    for u in range(begin, end):
        least = memory[u] - most_memory
        while at < front and front_memory[at] >= least:
            best = front_number[at]
            at += 1
        while inner < end and memory[inner] >= least:
            if reach[inner] == used - m and (overlap == 0 or cut[inner] <= at_most * m):
                sent = 0 if overlap else cut[inner]
                agreeing = sync[inner] * (m - 1)
                best_sum = max(best_sum, (time[inner] + sent) * m + agreeing)
                best_difference = max(best_difference, (time[inner] - sent) * m + agreeing)
            inner += 1
        if reach[u] <= used or (overlap and cut[u] > at_most * m):
            continue
        sent = 0 if overlap else cut[u]
        agreeing = sync[u] * (m - 1) - at_most * m * m
        number, difference = (time[u] + sent) * m + agreeing, (time[u] - sent) * m + agreeing
        if best >= number or (best_sum >= number and best_difference >= difference):
            reach[u] = used


@inlined
def _widened(
    begin: int, end: int, cuts: Any, limits: Int64, reach: Int64, room: Any, front: int, used: int, m: int
) -> int:
    """Put those cuts of a module into the front that so many executors reach; give its points."""
    _, time, memory, sync, cut = cuts
    front_memory, front_number, new_memory, new_number = room
    at_most, overlap = limits[0], limits[3]
    at = 0
    count = 0
    best = _LOW
    u = begin
    while u < end or at < front:
        if u < end and (at == front or memory[u] >= front_memory[at]):
            held, number = memory[u], (time[u] - (0 if overlap else cut[u])) * m + sync[u] * (m - 1)
            taken = reach[u] == used and (overlap == 0 or cut[u] <= at_most * m)
            u += 1
        else:
            held, number = front_memory[at], front_number[at]
            taken = True
            at += 1
        if taken and number > best:
            best = number
            new_memory[count], new_number[count] = held, number
            count += 1
    for i in range(count):
        front_memory[i], front_number[i] = new_memory[i], new_number[i]
    return count

"""Where there are too many ideals to weigh all stages between them: splits at some of them, and a bound for all.

Ideals that little crosses are promising. The bound forgets which ideal contains which: they are sorted into classes by
the work they hold, and a stage is between two classes, with the least work and the least traffic that any two of their
ideals have.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from planner.model.arrays import Bool, Int32, Int64
from planner.model.compiled import compiled
from planner.staging.blocks import Blocks
from planner.staging.devices import Devices
from planner.staging.ideal_dp import NONE, Split, affordable
from planner.staging.listing import Listed, sets_of
from planner.staging.loads import stage_loads
from planner.staging.pipedream import stage_load

__all__ = ["crossing", "least_crossed", "passing", "promising_split", "relaxed_bound"]

_CLASSES = (2_000, 5_000)
"""Classes of ideals by the work they hold."""
_STEPS = 200_000_000
"""Pairs that are weighed, at most: some seconds."""


def promising_split(blocks: Blocks, ideals: Listed, chosen: Int64, devices: Devices, at_most_ns: int) -> Split | None:
    """Find the best split whose cuts are at some ideals; there must be no hosts.

    Parameters
    ----------
    blocks : Blocks
    ideals : Listed
        All of them.
    chosen : ndarray of int64
        Where cuts may be, the empty and the full one among them.
    devices : Devices
    at_most_ns : int
        Worse splits are not looked at.

    Returns
    -------
    Split or None
        None, if there is none of at most `at_most_ns`.
    """
    chosen = chosen[np.lexsort((ideals.size[chosen], ideals.time_ns[chosen]))]  # smaller ones first
    sets = sets_of(ideals, chosen, blocks.n)
    columns = tuple(column[chosen] for column in (ideals.time_ns, ideals.memory_bytes, ideals.sync_ns, ideals.cut_ns))
    shape = len(chosen), devices.accelerators + 1
    best, last, copies = np.full(shape, NONE, np.int64), np.full(shape, -1, np.int32), np.zeros(shape, np.int32)
    best[0] = 0
    memory = NONE if devices.memory_bytes is None else devices.memory_bytes
    limits = np.array([at_most_ns, memory, devices.replicas, devices.overlap], np.int64)
    _programme(sets, columns, crossing(blocks, sets), limits, (best, last, copies))
    return None if best[-1, -1] > at_most_ns else _walk_back(blocks, sets, devices, (best, last, copies))


def least_crossed(ideals: Listed, usable: Int64, good: Int64, most: int) -> Int64:
    """Choose at most so many ideals, as many of each class of work, and the two ends: good ones that little crosses."""
    ends = np.array([0, ideals.n - 1])
    inner = np.setdiff1d(usable, ends)
    if len(inner) > most - 2:
        work = ideals.time_ns[inner].astype(np.float64)
        classes = (work / max(work.max(), 1.0) * (most // 10)).astype(np.int64)
        order = np.lexsort((ideals.cut_ns[inner], -good[inner], classes))
        first = np.searchsorted(classes[order], classes[order])
        rank = np.arange(len(order)) - first  # of each ideal among its class
        inner = inner[order[np.argsort(rank, kind="stable")[: most - 2]]]
    return np.concatenate([ends, inner])


def crossing(blocks: Blocks, sets: Int64) -> tuple[Int64, Int64, Int32, Int64]:
    """Give the blocks that each net touches, as sets, and the nets that cross the edge of each ideal."""
    touched = np.zeros((len(blocks.net_from), sets.shape[1]), np.int64)
    for e, source in enumerate(blocks.net_from.tolist()):
        for b in (source, *blocks.net_to[blocks.net_ptr[e] : blocks.net_ptr[e + 1]].tolist()):
            touched[e, b // 63] |= 1 << b % 63
    nets = [np.flatnonzero((touched & row).any(1) & (touched & ~row).any(1)) for row in sets]
    ptr = np.concatenate([[0], np.cumsum([len(each) for each in nets])]).astype(np.int64)
    return touched, ptr, np.concatenate([*nets, np.empty(0, np.int64)]).astype(np.int32), blocks.net_ns


@compiled
def _programme(sets: Int64, columns: Any, nets: Any, limits: Int64, state: Any) -> None:
    """Fill the tables: for each ideal and number of executors the bottleneck, and the last stage."""
    time, memory, sync, cut = columns
    best, last, copies = state
    at_most, room, most_replicas, overlap = limits[0], limits[1], limits[2], limits[3]
    words, k = sets.shape[1], best.shape[1] - 1
    for upper in range(1, len(time)):
        for below in range(upper - 1, -1, -1):
            work = time[upper] - time[below]
            if work // most_replicas > at_most:
                break
            if best[below, k] > at_most or memory[upper] - memory[below] > room:
                continue
            contained = True
            for word in range(words):
                if sets[below, word] & ~sets[upper, word]:
                    contained = False
                    break
            if not contained:
                continue
            comm = 0
            if overlap == 0:
                comm = cut[upper] + cut[below] - passing(sets[below], sets[upper], nets, upper)
            agreeing, into, out = sync[upper] - sync[below], cut[below], cut[upper]
            for m in range(1, most_replicas + 1):
                load = stage_load(work, comm, agreeing, into, out, overlap, below == 0, m)
                if load > at_most:
                    continue
                for used in range(m, k + 1):
                    reached = max(best[below, used - m], load)
                    if reached < best[upper, used]:
                        best[upper, used] = reached
                        last[upper, used] = below
                        copies[upper, used] = m


@compiled
def passing(below: Int64, upper: Int64, nets: Any, number: int) -> int:
    """Give what is not paid of nets that cross both edges of a stage: one of two times, or both if none takes it."""
    touched, ptr, crosses, cost = nets
    spared = 0
    for e in range(ptr[number], ptr[number + 1]):
        net = crosses[e]
        before, inside = False, False
        for word in range(len(below)):
            before = before or touched[net, word] & below[word] != 0
            inside = inside or touched[net, word] & upper[word] & ~below[word] != 0
        if before:
            spared += cost[net] if inside else 2 * cost[net]
    return spared


def _walk_back(blocks: Blocks, sets: Int64, devices: Devices, state: tuple[Int64, Int32, Int32]) -> Split:
    """Read the stages off the tables, the last one first."""
    best, last, copies = state
    at, used = len(best) - 1, devices.accelerators
    while used and best[-1, used - 1] == best[-1, -1]:  # as good, and with fewer executors
        used -= 1
    found: list[tuple[Bool, int]] = []
    block = np.arange(blocks.n)
    while at:
        below, m = int(last[at, used]), int(copies[at, used])
        more = sets[at] & ~sets[below]
        found.append(((more[block // 63] >> (block % 63) & 1).astype(bool), m))
        at, used = below, used - m
    stage = np.empty(blocks.n, np.int32)
    for number, (inside, _) in enumerate(reversed(found)):
        stage[inside] = number
    replicas = np.array([m for _, m in reversed(found)], np.int32)
    loads = stage_loads(blocks, stage, replicas, overlap=devices.overlap)
    return Split(int(best[-1, -1]), stage, loads, replicas, np.zeros(len(replicas), dtype=bool))


def relaxed_bound(ideals: Listed, devices: Devices, at_most_ns: int) -> int:
    """Give nanoseconds that no bottleneck can be below; there must be no hosts.

    Parameters
    ----------
    ideals : Listed
        All of them.
    devices : Devices
    at_most_ns : int
        What a split reaches; the bound is not above it.
    """
    bound = 0
    for count in _CLASSES:
        if bound < at_most_ns:
            bound = max(bound, _bound_of_classes(ideals, devices, at_most_ns, min(count, affordable(devices, _STEPS))))
    return bound


def _bound_of_classes(ideals: Listed, devices: Devices, at_most_ns: int, count: int) -> int:
    """Give the bound for so many classes of equal widths; more of them need not give a better one."""
    work = ideals.time_ns.astype(np.float64)
    classes = 1 + (work / max(work.max(), 1.0) * count).astype(np.int64)
    classes[0], classes[-1] = 0, count + 2
    classes = np.unique(classes, return_inverse=True)[1]
    starts = np.searchsorted(np.sort(classes), np.arange(classes.max() + 1))
    order = np.argsort(classes, kind="stable")
    columns = (ideals.time_ns, ideals.memory_bytes, ideals.sync_ns, ideals.cut_ns)
    least = tuple(np.minimum.reduceat(column[order], starts) for column in columns)
    most = tuple(np.maximum.reduceat(column[order], starts) for column in columns)
    memory = NONE if devices.memory_bytes is None else devices.memory_bytes
    limits = np.array([at_most_ns, memory, devices.replicas, devices.overlap], np.int64)
    best = np.full((len(starts), devices.accelerators + 1), NONE, np.int64)
    best[0] = 0
    _relaxed(least, most, limits, best)
    return min(int(best[-1, -1]), at_most_ns)


@compiled
def _relaxed(least: Any, most: Any, limits: Int64, best: Int64) -> None:
    """Fill the table of `relaxed_bound`."""
    time, memory, sync, cut = least
    most_time, most_memory, most_sync, most_cut = most
    at_most, room, most_replicas, overlap = limits[0], limits[1], limits[2], limits[3]
    k = best.shape[1] - 1
    for upper in range(1, len(time)):
        for below in range(upper - 1, -1, -1):
            work = max(time[upper] - most_time[below], 0)
            if work // most_replicas > at_most:
                break
            if best[below, k] > at_most or memory[upper] - most_memory[below] > room:
                continue
            agreeing = max(sync[upper] - most_sync[below], 0)
            comm = max(cut[upper] - most_cut[below], cut[below] - most_cut[upper], 0)  # what crosses one edge only
            for m in range(1, most_replicas + 1):
                load = stage_load(work, comm, agreeing, cut[below], cut[upper], overlap, below == 0, m)
                for used in range(m, k + 1):
                    best[upper, used] = min(best[upper, used], max(best[below, used - m], load))

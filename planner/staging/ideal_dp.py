"""The smallest bottleneck over all contiguous splits: dynamic programming over ideals.

J. Tarnawski, A. Phanishayee, N. Devanur, D. Mahajan, F. Nina Paravecino, Efficient Algorithms for Device Placement of
DNN Graph Operators, NeurIPS 2020, arXiv:2006.16423, section 5.1.1, and its extension to replicas. A stage is what one
ideal has more than another. From each ideal, stages are walked through by taking blocks away in falling order, so that
each is met once and its load is that of the one before with a change; a walk ends where computing alone exceeds what
some split is known to reach, or where memory is full.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np

from planner.model.arrays import Bool, Int32, Int64
from planner.model.compiled import compiled, interpreted
from planner.staging.blocks import Blocks
from planner.staging.devices import Devices
from planner.staging.ideals import Ideals
from planner.staging.loads import stage_loads
from planner.staging.pipedream import stage_load

__all__ = ["NONE", "Split", "affordable", "ideal_dp"]

NONE = 2**62
"""Nanoseconds of what cannot be."""
_FEW = 300_000
"""Pairs of ideals, times what is weighed for each, up to which loops run as they are written: that takes a second."""

_PER_STEP = 10
"""Ways to run a stage that take as long to weigh as a step of the walk."""


class Split(NamedTuple):
    """Stages in order: the stage of each block, and per stage its load, its replicas, and whether hosts run it."""

    bottleneck_ns: int
    stage: Int32
    load_ns: Int64
    replicas: Int32
    on_host: Bool


class _State(NamedTuple):
    """The tables of the programme: for each ideal, accelerators and hosts used, the bottleneck and the last stage."""

    best: Int64
    lower: Int32
    replicas: Int32


def ideal_dp(
    blocks: Blocks, ideals: Ideals, devices: Devices, *, at_most_ns: int, steps: int
) -> tuple[Split | None, bool]:
    """Find the best split among those whose cuts are at `ideals`.

    Parameters
    ----------
    blocks : Blocks
    ideals : Ideals
        Of these blocks; of a chain of them the best split along it is found.
    devices : Devices
    at_most_ns : int
        What a split is known to reach, or `NONE`: worse ones are not looked at.
    steps : int
        How many stages are walked through, at most; where many ways to run each are weighed, fewer.

    Returns
    -------
    split : Split or None
        None, if there is none with a bottleneck of at most `at_most_ns`, or the steps did not suffice.
    complete : bool
        Whether the steps sufficed.
    """
    k, hosts = devices.accelerators, devices.hosts
    shape = ideals.n, k + 1, hosts + 1
    state = _State(np.full(shape, NONE, np.int64), np.full(shape, -1, np.int32), np.zeros(shape, np.int32))
    state.best[0] = 0
    memory = NONE if devices.memory_bytes is None else devices.memory_bytes
    limits = np.array([at_most_ns, memory, devices.replicas, devices.overlap, steps], np.int64)
    few = ideals.n * ideals.n * (k + 1) * (hosts + 1) * devices.replicas <= _FEW
    with interpreted() if few else nullcontext():
        supported = blocks.supported.astype(np.int64)
        complete = bool(_programme(tuple(ideals), _nets(blocks), supported, limits, tuple(state)))
    if not complete or state.best[-1, -1, -1] > at_most_ns:
        return None, complete
    return _walk_back(blocks, ideals, devices, state), True


def affordable(devices: Devices, steps: int) -> int:
    """Give the blocks of a chain that so many steps suffice for."""
    each = 1 + devices.accelerators * (devices.hosts + 1) * devices.replicas // _PER_STEP
    return max(math.isqrt(2 * steps // each) - 1, 2)


def _nets(blocks: Blocks) -> tuple[Any, ...]:
    """Give the nets, and of each block the nets that it sends and those that it takes."""
    nets = np.arange(len(blocks.net_from), dtype=np.int32)
    sends = np.argsort(blocks.net_from, kind="stable").astype(np.int32)
    send_ptr = np.searchsorted(blocks.net_from[sends], np.arange(blocks.n + 1)).astype(np.int64)
    order = np.argsort(blocks.net_to, kind="stable")
    takes = np.repeat(nets, np.diff(blocks.net_ptr))[order].astype(np.int32)
    take_ptr = np.searchsorted(blocks.net_to[order], np.arange(blocks.n + 1)).astype(np.int64)
    return blocks.net_ns, np.diff(blocks.net_ptr), send_ptr, sends, take_ptr, takes


@compiled
def _programme(ideals: Any, nets: Any, supported: Int64, limits: Int64, state: Any) -> bool:
    """Fill the tables; False, if the steps did not suffice."""
    ptr, less, lower, time, host, memory, sync, cut = ideals
    cost, size, send_ptr, sends, take_ptr, takes = nets
    best, last, copies = state
    at_most, room, most_replicas, overlap, steps = limits[0], limits[1], limits[2], limits[3], limits[4]
    k, hosts = best.shape[1] - 1, best.shape[2] - 1
    taken = np.zeros(len(cost), np.int64)
    inside = np.zeros(len(cost), np.int64)
    deep = len(supported) + 1
    edge_at = np.zeros(deep, np.int64)
    end_at = np.zeros(deep, np.int64)
    lacking = 0
    weight = k * (hosts + 1) * most_replicas // _PER_STEP
    for upper in range(1, len(time)):
        comm = 0
        depth = 0
        edge_at[0], end_at[0] = ptr[upper], ptr[upper + 1]
        while depth >= 0:
            if edge_at[depth] == end_at[depth]:
                depth -= 1
                if depth >= 0:  # the block that was taken away last comes back
                    block = less[edge_at[depth]]
                    comm -= _change(block, cost, size, send_ptr, sends, take_ptr, takes, taken, inside, -1)
                    lacking -= 1 - supported[block]
                    edge_at[depth] += 1
                continue
            edge = edge_at[depth]
            block, below = less[edge], lower[edge]
            work = time[upper] - time[below]
            lacks = lacking + 1 - supported[block]
            fits = lacks == 0 and k > 0 and memory[upper] - memory[below] <= room
            fits = fits and work // most_replicas <= at_most
            hosted = hosts > 0 and host[upper] - host[below] <= at_most
            if not (fits or hosted):
                edge_at[depth] += 1
                continue
            steps -= 1
            if steps < 0:
                return False
            comm += _change(block, cost, size, send_ptr, sends, take_ptr, takes, taken, inside, 1)
            lacking = lacks
            if best[below, k, hosts] <= at_most:
                if fits:
                    steps -= weight
                    agreeing, into, out = sync[upper] - sync[below], cut[below], cut[upper]
                    for m in range(1, most_replicas + 1):
                        load = stage_load(work, comm, agreeing, into, out, overlap, below == 0, m)
                        if load <= at_most:
                            _reach(best, last, copies, upper, below, load, m)
                if hosted:
                    _reach(best, last, copies, upper, below, host[upper] - host[below], 0)
            depth += 1
            edge_at[depth] = ptr[below]
            end = ptr[below]
            while end < ptr[below + 1] and less[end] < block:
                end += 1
            end_at[depth] = end
    return True


@compiled
def _reach(best: Int64, last: Int32, copies: Int32, upper: int, below: int, load: int, replicas: int) -> None:
    """Note what a stage makes of what its lower ideal reaches; of no replicas, one host runs it."""
    host = 1 if replicas == 0 else 0
    for used in range(replicas, best.shape[1]):
        for beside in range(host, best.shape[2]):
            reached = max(best[below, used - replicas, beside - host], load)
            if reached < best[upper, used, beside]:
                best[upper, used, beside] = reached
                last[upper, used, beside] = below
                copies[upper, used, beside] = replicas


@compiled
def _change(
    block: int,
    cost: Int64,
    size: Int64,
    send_ptr: Int64,
    sends: Int32,
    take_ptr: Int64,
    takes: Int32,
    taken: Int64,
    inside: Int64,
    sign: int,
) -> int:
    """Put a block into the stage (or out of it, for a `sign` of -1); give what it then pays more than without it."""
    before = 0
    after = 0
    for e in range(send_ptr[block], send_ptr[block + 1]):
        net = sends[e]
        leaves = cost[net] if taken[net] < size[net] else 0
        comes = cost[net] if taken[net] > 0 else 0
        before += comes
        after += leaves
        inside[net] += sign
    for e in range(take_ptr[block], take_ptr[block + 1]):
        net = takes[e]
        without = taken[net] if sign > 0 else taken[net] - 1
        taken[net] += sign
        if inside[net] > 0:
            before += cost[net] if without < size[net] else 0
            after += cost[net] if without + 1 < size[net] else 0
        else:
            before += cost[net] if without > 0 else 0
            after += cost[net]
    return after - before


def _walk_back(blocks: Blocks, ideals: Ideals, devices: Devices, state: _State) -> Split:
    """Read the stages off the tables, the last one first."""
    at, used, beside = ideals.n - 1, devices.accelerators, devices.hosts
    least = state.best[-1, -1, -1]
    while used and state.best[-1, used - 1, beside] == least:  # as good, and with fewer executors
        used -= 1
    while beside and state.best[-1, used, beside - 1] == least:
        beside -= 1
    found: list[tuple[int, int, int]] = []
    while at:
        below, m = int(state.lower[at, used, beside]), int(state.replicas[at, used, beside])
        found.append((below, at, m))
        used, beside, at = (used - m, beside, below) if m else (used, beside - 1, below)
    found.reverse()
    stage = np.empty(blocks.n, np.int32)
    for number, (below, above, _) in enumerate(found):
        stage[[*(_held(ideals, above) - _held(ideals, below))]] = number
    copies = np.array([m for _, _, m in found], np.int32)
    return Split(
        int(state.best[-1, -1, -1]),
        stage,
        stage_loads(blocks, stage, copies, overlap=devices.overlap),
        np.maximum(copies, 1).astype(np.int32),
        copies == 0,
    )


def _held(ideals: Ideals, ideal: int) -> set[int]:
    """Give the blocks of an ideal."""
    blocks = set()
    while ideal:
        edge = int(ideals.ptr[ideal])
        blocks.add(int(ideals.less[edge]))
        ideal = int(ideals.lower[edge])
    return blocks

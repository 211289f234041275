"""More stages than executors, cut and dealt out in one go: branch and bound over cuts and executors together.

Two stages in a row on one executor would be better as one, so the next stage always goes to another.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from planner.model.arrays import Int32, Int64
from planner.model.compiled import compiled, interpreted
from planner.staging.blocks import Blocks
from planner.staging.devices import Devices
from planner.staging.ideal_dp import NONE, Split
from planner.staging.listing import Listed, sets_of
from planner.staging.loads import stage_loads
from planner.staging.many_ideals import crossing, passing
from planner.staging.pipedream import stage_load

__all__ = ["cut_and_deal"]

_FEW_STEPS = 20_000
"""Steps that are taken first, by loops as they are written, which is enough for a short chain."""
_FEW = 40
"""Ideals up to which that is tried."""


def cut_and_deal(
    blocks: Blocks, ideals: Listed, devices: Devices, stages: int, least_ns: int, known_ns: int, *, steps: int
) -> tuple[tuple[Split, Int32] | None, bool]:
    """Find stages, and an executor for each, whose fullest executor has less to do than what is known.

    Parameters
    ----------
    blocks : Blocks
        All of which an executor can run.
    ideals : Listed
        All of them, some hundreds at most.
    devices : Devices
        Without hosts and replicas.
    stages : int
        At most so many.
    least_ns : int
        What no plan is below.
    known_ns : int
        What a plan reaches; what none can be above, where none is known.
    steps : int
        Stages that are put on an executor in thought, at most: millions a second.

    Returns
    -------
    found : tuple of Split and ndarray of int32, or None
        The stages and their executors; None, where nothing better was found.
    proved : bool
        Whether there is nothing better.
    """
    order = np.lexsort((ideals.size, ideals.time_ns))  # smaller ones first
    sets = sets_of(ideals, order, blocks.n)
    columns = tuple(column[order] for column in (ideals.time_ns, ideals.memory_bytes, ideals.cut_ns))
    room = int(columns[1][-1]) if devices.memory_bytes is None else devices.memory_bytes
    cuts, dealt = np.full(stages, -1, np.int32), np.full(stages, -1, np.int32)
    limits = np.array([devices.accelerators, stages, room, known_ns, least_ns, devices.overlap], np.int64)
    nets = crossing(blocks, sets)
    proved = False
    if ideals.n <= _FEW:
        with interpreted():
            proved = _searched(sets, columns, nets, limits, _FEW_STEPS, cuts, dealt)
    proved = proved or _searched(sets, columns, nets, limits, steps, cuts, dealt)
    if dealt[0] < 0:
        return None, proved
    return (_as_split(blocks, sets, cuts[dealt >= 0], devices), dealt[dealt >= 0]), proved


def _searched(sets: Int64, columns: Any, nets: Any, limits: Int64, steps: int, cuts: Int32, dealt: Int32) -> bool:
    loads = np.full((len(sets), len(sets)), NONE, np.int64)
    _pairs(sets, columns, nets, limits, loads)
    return bool(_search(loads, columns, limits, steps, cuts, dealt))


def _as_split(blocks: Blocks, sets: Int64, cuts: Int32, devices: Devices) -> Split:
    """Give the stages that end at some cuts."""
    block = np.arange(blocks.n)
    stage = np.zeros(blocks.n, np.int32)
    for cut in cuts[:-1].tolist():
        stage += (sets[cut][block // 63] >> (block % 63) & 1 == 0).astype(np.int32)
    one_each = np.ones(len(cuts), np.int32)
    loads = stage_loads(blocks, stage, one_each, overlap=devices.overlap)
    return Split(int(loads.max()), stage, loads, one_each, np.zeros(len(cuts), dtype=bool))


@compiled
def _pairs(sets: Int64, columns: Any, nets: Any, limits: Int64, loads: Int64) -> None:
    """Fill in what a stage between any two ideals takes, where the one contains the other and memory suffices."""
    time, memory, cut = columns
    room, known, overlap = limits[2], limits[3], limits[5]
    for upper in range(1, len(time)):
        for below in range(upper):
            work = time[upper] - time[below]
            if work >= known or memory[upper] - memory[below] > room:
                continue
            contained = True
            for word in range(sets.shape[1]):
                contained = contained and sets[below, word] & ~sets[upper, word] == 0
            if contained:
                comm = cut[upper] + cut[below] - passing(sets[below], sets[upper], nets, upper)
                loads[below, upper] = stage_load(work, comm, 0, cut[below], cut[upper], overlap, below == 0, 1)


@compiled
def _search(loads: Int64, columns: Any, limits: Int64, steps: int, cuts: Int32, dealt: Int32) -> bool:
    """Go through stages and executors, depth first, the longest stages first; False, if the steps did not suffice."""
    time, memory, _ = columns
    executors, stages, room, known, least = limits[0], limits[1], limits[2], limits[3], limits[4]
    full = len(time) - 1
    busy, held = np.zeros(executors, np.int64), np.zeros(executors, np.int64)
    end = np.zeros(stages + 1, np.int64)  # of each stage so far, where it ends; the first is the empty ideal
    upper = np.full(stages + 1, full, np.int64)  # what comes next at each depth
    choice = np.full(stages + 1, -1, np.int64)
    used = np.zeros(stages + 1, np.int64)
    placed = np.zeros(stages + 1, np.bool_)
    depth = 0
    while depth >= 0:
        if placed[depth]:  # take the stage away again
            placed[depth] = False
            busy[choice[depth]] -= loads[end[depth], upper[depth]]
            held[choice[depth]] -= memory[upper[depth]] - memory[end[depth]]
        choice[depth] += 1
        if choice[depth] >= min(used[depth] + 1, executors):
            choice[depth] = 0
            upper[depth] -= 1
        while upper[depth] > end[depth] and loads[end[depth], upper[depth]] >= known:
            choice[depth] = 0
            upper[depth] -= 1
        if upper[depth] <= end[depth]:
            depth -= 1
            continue
        at, below, above = choice[depth], end[depth], upper[depth]
        load, size = loads[below, above], memory[above] - memory[below]
        again = depth > 0 and choice[depth - 1] == at
        if again or busy[at] + load >= known or held[at] + size > room:
            continue
        steps -= 1
        if steps < 0:
            return False
        placed[depth] = True
        busy[at] += load
        held[at] += size
        if above == full:
            known = busy.max()
            dealt[:], cuts[:] = -1, -1
            for i in range(depth + 1):
                dealt[i], cuts[i] = choice[i], upper[i]
            if known <= least:
                return True
            continue
        idle, empty = 0, 0
        for each in range(executors):
            idle += max(known - 1 - busy[each], 0)
            empty += room - held[each]
        if depth + 1 < stages and time[full] - time[above] <= idle and memory[full] - memory[above] <= empty:
            depth += 1
            end[depth], upper[depth], choice[depth] = above, full, -1
            used[depth] = max(used[depth - 1], at + 1)
    return True

"""What stages cost: computing, and what crosses their edges."""

from __future__ import annotations

import numpy as np

from planner.model.arrays import Int32, Int64
from planner.model.compiled import interpreted
from planner.staging.blocks import Blocks
from planner.staging.pipedream import stage_load

__all__ = ["cuts", "stage_loads", "stage_sums", "transfers"]


def stage_sums(stage: Int32, values: Int64) -> Int64:
    """Add up a column of blocks for each stage."""
    total = np.zeros(int(stage.max(initial=-1)) + 1, np.int64)
    np.add.at(total, stage, values)
    return total


def transfers(blocks: Blocks, part: Int32) -> Int64:
    """Give what each part of the blocks pays for what it sends, once a sender, and for what it takes, once a sender."""
    total = np.zeros(int(part.max(initial=-1)) + 1, np.int64)
    for e, source in enumerate(part[blocks.net_from].tolist()):
        to = set(part[blocks.net_to[blocks.net_ptr[e] : blocks.net_ptr[e + 1]]].tolist()) - {source}
        total[[source, *to] if to else []] += blocks.net_ns[e]
    return total


def stage_loads(blocks: Blocks, stage: Int32, copies: Int32, *, overlap: bool) -> Int64:
    """Give nanoseconds a micro-batch of each stage.

    Parameters
    ----------
    blocks : Blocks
    stage : ndarray of int32, shape (blocks,)
    copies : ndarray of int32, shape (stages,)
        Replicas of each; 0 for a stage that a host runs.
    overlap : bool
        Whether links work beside devices.
    """
    time, host, sync = (stage_sums(stage, column) for column in (blocks.time_ns, blocks.host_ns, blocks.sync_ns))
    sent = transfers(blocks, stage)
    cut = cuts(blocks, stage)
    loads = []
    with interpreted():  # for a few numbers no compiler is loaded
        for s, m in enumerate(copies.tolist()):
            work, sends, agreeing, into, out = (int(each) for each in (time[s], sent[s], sync[s], cut[s], cut[s + 1]))
            on_device = stage_load(work, sends, agreeing, into, out, int(overlap), s == 0, max(m, 1))
            loads.append(on_device if m else int(host[s]))
    return np.array(loads, np.int64)


def cuts(blocks: Blocks, stage: Int32) -> Int64:
    """Give what crosses between stages: before the first, between any two, behind the last."""
    change = np.zeros(int(stage.max(initial=-1)) + 3, np.int64)
    for e, source in enumerate(stage[blocks.net_from].tolist()):
        ends = [source, *stage[blocks.net_to[blocks.net_ptr[e] : blocks.net_ptr[e + 1]]].tolist()]
        change[min(ends) + 1] += blocks.net_ns[e]
        change[max(ends) + 1] -= blocks.net_ns[e]
    return np.cumsum(change)[:-1]

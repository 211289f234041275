"""The ideals of blocks: the sets that hold, with each block, everything it waits for. A cut is between two of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from planner.model.arrays import Int32, Int64
from planner.staging.blocks import Blocks
from planner.staging.loads import cuts

__all__ = ["Ideals", "ideals_of", "prefixes_of"]


_MOST_LISTED = 10_000_000
"""Blocks that may come next, over all ideals: some hundred megabytes."""


class Ideals(NamedTuple):
    """All ideals, the empty one first and the full one last, each after those that it contains.

    Ideal ``i`` without its block ``less[e]`` is ideal ``lower[e]``, for ``e`` from ``ptr[i]`` to ``ptr[i + 1]``, by
    rising block; the other columns are sums over an ideal's blocks, and ``cut_ns`` is what leaves it.
    """

    ptr: Int64
    less: Int32
    lower: Int32
    time_ns: Int64
    host_ns: Int64
    memory_bytes: Int64
    sync_ns: Int64
    cut_ns: Int64

    @property
    def n(self) -> int:
        """Number of ideals."""
        return len(self.time_ns)


def ideals_of(blocks: Blocks, most: int) -> Ideals | None:
    """Enumerate the ideals, or give None when there are more than `most`, or than memory is good for."""
    waits = [sum(1 << a for a in before) for before in blocks.before]
    after: list[list[int]] = [[] for _ in waits]
    for b, before in enumerate(blocks.before):
        for a in before:
            after[a].append(b)
    found = {0: 0}
    sets = [0]
    ready = [[b for b, mask in enumerate(waits) if not mask]]
    upper: list[int] = []
    more: list[int] = []
    lower: list[int] = []
    at = listed = 0
    while at < len(sets):  # by number of blocks, because each adds one
        ideal, may = sets[at], ready[at]
        for b in may:
            larger = ideal | 1 << b
            number = found.get(larger)
            if number is None:
                number = found[larger] = len(sets)
                sets.append(larger)
                ready.append([c for c in may if c != b] + [c for c in after[b] if not waits[c] & ~larger])
                listed += len(ready[-1])
                if number >= most or listed > _MOST_LISTED:
                    return None
            upper.append(number)
            more.append(b)
            lower.append(at)
        ready[at] = []
        at += 1
    return _with_sums(blocks, np.array(upper, np.int64), np.array(more, np.int32), np.array(lower, np.int32), len(sets))


def prefixes_of(chain: Blocks) -> Ideals:
    """Give the ideals of blocks each of which waits for the one before."""
    each = np.arange(chain.n, dtype=np.int32)

    def sums(values: Int64) -> Int64:
        return np.concatenate([[0], np.cumsum(values)]).astype(np.int64)

    return Ideals(
        np.concatenate([[0], np.arange(chain.n + 1)]).astype(np.int64),
        each,
        each,
        sums(chain.time_ns),
        sums(chain.host_ns),
        sums(chain.memory_bytes),
        sums(chain.sync_ns),
        cuts(chain, each),
    )


def _with_sums(blocks: Blocks, upper: Int64, more: Int32, lower: Int32, count: int) -> Ideals:
    order = np.lexsort((more, upper))
    upper, more, lower = upper[order], more[order], lower[order]
    ptr = np.searchsorted(upper, np.arange(count + 1)).astype(np.int64)
    one = ptr[1:-1]  # of each ideal but the empty one, the first way to be made

    def sums(values: Int64) -> Int64:
        total = np.zeros(count, np.int64)
        for i, a, b in zip(range(1, count), lower[one].tolist(), more[one].tolist(), strict=True):
            total[i] = total[a] + values[b]
        return total

    return Ideals(
        ptr,
        more,
        lower,
        sums(blocks.time_ns),
        sums(blocks.host_ns),
        sums(blocks.memory_bytes),
        sums(blocks.sync_ns),
        _cuts(blocks, lower[one], more[one], count),
    )


def _cuts(blocks: Blocks, lower: Int32, more: Int32, count: int) -> Int64:
    """Give what crosses the edge of each ideal: the costs of nets that have ends on both sides of it."""
    ends: list[int] = []
    nets: list[list[int]] = [[] for _ in range(blocks.n)]
    for e, source in enumerate(blocks.net_from.tolist()):
        touched = [source, *blocks.net_to[blocks.net_ptr[e] : blocks.net_ptr[e + 1]].tolist()]
        ends.append(sum(1 << b for b in touched))
        for b in touched:
            nets[b].append(e)
    cost = blocks.net_ns.tolist()
    held = [0] * count
    cut = [0] * count
    for i, a, b in zip(range(1, count), lower.tolist(), more.tolist(), strict=True):
        ideal = held[i] = held[a] | 1 << b
        opened = sum(cost[e] for e in nets[b] if not ends[e] & held[a])
        closed = sum(cost[e] for e in nets[b] if not ends[e] & ~ideal)
        cut[i] = cut[a] + opened - closed
    return np.array(cut, np.int64)

"""Fewer ideals: some blocks lose nothing by a fixed place; joining others makes a graph small enough, at a price."""

from __future__ import annotations

import numpy as np

from planner.model.arrays import Int32
from planner.staging.blocks import Blocks, merged
from planner.staging.ideals import Ideals, ideals_of
from planner.staging.listing import Listed, listed

__all__ = ["coarsened", "joined", "listed_of_joined", "settled"]


def settled(blocks: Blocks) -> Blocks:
    """Give a fixed place to blocks that cost nothing, which no best split loses by.

    Of them, those that wait for nothing and send nothing that costs come first, one after the other; those that nothing
    waits for stand with the one block that they wait for.
    """
    sending = np.zeros(blocks.n, dtype=bool)
    sending[blocks.net_from] = True
    free = blocks.supported & ~sending
    for column in (blocks.time_ns, blocks.host_ns, blocks.memory_bytes, blocks.sync_ns):
        free = free & (column == 0)
    awaited = np.zeros(blocks.n, dtype=bool)
    awaited[[a for before in blocks.before for a in before]] = True
    group = np.arange(blocks.n, dtype=np.int32)
    for b, before in enumerate(blocks.before):
        if free[b] and not awaited[b] and len(before) == 1:
            group[b] = next(iter(before))
    kept = np.unique(group)
    joined = merged(blocks, np.searchsorted(kept, group).astype(np.int32))
    first = [b for b in range(joined.n) if free[kept[b]] and not joined.before[b]]
    if not first:
        return joined
    place = np.empty(joined.n, np.int32)
    place[[*first, *(b for b in range(joined.n) if b not in first)]] = np.arange(joined.n)
    joined = merged(joined, place)
    chain = [frozenset([b - 1] if b else []) for b in range(len(first))]
    last = frozenset([len(first) - 1])
    return joined._replace(before=(*chain, *(before or last for before in joined.before[len(first) :])))


def coarsened(blocks: Blocks, most: int) -> tuple[Blocks, Ideals]:
    """Join blocks until there are at most `most` ideals: chains first, the shortest blocks first; then neighbours.

    Its best split is one of `blocks`, and not always a best one.
    """
    coarse = blocks
    while (found := ideals_of(coarse, most)) is None:
        coarse = merged(coarse, _paired(coarse))
    return coarse, found


def listed_of_joined(blocks: Blocks, most: int) -> tuple[Blocks, Listed]:
    """Join blocks as `coarsened` does, and list the ideals."""
    coarse = blocks
    while (found := listed(coarse, most)) is None:
        coarse = merged(coarse, _paired(coarse))
    return coarse, found


def joined(blocks: Blocks, most: int) -> Blocks:
    """Join blocks as `coarsened` does, until there are at most `most`; give the same object where there are no more."""
    while blocks.n > most:
        blocks = merged(blocks, _paired(blocks))
    return blocks


def _paired(blocks: Blocks) -> Int32:
    """Join pairs of a chain, the shortest tenth of them; where there is no chain, neighbours in the order."""
    after: list[list[int]] = [[] for _ in range(blocks.n)]
    for b, before in enumerate(blocks.before):
        for a in before:
            after[a].append(b)
    pairs = [(a, b) for b, before in enumerate(blocks.before) for a in before if len(before) == len(after[a]) == 1]
    pairs = pairs or [
        (a, a + 1) for a in range(blocks.n - 1)
    ]  # nothing stands between neighbours in a topological order
    time = blocks.time_ns
    pairs.sort(key=lambda pair: (int(time[pair[0]] + time[pair[1]]), pair))
    into = np.arange(blocks.n, dtype=np.int32)
    joined = 0
    used = np.zeros(blocks.n, dtype=bool)
    for a, b in pairs:
        if joined >= max(1, blocks.n // 10):
            break
        if not (used[a] or used[b]):
            used[a] = used[b] = True
            into[b] = a
            joined += 1
    return _numbered(blocks, into)


def _numbered(blocks: Blocks, into: Int32) -> Int32:
    """Give groups numbers in a topological order: that of their last members."""
    last = np.zeros(blocks.n, np.int64)
    np.maximum.at(last, into, np.arange(blocks.n))
    names = np.unique(into)
    rank = np.empty(blocks.n, np.int32)
    order = names[np.argsort(last[names], kind="stable")]
    rank[order] = np.arange(len(order))
    return rank[into]

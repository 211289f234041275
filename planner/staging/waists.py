"""The waists of a model: layers that everything passes through."""

from __future__ import annotations

import numpy as np

from planner.model.arrays import Int64
from planner.staging.blocks import Blocks

__all__ = ["waists"]


def waists(blocks: Blocks) -> Int64:
    """Give 1 for each waist, else 0.

    A waist is a block that all others come before or after, and that nothing paid is sent past. By how many waists they
    hold, ideals are in modules: one of a later module contains every one of an earlier, and nothing crosses the edges
    of both.

    Examples
    --------
    >>> from planner.model import LayerGraph
    >>> from planner.staging import blocks_of
    >>> diamond = LayerGraph.from_arrays(time_ns=[1] * 4, source=[0, 0, 1, 2], target=[1, 2, 3, 3])
    >>> waists(blocks_of(diamond, 1e9)).tolist()
    [1, 0, 0, 1]
    """
    n = blocks.n
    before, after = [0] * n, [0] * n
    for b in range(n):
        for a in blocks.before[b]:
            before[b] |= before[a] | 1 << a
    for b in reversed(range(n)):
        for a in blocks.before[b]:
            after[a] |= after[b] | 1 << b
    passed = np.zeros(n + 1, np.int64)
    for e, source in enumerate(blocks.net_from.tolist()):
        passed[source + 1] += 1
        passed[blocks.net_to[blocks.net_ptr[e] : blocks.net_ptr[e + 1]].max()] -= 1
    passed = np.cumsum(passed)
    return np.array([(before[b] | after[b]).bit_count() == n - 1 and not passed[b] for b in range(n)], np.int64)

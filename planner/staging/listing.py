"""All ideals of blocks as columns, millions of them: for what asks of an ideal only what it holds and what crosses it.

Each ideal is met once, as the one that its blocks make when they are added in their order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from planner.model.arrays import Int32, Int64
from planner.model.compiled import compiled
from planner.staging.blocks import Blocks
from planner.staging.waists import waists

__all__ = ["Listed", "listed", "sets_of"]


class Listed(NamedTuple):
    """Ideals, the empty one first and the full one last.

    An ideal is ``parent``, another one, and the block ``added``; ``size`` is how many blocks it holds, and ``module``
    how many of them are waists. The other columns are sums over its blocks; ``cut_ns`` is what leaves it.
    """

    parent: Int32
    added: Int32
    size: Int32
    module: Int32
    time_ns: Int64
    memory_bytes: Int64
    sync_ns: Int64
    cut_ns: Int64

    @property
    def n(self) -> int:
        """Number of ideals."""
        return len(self.parent)


def listed(blocks: Blocks, most: int) -> Listed | None:
    """List all ideals; None, if there are more than `most`.

    Examples
    --------
    >>> from planner.model import LayerGraph
    >>> from planner.staging import blocks_of
    >>> fork = LayerGraph.from_arrays(time_ns=[1, 2, 4], output_bytes=[8, 0, 0], source=[0, 0], target=[1, 2])
    >>> found = listed(blocks_of(fork, 1e9), 10)
    >>> found.time_ns.tolist(), found.cut_ns.tolist()
    ([0, 1, 3, 5, 7], [0, 8, 8, 8, 0])
    """
    after: list[list[int]] = [[] for _ in range(blocks.n)]
    for b, before in enumerate(blocks.before):
        for a in before:
            after[a].append(b)
    waiting = np.array([len(before) for before in blocks.before], np.int64)
    touches: list[list[int]] = [[] for _ in range(blocks.n)]
    for e, source in enumerate(blocks.net_from.tolist()):
        for b in (source, *blocks.net_to[blocks.net_ptr[e] : blocks.net_ptr[e + 1]].tolist()):
            touches[b].append(e)
    columns = (blocks.time_ns, blocks.memory_bytes, blocks.sync_ns, waists(blocks))
    nets = (*_rows(touches), 1 + np.diff(blocks.net_ptr), blocks.net_ns)
    given = (_rows(after), waiting, columns, nets)
    count = int(_walk(*given, most, np.empty((0, 4), np.int32), np.empty((0, 4), np.int64)))
    if count > most:
        return None
    whole, parts = np.zeros((count, 4), np.int32), np.zeros((count, 4), np.int64)
    _walk(*given, most, whole, parts)
    full = int(np.argmax(whole[:, 2]))  # nothing can be added to it, nor to the last one
    whole[[full, -1]], parts[[full, -1]] = whole[[-1, full]], parts[[-1, full]]
    parent, added, size, module = (column.copy() for column in whole.T)
    return Listed(parent, added, size, module, *(column.copy() for column in parts.T))


def sets_of(found: Listed, chosen: Int64, blocks: int) -> Int64:
    """Give some ideals as rows of bits, 63 a word."""
    sets = np.zeros((len(chosen), blocks // 63 + 1), np.int64)
    _fill(sets, chosen, found.parent, found.added)
    return sets


def _rows(rows: list[list[int]]) -> tuple[Int64, Int32]:
    ptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return ptr, np.array([each for row in rows for each in row], np.int32)


@compiled
def _walk(after: Any, waiting: Int64, columns: Any, nets: Any, most: int, whole: Int32, parts: Int64) -> int:
    """Note all ideals, where there are rows for them; give how many there are, and no more than one above `most`."""
    after_ptr, afters = after
    time, memory, sync, waist = columns
    touch_ptr, touches, size, cost = nets
    n = len(waiting)
    missing = waiting.copy()
    held = np.zeros(len(size), np.int64)
    may = np.empty((n + 1, n), np.int32)  # at each depth, what may be added
    end = np.zeros(n + 1, np.int64)
    at = np.zeros(n + 1, np.int64)
    here = np.zeros(n + 1, np.int64)
    sums = np.zeros((n + 1, 5), np.int64)
    for b in range(n):
        if missing[b] == 0:
            may[0, end[0]] = b
            end[0] += 1
    count = 1
    depth = 0
    while depth >= 0:
        if at[depth] == end[depth]:
            depth -= 1
            if depth >= 0:  # the block that was added last goes away again
                b = may[depth, at[depth]]
                at[depth] += 1
                for e in range(after_ptr[b], after_ptr[b + 1]):
                    missing[afters[e]] += 1
                for e in range(touch_ptr[b], touch_ptr[b + 1]):
                    held[touches[e]] -= 1
            continue
        b = may[depth, at[depth]]
        crossing = sums[depth, 3]
        for e in range(touch_ptr[b], touch_ptr[b + 1]):
            net = touches[e]
            if held[net] == 0:
                crossing += cost[net]
            held[net] += 1
            if held[net] == size[net]:
                crossing -= cost[net]
        below = here[depth]
        before = sums[depth]
        depth += 1
        here[depth] = count
        sums[depth, 0], sums[depth, 1] = before[0] + time[b], before[1] + memory[b]
        sums[depth, 2], sums[depth, 3] = before[2] + sync[b], crossing
        sums[depth, 4] = before[4] + waist[b]
        if count < len(whole):
            whole[count, 0], whole[count, 1], whole[count, 2] = below, b, depth
            whole[count, 3] = sums[depth, 4]
            parts[count] = sums[depth, :4]
        count += 1
        if count > most:
            return count
        at[depth], end[depth] = 0, 0
        for i in range(end[depth - 1]):
            if may[depth - 1, i] > b:
                may[depth, end[depth]] = may[depth - 1, i]
                end[depth] += 1
        for e in range(after_ptr[b], after_ptr[b + 1]):
            missing[afters[e]] -= 1
            if missing[afters[e]] == 0:
                may[depth, end[depth]] = afters[e]
                end[depth] += 1
    return count


@compiled
def _fill(sets: Int64, chosen: Int64, parent: Int32, added: Int32) -> None:
    for i in range(len(chosen)):
        ideal = chosen[i]
        while ideal:
            block = added[ideal]
            sets[i, block // 63] |= np.int64(1) << np.int64(block % 63)
            ideal = parent[ideal]

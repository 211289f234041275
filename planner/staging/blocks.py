"""Layers that no plan may part, as one block each, and what blocks send to one another.

Layers of one colour class stay on one device, and so does what lies between them, because a stage is contiguous: the
blocks are the strongly connected components of the classes. Of a backward pass only classes without a forward layer are
looked at: their edges are mirrored, as if they had one. Source: J. Tarnawski, A. Phanishayee, N. Devanur, D. Mahajan,
F. Nina Paravecino, Efficient Algorithms for Device Placement of DNN Graph Operators, NeurIPS 2020, arXiv:2006.16423.
"""

from __future__ import annotations

import heapq
import math
from typing import NamedTuple

import numpy as np

from planner.model.arrays import Bool, Int32, Int64
from planner.model.layers import NANOSECONDS, LayerGraph

__all__ = ["Blocks", "as_chain", "blocks_of", "merged"]


class Blocks(NamedTuple):
    """Blocks in a topological order, and nets: what a layer sends, from its block to the blocks that take it.

    ``block`` gives the block of each layer, ``before`` the blocks that each waits for; of net ``e``, ``net_from`` is
    the block that sends, ``net_to[net_ptr[e]:net_ptr[e + 1]]`` are the blocks that take, and ``net_ns`` is what that
    costs a device that holds one side of it. ``sync_ns`` is what bringing very many replicas in line would cost.
    """

    block: Int32
    time_ns: Int64
    host_ns: Int64
    supported: Bool
    memory_bytes: Int64
    sync_ns: Int64
    before: tuple[frozenset[int], ...]
    net_from: Int32
    net_ns: Int64
    net_ptr: Int64
    net_to: Int32

    @property
    def n(self) -> int:
        """Number of blocks."""
        return len(self.time_ns)


_TO_AND_FRO = 4
"""How often a parameter crosses the links of a replica in one synchronisation, as PipeDream counts it."""


def blocks_of(graph: LayerGraph, bandwidth: float) -> Blocks:
    """Join what cannot be parted.

    Parameters
    ----------
    graph : LayerGraph
    bandwidth : float
        Bytes a second; inf where transfers cost nothing. It is not asked where the graph states what sending costs.
    """
    from scipy.sparse import csr_matrix  # takes a while to import
    from scipy.sparse.csgraph import connected_components

    source, target = _edges(graph)
    color = graph.color_class
    after, before = _class_edges(graph, source, target)
    k = int(color.max(initial=-1)) + 1
    links = csr_matrix((np.ones(len(after)), (after, before)), shape=(k, k))
    component = connected_components(links, directed=True, connection="strong")[1].astype(np.int32)
    send = graph.send_ns if graph.send_ns is not None else _over(graph.output_bytes, bandwidth)
    return _assembled(graph, component[color], send, bandwidth, (component[after], component[before]))


def _edges(graph: LayerGraph) -> tuple[Int32, Int32]:
    return graph.pred, np.repeat(np.arange(graph.n, dtype=np.int32), np.diff(graph.pred_ptr))


def _class_edges(graph: LayerGraph, source: Int32, target: Int32) -> tuple[Int32, Int32]:
    """Give the edges among classes that stages have to follow."""
    color, backward = graph.color_class, graph.backward
    forward = np.zeros(int(color.max(initial=-1)) + 1, dtype=bool)
    forward[color[~backward]] = True
    plain = ~backward[source] & ~backward[target]
    lone = ~forward[color[source]] | ~forward[color[target]]
    mirrored = backward[source] & backward[target] & lone
    return (
        np.concatenate([color[source[plain]], color[target[mirrored]]]),
        np.concatenate([color[target[plain]], color[source[mirrored]]]),
    )


def _over(count: Int64, bandwidth: float) -> Int64:
    """Give nanoseconds that bytes take."""
    if math.isinf(bandwidth):
        return np.zeros(len(count), np.int64)
    return np.rint(count / bandwidth * NANOSECONDS).astype(np.int64)


def _assembled(
    graph: LayerGraph, component: Int32, send: Int64, bandwidth: float, links: tuple[Int32, Int32]
) -> Blocks:
    n = int(component.max(initial=-1)) + 1
    before: list[set[int]] = [set() for _ in range(n)]
    for a, b in zip(links[0].tolist(), links[1].tolist(), strict=True):
        if a != b:
            before[b].add(a)
    first = np.full(n, graph.n)
    np.minimum.at(first, component[graph.order], np.arange(graph.n))
    order = _topological(before, first.tolist())
    place = np.empty(n, np.int32)
    place[order] = np.arange(n)
    block = place[component]
    source, target = _edges(graph)

    def summed(values: Int64) -> Int64:
        total = np.zeros(n, np.int64)
        np.add.at(total, block, values)
        return total

    supported = np.ones(n, dtype=bool)
    np.logical_and.at(supported, block, graph.supported)
    return Blocks(
        block,
        summed(graph.time_ns),
        summed(graph.host_ns),
        supported,
        summed(graph.memory_bytes),
        _over(_TO_AND_FRO * summed(graph.sync_bytes), bandwidth),
        tuple(frozenset(place[list(before[b])].tolist()) for b in order),
        *_nets(block, source, target, send),
    )


def _topological(before: list[set[int]], rank: list[int]) -> list[int]:
    """Order blocks so that each stands after those it waits for, otherwise by rank."""
    waiting = [len(each) for each in before]
    after: list[list[int]] = [[] for _ in before]
    for b, blocks in enumerate(before):
        for a in blocks:
            after[a].append(b)
    ready = [(rank[b], b) for b, count in enumerate(waiting) if not count]
    heapq.heapify(ready)
    order: list[int] = []
    while ready:
        block = heapq.heappop(ready)[1]
        order.append(block)
        for b in after[block]:
            waiting[b] -= 1
            if not waiting[b]:
                heapq.heappush(ready, (rank[b], b))
    return order


def _nets(block: Int32, source: Int32, target: Int32, send: Int64) -> tuple[Int32, Int64, Int64, Int32]:
    """Give what leaves each block; layers of one block whose outputs go to the same blocks are one net."""
    takers: dict[int, set[int]] = {}
    for u, b in zip(source.tolist(), block[target].tolist(), strict=True):
        if b != block[u] and send[u]:
            takers.setdefault(u, set()).add(b)
    nets: dict[tuple[int, tuple[int, ...]], int] = {}
    for u, taking in sorted(takers.items()):
        net = int(block[u]), tuple(sorted(taking))
        nets[net] = nets.get(net, 0) + int(send[u])
    ptr = np.concatenate([[0], np.cumsum([len(to) for _, to in nets])]).astype(np.int64)
    return (
        np.array([block_from for block_from, _ in nets], np.int32),
        np.array([*nets.values()], np.int64),
        ptr,
        np.array([b for _, to in nets for b in to], np.int32),
    )


def merged(blocks: Blocks, group: Int32) -> Blocks:
    """Join blocks of one group; groups are numbered in a topological order."""
    n = int(group.max(initial=-1)) + 1
    before: list[set[int]] = [set() for _ in range(n)]
    for b, waits in enumerate(blocks.before):
        before[group[b]].update(int(group[a]) for a in waits if group[a] != group[b])
    supported = np.ones(n, dtype=bool)
    np.logical_and.at(supported, group, blocks.supported)

    def summed(values: Int64) -> Int64:
        total = np.zeros(n, np.int64)
        np.add.at(total, group, values)
        return total

    # A net stands for a layer here: its ends are numbered behind the blocks.
    nets = len(blocks.net_from)
    ends = np.concatenate([group, group[blocks.net_from]])
    sender = np.repeat(np.arange(nets, dtype=np.int32) + blocks.n, np.diff(blocks.net_ptr)).astype(np.int32)
    send = np.concatenate([np.zeros(blocks.n, np.int64), blocks.net_ns])
    return Blocks(
        group[blocks.block],
        summed(blocks.time_ns),
        summed(blocks.host_ns),
        supported,
        summed(blocks.memory_bytes),
        summed(blocks.sync_ns),
        tuple(map(frozenset, before)),
        *_nets(ends, sender, blocks.net_to, send),
    )


def as_chain(blocks: Blocks, order: list[int]) -> Blocks:
    """Put blocks into another topological order, each waiting for the one before: only prefixes are ideals."""
    place = np.empty(blocks.n, np.int32)
    place[order] = np.arange(blocks.n)
    chain = merged(blocks, place)
    return chain._replace(before=tuple(frozenset([b - 1] if b else []) for b in range(blocks.n)))

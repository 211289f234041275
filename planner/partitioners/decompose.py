"""Turn data-parallel tasks into plain ones: a task a shard, a task a shard of another, or a reduction tree.

A source (items or files) is cut by weight (`sharding`); the tasks mapped over its shards (`each`) follow its cuts, so
the number of shards is chosen for all of them together. Who takes the value of a mapped task gets the list of its
shards' values in order; who takes the value of a tree gets the value of its root, which keeps the task's id. Active
replicas become tasks of their own (`copies`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from planner.errors import Fault, InputError
from planner.model.arrays import Int64
from planner.model.cluster import Cluster
from planner.model.graph import Call, Graph, Ref, Refs
from planner.model.units import MICROSECONDS
from planner.partitioners.blocks import Block, lay_out
from planner.partitioners.copies import with_copies
from planner.partitioners.family import Places, family_of
from planner.partitioners.items import Items, measure
from planner.partitioners.sharding import TASK_OVERHEAD_US, Sharding, choose_sharding

__all__ = ["Decomposed", "decompose"]

Said = TypeVar("Said")

MOST_NAMED = 6
"""Tasks that a note names, before it leaves those in the middle out."""


@dataclass(frozen=True, eq=False)
class Decomposed:
    """A graph without data-parallel tasks, and what was decided on the way.

    Attributes
    ----------
    graph : Graph
        Tasks in the order of the original ones; the shards of a task stand together, in order. Copies of tasks with
        active replicas stand behind them all.
    notes : tuple of str
        For every source how many shards it has and why, and what the alternatives were predicted to cost.
    shards : dict of str to tuple of str
        From the id of a mapped task to the ids of its shards' tasks, in order.
    origin : ndarray of int64, shape (n,)
        Of each task, the position of the original one.
    """

    graph: Graph
    origin: Int64
    notes: tuple[str, ...] = ()
    shards: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def decompose(graph: Graph, cluster: Cluster) -> Decomposed:
    """Turn every data-parallel task into one task per shard, and add the copies of tasks with active replicas.

    Parameters
    ----------
    graph : Graph
        Its `over` names the data-parallel tasks.
    cluster : Cluster
        Its slots and their speeds for these kinds of tasks decide how many shards are enough, its overhead how many are
        too many. Only slots where a task may run are counted, and of shards that stay apart, one an executor.

    Returns
    -------
    Decomposed
        The same graph when nothing in it is data-parallel or has active replicas.

    Raises
    ------
    InputError
        With every fault: a pattern that matches no file, files that cannot be read, weights that do not fit, a task
        that is named like a copy of another.
    InfeasibleError
        Naming every task that no executor may take, or fewer than it has replicas, and every group that cannot be kept
        apart.

    Examples
    --------
    >>> from planner.model import GraphBuilder
    >>> builder = GraphBuilder()
    >>> squares = builder.map("jobs:squares", range(100), weights=range(100), id="squares", work=10)
    >>> total = builder.reduce("jobs:add", squares, id="total")
    >>> small = decompose(builder.build(), Cluster.uniform(2))
    >>> small.shards["squares"][:2], small.graph.names[-1]
    (('squares[0]', 'squares[1]'), 'total')
    """
    if not graph.over:
        return _decomposed(graph, cluster, np.arange(graph.n))
    shardings, items = _cut_sources(graph, cluster)
    blocks = lay_out(graph, shardings, items)
    source, target, sizes = _edges(graph, blocks)
    works, outputs, memory = _costs(graph, blocks)
    new = Graph.from_arrays(
        [name for block in blocks for name in block.names],
        work=works / MICROSECONDS,
        source=source,
        target=target,
        edge_bytes=sizes,
        memory=memory,
        output=outputs,
        kind=[graph.kinds[graph.kind[task]] for task, block in enumerate(blocks) for _ in block.names],
        calls=list(_calls(graph, blocks)) if graph.calls else (),
        pins=_by_block(graph.pins, blocks),
        apart=_by_block(graph.apart, blocks),
        replicas=_by_block(graph.replicas, blocks),
        retries=_by_block(graph.retries, blocks),
        timeouts_us=_by_block(graph.timeouts_us, blocks),
        copy_of={blocks[copy].first: blocks[task].first for copy, task in graph.copy_of.items()},
    )
    notes = [note for task, cut in shardings.items() for note in _explain(graph, task, cut, items[task])]
    shards = {graph.names[task]: blocks[task].names for task, over in sorted(graph.over.items()) if over.tree is None}
    origin = np.repeat(np.arange(graph.n), [len(block.names) for block in blocks])
    return _decomposed(new, cluster, origin, tuple(notes), shards)


def _decomposed(graph: Graph, cluster: Cluster, origin: Any, *more: Any) -> Decomposed:
    """Add the copies, which stem from what their primaries stem from."""
    whole = with_copies(graph, cluster)
    copied = [whole.copy_of[task] for task in range(graph.n, whole.n)]
    return Decomposed(whole, np.append(origin, origin[copied]) if copied else origin, *more)


def _by_block(said: Mapping[int, Said], blocks: list[Block]) -> dict[int, Said]:
    return {new: what for task, what in said.items() for new in blocks[task].tasks}


def _cut_sources(graph: Graph, cluster: Cluster) -> tuple[dict[int, Sharding], dict[int, Items]]:
    """Measure and cut every source, with the work of all tasks that are mapped over its shards."""
    faults: list[Fault] = []
    sources = [task for task, over in sorted(graph.over.items()) if over.each is None and over.tree is None]
    items = {task: measure(graph.over[task], f"tasks[{graph.names[task]!r}]", faults) for task in sources}
    if faults:
        raise InputError(faults)
    places = Places(graph, cluster)
    overhead_us = max(cluster.overhead_us, TASK_OVERHEAD_US)
    shardings = {}
    for task in sources:
        family = family_of(graph, task)
        work_us = int(graph.work_us[family].sum())
        speeds, most = places.usable(family)
        shardings[task] = choose_sharding(items[task].weights, work_us, speeds, overhead_us, len(family), most)
    return shardings, items


def _explain(graph: Graph, task: int, sharding: Sharding, items: Items) -> list[str]:
    lines = sharding.explain(items.label(sharding.heaviest))
    family = [graph.names[other] for other in family_of(graph, task)[1:]]
    if family:
        told = family if len(family) <= MOST_NAMED else [*family[:2], "…", f"{family[-1]} ({len(family):,} tasks)"]
        lines.append(f"its shards serve {', '.join(told)} too, whose work is counted in")
    return [f"{graph.names[task]}: {line}" for line in lines]


def _edges(graph: Graph, blocks: list[Block]) -> tuple[Int64, Int64, Int64]:
    """Carry every edge over: plain ones as they are, those of data-parallel tasks shard by shard or all to all."""
    sources = graph.pred.astype(np.int64)
    targets = np.repeat(np.arange(graph.n), np.diff(graph.pred_ptr))
    first = np.array([block.first for block in blocks], dtype=np.int64)
    parallel = np.zeros(graph.n, dtype=bool)
    parallel[list(graph.over)] = True
    plain = ~(parallel[sources] | parallel[targets])
    extra: list[tuple[int, int, int]] = []
    for edge in np.flatnonzero(~plain).tolist():
        source, target = int(sources[edge]), int(targets[edge])
        before = blocks[source]
        sizes = dict(zip(before.values, _split(int(graph.edge_bytes[edge]), _value_weights(before)), strict=True))
        over = graph.over.get(target)
        if over is not None and source in (over.each, over.tree):
            extra += _shard_edges(blocks[target], sizes, int(graph.output_bytes[target]))
            if not _takes(graph, target, source):
                continue
        extra += [(task, after, sizes[task]) for after in blocks[target].tasks for task in before.values]
    new = np.array(extra, dtype=np.int64).reshape(-1, 3)
    return (
        np.concatenate([first[sources[plain]], new[:, 0]]),
        np.concatenate([first[targets[plain]], new[:, 1]]),
        np.concatenate([graph.edge_bytes[plain], new[:, 2]]),
    )


def _takes(graph: Graph, target: int, source: int) -> bool:
    call = graph.calls[target] if graph.calls else None
    return call is not None and source in call.refs()


def _shard_edges(block: Block, sizes: Mapping[int, int], merged_bytes: int) -> Iterator[tuple[int, int, int]]:
    """Edges from what a block is mapped over; a merged value inside a tree is taken for as large as the tree's own."""
    for task, value in zip(block.tasks, block.inputs, strict=True):
        for before in value.tasks if isinstance(value, Refs) else (value.task,):
            yield before, task, sizes.get(before, merged_bytes)


def _value_weights(block: Block) -> tuple[int, ...]:
    return (1,) if block.levels else block.weights


def _split(total: int, weights: tuple[int, ...]) -> list[int]:
    """Split a whole number in proportion to weights, so that the parts add up to it."""
    whole = sum(weights)
    if not whole:
        weights, whole = (1,) * len(weights), len(weights)
    ends, sofar = [0], 0
    for weight in weights:
        sofar += weight
        ends.append(total * sofar // whole)
    return [high - low for low, high in pairwise(ends)]


def _costs(graph: Graph, blocks: list[Block]) -> tuple[Int64, Int64, Int64]:
    """Split work and output between the new tasks; memory is given per task."""
    works: list[int] = []
    outputs: list[int] = []
    for task, block in enumerate(blocks):
        works += _split(int(graph.work_us[task]), block.works)
        output = int(graph.output_bytes[task])
        outputs += [output] * len(block.names) if block.levels else _split(output, block.weights)
    counts = [len(block.names) for block in blocks]
    return np.array(works), np.array(outputs), np.repeat(graph.memory_bytes, counts)


def _calls(graph: Graph, blocks: list[Block]) -> Iterator[Call | None]:
    for task, block in enumerate(blocks):
        call = graph.calls[task]
        for i in range(len(block.names)):
            if call is None:
                yield None
                continue
            args = tuple(_moved(value, graph, blocks) for value in call.args)
            kwargs = {key: _moved(value, graph, blocks) for key, value in call.kwargs.items()}
            yield Call(call.run, (*block.inputs[i : i + 1], *args), kwargs)


def _moved(value: Any, graph: Graph, blocks: list[Block]) -> Any:
    """Point a reference to the new tasks; a mapped task's value is the list of its shards' values."""
    if isinstance(value, Ref):
        over = graph.over.get(value.task)
        values = blocks[value.task].values
        return Refs(tuple(values)) if over is not None and over.tree is None else Ref(values[0])
    if isinstance(value, Refs):
        return Refs(tuple(new for task in value.tasks for new in blocks[task].values))
    return value

"""What every task of a graph becomes: the new tasks' positions, names, weights and first arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from planner.model.graph import Graph, Over, Ref, Refs
from planner.partitioners.items import Items
from planner.partitioners.sharding import Sharding
from planner.partitioners.tree import tree_levels

__all__ = ["Block", "lay_out"]


@dataclass(frozen=True, eq=False)
class Block:
    """What one original task becomes: new tasks that stand together from position `first`."""

    first: int
    weights: tuple[int, ...] = (1,)  # of the shards, for all that is split between them
    inputs: tuple[Any, ...] = ()  # first argument of each new task
    levels: tuple[int, ...] = ()  # of a tree: how many tasks each level has, leaves first
    works: tuple[int, ...] = (1,)  # share of the work of each new task
    names: tuple[str, ...] = ()

    @property
    def tasks(self) -> range:
        """The new tasks' positions."""
        return range(self.first, self.first + len(self.names))

    @property
    def values(self) -> range:
        """The tasks whose values, in order, are the value of the original one."""
        return self.tasks[-1:] if self.levels else self.tasks


def lay_out(graph: Graph, shardings: Mapping[int, Sharding], items: Mapping[int, Items]) -> list[Block]:
    """Decide for every task what it becomes, then give the new tasks their positions."""
    shapes: dict[int, Block] = {}
    for task in graph.order.tolist():
        over = graph.over.get(task)
        name = graph.names[task]
        if over is None:
            shapes[task] = Block(0, names=(name,))
        elif over.tree is not None:
            shapes[task] = _tree_shape(name, len(shapes[over.tree].values), over.fan_in)
        elif over.each is not None:
            before = shapes[over.each]
            weights = before.weights if not before.levels else (1,)
            shapes[task] = Block(0, weights, works=weights, names=_numbered(name, len(weights)))
        else:
            cuts, weights = shardings[task].cuts.tolist(), tuple(shardings[task].weights.tolist())
            shards = tuple(list(items[task].items[low:high]) for low, high in pairwise(cuts))
            shapes[task] = Block(0, weights, shards, works=weights, names=_numbered(name, len(weights)))
    blocks, first = [], 0
    for task in range(graph.n):
        shape = shapes[task]
        blocks.append(replace(shape, first=first))
        first += len(shape.names)
    return [_with_inputs(block, graph.over.get(task), blocks) for task, block in enumerate(blocks)]


def _numbered(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}[{i}]" for i in range(count))


def _tree_shape(name: str, leaves: int, fan_in: int) -> Block:
    levels = tree_levels(leaves, fan_in)
    names = [f"{name}[{level}.{i}]" for level, groups in enumerate(levels[:-1]) for i in range(len(groups))]
    works = tuple(high - low for groups in levels for low, high in groups)
    return Block(0, (1,), levels=tuple(map(len, levels)), works=works, names=(*names, name), inputs=tuple(levels))


def _with_inputs(block: Block, over: Over | None, blocks: list[Block]) -> Block:
    """Put references to the tasks of another block where that is what a task is mapped over."""
    if over is None or (over.each is None and over.tree is None):
        return block
    if over.each is not None:
        inputs: list[Any] = [Ref(task) for task in blocks[over.each].values]
    else:
        assert over.tree is not None  # noqa: S101 - for the type checker
        inputs, below, first = [], blocks[over.tree].values, block.first
        for groups in block.inputs:
            inputs += [Refs(tuple(below[low:high])) for low, high in groups]
            below = range(first, first + len(groups))
            first += len(groups)
    return replace(block, inputs=tuple(inputs))

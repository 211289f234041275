"""The training of a small neural network as a dependency graph."""

from __future__ import annotations

import time
from dataclasses import dataclass

from planner.errors import Fault, InputError
from planner.model.builder import GraphBuilder
from planner.model.graph import Graph
from planner.recipes.training import HIDDEN, RATE, gradient, load, start
from planner.recipes.training_data import BLOCK, HELD, Source

__all__ = ["RESULT", "Costs", "costs_graph", "measure_costs", "training_graph"]

RESULT = "trained"
"""Id of the task whose value is the trained network."""

STEPS = "planner.recipes.training:"

SAMPLE = 8
"""Blocks by which the costs are measured."""

SMALL_SECONDS = 0.0005
"""What a merge or a step takes: additions of some thousand numbers."""

SHARDS = 8
"""Gradients on their way at a time, where the plan has not decided yet how many shards there are."""


@dataclass(frozen=True)
class Costs:
    """Seconds that one block takes: to be read, and for its gradient."""

    load: float
    gradient: float


def measure_costs(source: Source, hidden: int = HIDDEN) -> Costs:
    """Measure what some blocks take where this runs, in CPU time.

    What counts is what they take on an executor, where numpy has one thread: `costs_graph` runs it there.
    """
    blocks = range(min(SAMPLE, -(-source.rows // BLOCK)))
    began = time.process_time()
    shard = load(blocks, source)
    loaded = time.process_time() - began
    network = start(source.n_features, hidden, source.n_classes)
    took = []
    for _ in range(3):  # the first one warms up
        began = time.process_time()
        gradient(shard, network, source.rows)
        took.append(time.process_time() - began)
    return Costs(loaded / len(blocks), min(took) / len(blocks))


def costs_graph(source: Source, hidden: int = HIDDEN) -> Graph:
    """Build the graph of one task, `RESULT`, that measures the costs on an executor before the training is planned."""
    graph = GraphBuilder()
    graph.add("planner.recipes.training_graph:measure_costs", source, hidden, id=RESULT)
    return graph.build()


def training_graph(
    source: Source, costs: Costs, *, steps: int, hidden: int = HIDDEN, seed: int = 0, rate: float = RATE
) -> Graph:
    """Build the graph: shards are loaded once; each step has a gradient a shard, a tree that merges them, and a step.

    Parameters
    ----------
    source : Source
        Executors read their blocks from it.
    costs : Costs
        As `measure_costs` gives them.
    steps : int
        At least 1.
    hidden : int
        Hidden units, at least 1.
    seed : int
        Of the weights that the network starts with.
    rate : float
        Length of a step.

    Returns
    -------
    Graph
        The value of its task `RESULT` is a `planner.recipes.training.Training`, the same to the last digit on however
        many shards.

    Raises
    ------
    InputError
        If there are too few rows, steps or hidden units.
    """
    wanted = {"rows": (source.rows, HELD), "steps": (steps, 1), "hidden": (hidden, 1)}
    faults = [Fault(name, f"is {n}; expected {least} or more") for name, (n, least) in wanted.items() if n < least]
    if faults:
        raise InputError(faults)
    total, blocks = source.rows - source.rows // HELD, range(-(-source.rows // BLOCK))
    weights = [float(min(BLOCK, source.rows - block * BLOCK)) for block in blocks]
    row_bytes = 8 * (source.n_features + 1)
    network_bytes = 8 * ((source.n_features + 1) * hidden + (hidden + 1) * source.n_classes)
    graph = GraphBuilder()
    data = graph.map(
        f"{STEPS}load",
        blocks,
        weights=weights,
        params={"source": source},
        id="load",
        work=costs.load * len(blocks),
        output=row_bytes * total,
    )
    sizes = (source.n_features, hidden, source.n_classes)
    network = graph.add(f"{STEPS}start", *sizes, seed, id="start", work=SMALL_SECONDS, output=3 * network_bytes)
    for number in range(1, steps + 1):
        slopes = graph.map(
            f"{STEPS}gradient",
            data,
            network,
            total,
            id=f"gradient {number}",
            work=costs.gradient * len(blocks),
            output=SHARDS * network_bytes,
        )
        slope = graph.reduce(f"{STEPS}merge", slopes, id=f"merge {number}", work=SMALL_SECONDS, output=network_bytes)
        network = graph.add(
            f"{STEPS}step",
            network,
            slope,
            total,
            rate,
            id=RESULT if number == steps else f"step {number}",
            work=SMALL_SECONDS,
            output=3 * network_bytes,
        )
    return graph.build()

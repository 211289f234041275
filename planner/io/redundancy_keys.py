"""What a task asks for against losses, as keys of a job file and as columns of Parquet.

``replicas``, ``redundancy``, ``retries`` and ``timeout`` (seconds); in the graph of a plan also ``copy_of``, the task
that a copy is of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from planner.errors import Fault
from planner.io.checks import Faults
from planner.model.graph import Graph
from planner.model.redundancy import REDUNDANCY_KEYS, Replicas, asked
from planner.model.units import MICROSECONDS

__all__ = ["COPY", "REDUNDANT_KEYS", "Redundancy", "read_redundancy", "redundancy_columns", "redundancy_document"]

COPY = "copy_of"
REDUNDANT_KEYS = (*REDUNDANCY_KEYS, COPY)


@dataclass
class Redundancy:
    """What all tasks of a file ask for; its fields are named as the arguments of `Graph.from_arrays`."""

    replicas: dict[int, Replicas] = field(default_factory=dict)
    retries: dict[int, int] = field(default_factory=dict)
    timeouts_us: dict[int, int] = field(default_factory=dict)
    copy_of: dict[int, int] = field(default_factory=dict)


def read_redundancy(
    tasks: Iterable[tuple[int, Mapping[str, Any]]],
    where: Callable[[int, str], str],
    find: Callable[[str, Any], int | None],
    faults: Faults,
) -> Redundancy:
    """Read what tasks ask for.

    Parameters
    ----------
    tasks : iterable of (int, mapping)
        Tasks by their positions; other keys than `REDUNDANT_KEYS` do not matter.
    where : callable
        The path of a task's key.
    find : callable
        Gives the position of the task of a name, or notes that there is none.
    faults : Faults
        Gets what is wrong.
    """
    read = Redundancy()
    for task, said in tasks:
        given = {key: said[key] for key in REDUNDANCY_KEYS if key in said}
        if given:
            wrong: list[Fault] = []
            asks = asked(given, lambda key: where(task, key), wrong)  # noqa: B023 - called at once
            faults.add_all(wrong)
            if asks.replicas is not None:
                read.replicas[task] = asks.replicas
            if asks.retries:
                read.retries[task] = asks.retries
            if asks.timeout_us is not None:
                read.timeouts_us[task] = asks.timeout_us
        if COPY in said and (other := find(where(task, COPY), said[COPY])) is not None:
            read.copy_of[task] = other
    return read


def redundancy_document(graph: Graph, task: int) -> dict[str, Any]:
    """Say what a task asks for as `read_redundancy` reads it."""
    written: dict[str, Any] = {}
    if replicas := graph.replicas.get(task):
        written |= {"replicas": replicas.count, "redundancy": replicas.mode}
    if retries := graph.retries.get(task):
        written["retries"] = retries
    if timeout_us := graph.timeouts_us.get(task):
        written["timeout"] = timeout_us / MICROSECONDS
    if task in graph.copy_of:
        written[COPY] = graph.names[graph.copy_of[task]]
    return written


def redundancy_columns(graph: Graph) -> dict[str, pa.Array]:
    """Give the columns that a graph needs, which are none when its tasks ask for nothing; null where one does not."""
    tasks = sorted({*graph.replicas, *graph.retries, *graph.timeouts_us, *graph.copy_of})
    said = [redundancy_document(graph, task) for task in tasks]
    row = np.full(graph.n, -1, dtype=np.int64)
    row[tasks] = np.arange(len(tasks))
    places = pa.array(row, mask=row < 0)
    columns = {}
    for key in REDUNDANT_KEYS:
        values = [entry.get(key) for entry in said]
        if any(value is not None for value in values):
            columns[key] = pa.array(values).take(places)
    return columns

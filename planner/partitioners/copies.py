"""Active replicas as tasks of their own: copies that do the same, that nothing waits for, and that stay apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import pyarrow as pa

from planner.errors import Fault, InputError
from planner.model.cluster import Cluster
from planner.model.graph import Graph
from planner.model.progress import Progress
from planner.model.units import MICROSECONDS
from planner.placement import placements

__all__ = ["with_copies"]

Said = TypeVar("Said")


def with_copies(graph: Graph, cluster: Cluster) -> Graph:
    """Add the copies of all tasks with active replicas, behind the tasks that there are.

    A copy of ``id`` is named ``id~2``, ``id~3`` and so on, and has its inputs, call, costs, pin, retries and time-out.
    What waits for ``id`` waits for that one alone, so that the plan holds whichever ends first.

    Parameters
    ----------
    graph : Graph
        Without data-parallel tasks. Copies that it has already stay.
    cluster : Cluster

    Raises
    ------
    InfeasibleError
        Naming every task that has more replicas than there are executors that may take it.
    InputError
        If the name of a copy is that of another task.

    Examples
    --------
    >>> from planner.model import Replicas
    >>> graph = Graph.from_arrays(["a", "b"], work=[2, 1], replicas={0: Replicas(3, "active")})
    >>> copied = with_copies(graph, Cluster.uniform(3))
    >>> copied.names, copied.copy_of
    (['a', 'b', 'a~2', 'a~3'], {2: 0, 3: 0})
    """
    there = {*graph.copy_of.values()}
    wanted = {
        task: replicas.count - 1
        for task, replicas in graph.replicas.items()
        if replicas.mode == "active" and task not in there
    }
    if not wanted:
        return graph
    placements(graph, cluster, Progress.none(graph.n))  # or a thousand copies are made for two executors
    of = np.repeat(np.array([*wanted], dtype=np.int64), [*wanted.values()])
    names = [f"{graph.names[task]}~{number}" for task, more in wanted.items() for number in range(2, more + 2)]
    _check_names(graph, names, of.tolist())
    rows = np.concatenate([np.arange(graph.n), of])
    edges = np.concatenate([np.arange(graph.pred_ptr[task], graph.pred_ptr[task + 1]) for task in rows.tolist()])
    edges = edges.astype(np.int64)
    copies = {graph.n + i: task for i, task in enumerate(of.tolist())}
    return Graph.from_arrays(
        pa.concat_arrays([graph.ids, pa.array(names, pa.string())]),
        work=graph.work_us[rows] / MICROSECONDS,
        source=graph.pred[edges],
        target=np.repeat(np.arange(len(rows)), np.diff(graph.pred_ptr)[rows]),
        edge_bytes=graph.edge_bytes[edges],
        memory=graph.memory_bytes[rows],
        output=graph.output_bytes[rows],
        kind=pa.DictionaryArray.from_arrays(pa.array(graph.kind[rows]), pa.array(graph.kinds, pa.string())),
        calls=[graph.calls[task] for task in rows.tolist()] if graph.calls else (),
        over=graph.over,
        pins=_inherited(graph.pins, copies),
        apart=graph.apart,
        replicas=graph.replicas,
        retries=_inherited(graph.retries, copies),
        timeouts_us=_inherited(graph.timeouts_us, copies),
        copy_of={**graph.copy_of, **copies},
    )


def _inherited(said: Mapping[int, Said], copies: Mapping[int, int]) -> dict[int, Said]:
    return {**said, **{copy: said[task] for copy, task in copies.items() if task in said}}


def _check_names(graph: Graph, names: list[str], of: list[int]) -> None:
    faults = [
        Fault(f"tasks[{name!r}]", f"is the name of a copy of {graph.names[task]!r}; expected another id")
        for name, task in zip(names, of, strict=True)
        if name in graph.index
    ]
    if faults:
        raise InputError(faults[:20])

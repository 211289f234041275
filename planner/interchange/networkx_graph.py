"""Graphs from and to networkx: attributes of nodes are the keys of a job file's tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from planner.errors import Fault, InputError
from planner.io.checks import Faults, show
from planner.io.extras import extra
from planner.io.job_document import graph_tasks
from planner.io.job_file import TASK_KEYS
from planner.io.translated import graph_from_tasks
from planner.model.graph import Call, Graph

if TYPE_CHECKING:
    import networkx

__all__ = ["from_networkx", "to_networkx"]

NODE_KEYS = tuple(key for key in TASK_KEYS if key not in ("id", "after"))
EDGE_KEY = "bytes"
STANDS_IN = "a:function"
"""For functions, which no file has, while the rest is read as if it came from one."""


def from_networkx(graph: networkx.DiGraph[Any]) -> Graph:
    """Give the graph of a networkx graph: nodes are tasks, edges say who waits for whom.

    Parameters
    ----------
    graph : networkx.DiGraph
        Nodes may have the attributes that a task of a job file has: ``work`` (seconds, 1 if left out), ``memory``,
        ``output`` (bytes), ``kind``, ``run`` (``"package.module:function"``, or a function), ``args``, ``params``,
        ``pin``, and so on; without ``args``, a function gets its predecessors' values in the order of their edges.
        Edges may have ``bytes``. Other attributes are passed over. A node's id is its text.

    Raises
    ------
    InputError
        With every fault; if edges have no direction; if networkx is not installed.

    Examples
    --------
    >>> import networkx
    >>> pipeline = networkx.DiGraph([("extract", "clean"), ("clean", "load")])
    >>> pipeline.nodes["clean"]["work"] = 5
    >>> from_networkx(pipeline)
    Graph(3 tasks, 2 edges, 7 s of work)
    """
    library = extra("networkx", "networkx", "a graph of networkx")
    if not isinstance(graph, library.Graph):
        raise InputError([Fault("graph", f"is {show(graph)}; expected a networkx.DiGraph")])
    if not graph.is_directed() or graph.is_multigraph():
        kind = type(graph).__name__
        raise InputError([Fault("graph", f"is a {kind}; expected a DiGraph, whose edges say who waits for whom")])
    nodes = [{key: _plain(said[key]) for key in NODE_KEYS if key in said} for _, said in graph.nodes(data=True)]
    functions = {task: said["run"] for task, said in enumerate(nodes) if callable(said.get("run"))}
    for task, function in functions.items():
        kind = getattr(function, "__name__", type(function).__name__)
        nodes[task] = {"kind": kind, **nodes[task], "run": STANDS_IN}
    tasks = [
        {**said, "id": str(node), "after": [_edge(*edge) for edge in graph.pred[node].items()]}
        for node, said in zip(graph, nodes, strict=True)
    ]
    shown = list(map(show, graph))
    made = graph_from_tasks(tasks, Faults(), lambda task: f"nodes[{shown[task]}]")
    return replace(made, calls=tuple(_with(call, functions.get(task)) for task, call in enumerate(made.calls)))


def to_networkx(graph: Graph) -> networkx.DiGraph[str]:
    """Give a graph as one of networkx: a node a task, with what a job file says of it; edges with their ``bytes``.

    `from_networkx` gives the same graph back, functions included.

    Raises
    ------
    InputError
        If networkx is not installed.

    Examples
    --------
    >>> built = Graph.from_arrays(["a", "b"], work=[1, 2], source=[0], target=[1])
    >>> to_networkx(built).nodes["b"]
    {'work': 2.0}
    """
    made: networkx.DiGraph[str] = extra("networkx", "networkx", "a graph for networkx").DiGraph()
    edges: list[tuple[str, str, dict[str, int]]] = []
    for task, said in enumerate(graph_tasks(graph, whole=True)):
        node, call = said.pop("id"), graph.calls[task] if graph.calls else None
        for entry in said.pop("after", []):
            edges.append(
                (entry, node, {}) if isinstance(entry, str) else (entry["task"], node, {EDGE_KEY: entry["bytes"]})
            )
        if call is not None and not isinstance(call.run, str):
            said |= {"run": call.run, "kind": graph.kinds[graph.kind[task]]}
        made.add_node(node, **said)
    made.add_edges_from(edges)  # after all nodes, which keep their order
    return made


def _edge(source: Any, said: Mapping[str, Any]) -> dict[str, Any]:
    return {"task": str(source), **({EDGE_KEY: _plain(said[EDGE_KEY])} if EDGE_KEY in said else {})}


def _with(call: Call | None, function: Any) -> Call | None:
    return call if call is None or function is None else replace(call, run=function)


def _plain(value: Any) -> Any:
    """Give a number of numpy as one of Python."""
    return value.item() if hasattr(value, "dtype") and getattr(value, "shape", None) == () else value

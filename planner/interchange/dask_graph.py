"""Graphs from dask: what a collection would compute, as tasks for Spark's executors.

dask hands any function that is given as its scheduler the optimised graph and the keys that are wanted; here that
function computes nothing and keeps both. The graph is a mapping from keys to nodes: a node names the keys that it
depends on, and gives its value when it is called with theirs. Nodes that only name another key vanish.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any, NoReturn

from planner.errors import Fault, InputError
from planner.io.checks import nearest, show
from planner.io.extras import extra
from planner.model.builder import GraphBuilder, Handle
from planner.model.graph import Graph

__all__ = ["evaluate", "from_dask", "same"]

RESULT = "result"
"""Id of the task whose value is that of a collection which is given alone."""

_HERE = __name__


def from_dask(collections: Any, *, work: float | str | Mapping[str, float | str] = 1.0) -> Graph:
    """Give the graph of a dask collection, optimised as dask would before computing it.

    The value of the task ``result`` is what ``collection.compute()`` gives. Executors need dask, and what the tasks
    need. The kinds of the tasks are dask's: a task of the key ``('sum-a1b2', 0, 3)`` is of the kind ``sum``, so that a
    history of runs teaches what each kind takes. Data that is in the graph already takes no time.

    Parameters
    ----------
    collections : dask collection, or mapping of str to dask collection
        A `dask.delayed` value, an array, a bag, …; of several, which may share tasks, the value of each is that of the
        task of its name.
    work : float, str or mapping, optional
        Seconds of each task; or of tasks of each kind, 1 for kinds that are not named.

    Raises
    ------
    InputError
        If something is no dask collection, a kind is not there, or dask is not installed.

    Examples
    --------
    >>> from dask import delayed
    >>> absolute = delayed(abs, pure=True)
    >>> from_dask(delayed(sum)([absolute(-1), absolute(-2)]))
    Graph(3 tasks, 2 edges, 3 s of work)
    """
    dask = extra("dask", "dask", "a graph of dask")
    named = dict(collections) if isinstance(collections, Mapping) else {RESULT: collections}
    faults = [
        Fault(str(name), f"is {show(given)}; expected a dask collection")
        for name, given in named.items()
        if not dask.is_dask_collection(given)
    ]
    if faults or not named:
        raise InputError(faults or "names no collections; expected one at least")
    nodes, wanted = _optimised(dask, named)
    return _Builder(nodes, work).build(wanted)


def evaluate(node: Any, keys: Sequence[Hashable], *values: Any) -> Any:
    """Compute a node of a dask graph; this runs on executors."""
    return node(dict(zip(keys, values, strict=True)))


def same(value: Any) -> Any:
    """Give a value again, under another name; this runs on executors."""
    return value


class _Handed(Exception):
    """Carries a graph out of dask."""

    def __init__(self, graph: Any, keys: Sequence[Hashable]) -> None:
        super().__init__()
        self.graph = graph
        self.keys = keys


def _hand_over(graph: Any, keys: Sequence[Hashable], **_: Any) -> NoReturn:
    raise _Handed(graph, keys)


def _optimised(dask: Any, named: Mapping[str, Any]) -> tuple[dict[Hashable, Any], dict[str, Hashable]]:
    """Give the nodes that dask would compute, and the key of each collection."""
    distinct = {dask.base.tokenize(collection): collection for collection in named.values()}  # as dask tells them apart
    try:
        dask.compute(*distinct.values(), scheduler=_hand_over, traverse=False)
    except _Handed as handed:
        graph, keys = handed.graph, list(handed.keys)
    if len(keys) != len(distinct):
        raise InputError(f"dask wants {len(keys)} values of {len(distinct)} collections; expected one of each")
    nodes = graph.__dask_graph__() if hasattr(graph, "__dask_graph__") else graph
    found = dict(extra("dask._task_spec", "dask", "a graph of dask").convert_legacy_graph(nodes))
    of = dict(zip(distinct, keys, strict=True))
    return found, {name: of[dask.base.tokenize(collection)] for name, collection in named.items()}


class _Builder:
    """Turns nodes into tasks."""

    def __init__(self, nodes: Mapping[Hashable, Any], work: float | str | Mapping[str, float | str]) -> None:
        from dask._task_spec import Alias, DataNode
        from dask.utils import key_split

        self._data = DataNode
        self._kind = {key: key_split(key) for key in nodes}
        self._alias = {key: node.target for key, node in nodes.items() if isinstance(node, Alias)}
        self._nodes = {key: node for key, node in nodes.items() if key not in self._alias}
        self._depends = {
            key: sorted(node.dependencies, key=str) for key, node in sorted(self._nodes.items(), key=_text)
        }
        kinds = sorted({self._kind[key] for key in self._nodes})
        self._work = work if isinstance(work, Mapping) else dict.fromkeys(kinds, work)
        faults = [
            Fault(
                f"work[{kind!r}]", f"there is no such kind{nearest(kind, kinds)}; expected some of {', '.join(kinds)}"
            )
            for kind in self._work
            if kind not in kinds
        ]
        missing = {self._meant(other) for others in self._depends.values() for other in others} - self._nodes.keys()
        faults += [
            Fault(str(key), "is not in the graph; expected a collection that is not held by a cluster of dask")
            for key in sorted(missing, key=str)
        ]
        if faults:
            raise InputError(faults)

    def build(self, wanted: Mapping[str, Hashable]) -> Graph:
        """Give the graph; each of the wanted keys is the value of the task of its name, on which no other waits."""
        meant = {key: [self._meant(other) for other in others] for key, others in self._depends.items()}
        taken = Counter(other for others in meant.values() for other in others)
        taken.update(map(self._meant, wanted.values()))
        names = {self._meant(key): name for name, key in wanted.items() if taken[self._meant(key)] == 1}
        graph, handles = GraphBuilder(), dict[Hashable, Handle]()
        for key in TopologicalSorter(meant).static_order():
            node, kind = self._nodes[key], self._kind[key]
            handles[key] = graph.add(
                f"{_HERE}:{evaluate.__name__}",
                node,
                tuple(self._depends[key]),
                *(handles[other] for other in meant[key]),
                id=names.get(key, str(key)),
                work=0 if isinstance(node, self._data) else self._work.get(kind, 1.0),
                kind=kind,
            )
        for name, key in wanted.items():
            if names.get(self._meant(key)) != name:
                graph.add(f"{_HERE}:{same.__name__}", handles[self._meant(key)], id=name, work=0)
        return graph.build()

    def _meant(self, key: Hashable) -> Hashable:
        while key in self._alias:
            key = self._alias[key]
        return key


def _text(item: tuple[Hashable, Any]) -> str:
    return str(item[0])

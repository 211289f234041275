"""The dependency graph: columns of integers inside, names at the edge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from planner.errors import Fault, InputError
from planner.model.arrays import Int32, Int64
from planner.model.columns import Column, edges_column, kinds_column, names_column, sizes_column, task_path
from planner.model.faults import cycle_faults, tell
from planner.model.redundancy import Replicas, copies_faults, redundancy_faults, whole_numbers
from planner.model.topology import edges_to_csr, topological_order, transpose
from planner.model.units import MICROSECONDS

__all__ = ["Call", "Graph", "Over", "Pin", "Ref", "Refs", "Replicas"]

LONGEST_WORK_S = 10**9
"""Seconds (some 30 years) above which a work is taken for a mistake; sums stay far inside 64 bits."""


@dataclass(frozen=True)
class Ref:
    """The value of another task, as an argument of a call."""

    task: int


@dataclass(frozen=True)
class Refs:
    """The values of several tasks, as one list argument of a call."""

    tasks: tuple[int, ...]


@dataclass(frozen=True)
class Call:
    """What a task runs.

    Parameters
    ----------
    run : str or callable
        ``"package.module:function"``, importable on the executors, or a function (sent by cloudpickle).
    args, kwargs
        Its arguments; a `Ref` or `Refs` among them is replaced by the values of those tasks.
    """

    run: str | Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def refs(self) -> tuple[int, ...]:
        """Give the tasks whose values the call takes, in the order of its arguments."""
        found: list[int] = []
        for value in (*self.args, *self.kwargs.values()):
            if isinstance(value, Ref):
                found.append(value.task)
            elif isinstance(value, Refs):
                found.extend(value.tasks)
        return tuple(found)


@dataclass(frozen=True)
class Over:
    """What a data-parallel task is mapped over; exactly one of the four sources is given.

    Its `Call` receives one shard as the first argument, and the graph's work for it is the work of all shards together.
    `planner.partitioners.decompose` turns it into one task per shard.

    Parameters
    ----------
    items : tuple, optional
        The items themselves; a shard is a list of them.
    files : str, optional
        A glob pattern; the items are the files it matches, weighted by their sizes in bytes.
    each : int, optional
        Another data-parallel task: one task per shard of that one, with that shard's value as first argument.
    tree : int, optional
        Another data-parallel task, whose shard values are reduced as a tree: the call takes a list of at most
        `fan_in` values and gives one.
    weights : tuple of float, optional
        Relative cost of each of `items`; equal when left out.
    fan_in : int
        Width of the tree.
    """

    items: tuple[Any, ...] | None = None
    files: str | None = None
    each: int | None = None
    tree: int | None = None
    weights: tuple[float, ...] | None = None
    fan_in: int = 4


@dataclass(frozen=True)
class Pin:
    """Where a task may run: on the executors that are all of what is given.

    Parameters
    ----------
    executor, host, kind : str, optional
        An executor's id, its host, its kind; at least one is given.
    """

    executor: str | None = None
    host: str | None = None
    kind: str | None = None

    def __str__(self) -> str:
        named = (("executor", self.executor), ("host", self.host), ("kind", self.kind))
        return " and ".join(f"{what} {name!r}" for what, name in named if name is not None)


@dataclass(frozen=True, eq=False)
class Graph:
    """A directed acyclic graph of tasks. Make one with `from_arrays`, a `GraphBuilder` or a reader.

    Attributes
    ----------
    ids : pyarrow.StringArray, length n
        The tasks' names, distinct.
    work_us : ndarray of int64, shape (n,)
        Microseconds that each task takes on an executor of speed 1.
    memory_bytes, output_bytes : ndarray of int64, shape (n,)
        Held while the task runs; and by its value, from then on until the last task that waits for it has started.
    kind : ndarray of int32, shape (n,)
        Index into `kinds`: tasks of one kind have comparable costs.
    kinds : tuple of str
    pred_ptr, pred, edge_bytes
        Predecessors of task ``i`` are ``pred[pred_ptr[i]:pred_ptr[i+1]]``, ascending, with `edge_bytes` beside.
    succ_ptr, succ, succ_edge
        The same for successors; ``succ_edge`` is the position of that edge in `pred`.
    order : ndarray of int32, shape (n,)
        A topological order.
    calls : tuple of Call or None, length n or 0
        What each task runs; empty for a trace.
    over : dict of int to Over
        The data-parallel tasks.
    pins : dict of int to Pin
        The tasks that may not run just anywhere.
    apart : dict of int to str
        Tasks under one name run on different executors: they would be in each other's way.
    replicas : dict of int to Replicas
        The tasks whose values are to be on several executors.
    retries : dict of int to int
        How often a task is run again whose own code has raised, where that is more than never.
    timeouts_us : dict of int to int
        Microseconds after which a task counts as hung, where it says so itself.
    copy_of : dict of int to int
        From a copy to its task, where active replicas have become tasks of their own (`planner.partitioners`): they do
        the same, nothing waits for them, and they are kept apart.
    """

    ids: pa.StringArray
    work_us: Int64
    memory_bytes: Int64
    output_bytes: Int64
    kind: Int32
    kinds: tuple[str, ...]
    pred_ptr: Int64
    pred: Int32
    edge_bytes: Int64
    succ_ptr: Int64
    succ: Int32
    succ_edge: Int64
    order: Int32
    calls: tuple[Call | None, ...] = ()
    over: Mapping[int, Over] = field(default_factory=dict)
    pins: Mapping[int, Pin] = field(default_factory=dict)
    apart: Mapping[int, str] = field(default_factory=dict)
    replicas: Mapping[int, Replicas] = field(default_factory=dict)
    retries: Mapping[int, int] = field(default_factory=dict)
    timeouts_us: Mapping[int, int] = field(default_factory=dict)
    copy_of: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def from_arrays(
        cls,
        ids: Sequence[str] | pa.Array | None = None,
        *,
        work: ArrayLike,
        source: ArrayLike = (),
        target: ArrayLike = (),
        edge_bytes: Column = None,
        memory: Column = None,
        output: Column = None,
        kind: Sequence[str] | pa.Array | None = None,
        calls: Sequence[Call | None] = (),
        over: Mapping[int, Over] | None = None,
        pins: Mapping[int, Pin] | None = None,
        apart: Mapping[int, str] | None = None,
        replicas: Mapping[int, Replicas] | None = None,
        retries: Mapping[int, int] | None = None,
        timeouts_us: Mapping[int, int] | None = None,
        copy_of: Mapping[int, int] | None = None,
    ) -> Graph:
        """Build a graph from columns, checking all of it.

        Parameters
        ----------
        ids : sequence of str, optional
            Distinct names; ``"0"``, ``"1"``, … when left out.
        work : array_like of float, shape (n,)
            Seconds on an executor of speed 1.
        source, target : array_like of int, shape (m,)
            Edges as positions of tasks. Parallel edges are merged; the largest size counts.
        edge_bytes : array_like of int, shape (m,), optional
            Bytes that cross each edge; the output size of its source when left out.
        memory, output : array_like of int, shape (n,), optional
            Bytes; 0 when left out.
        kind : sequence of str, length n, optional
            Kind of each task; one kind, ``"task"``, when left out.
        calls : sequence of Call or None, optional
            What the tasks run.
        over : mapping of int to Over, optional
            The data-parallel tasks.
        pins : mapping of int to Pin, optional
            Where tasks may run, for those that may not run anywhere.
        apart : mapping of int to str, optional
            Tasks under one name run on different executors.
        replicas, retries, timeouts_us, copy_of : mapping, optional
            As the attributes of these names.

        Raises
        ------
        InputError
            With every fault: duplicate ids, works that are negative, NaN or infinite, edges to tasks that do not
            exist, cycles (shown), replicas that are fewer than 2, copies that are none.

        Examples
        --------
        >>> graph = Graph.from_arrays(["a", "b", "c"], work=[1, 2, 3], source=[0, 0], target=[1, 2])
        >>> graph.n, graph.predecessors(2).tolist()
        (3, [0])
        """
        works = np.asarray(work, dtype=np.float64)
        n = len(works)
        faults: list[Fault] = []
        names = names_column(ids, n, faults)
        memory_bytes = sizes_column("memory", memory, n, names, faults)
        output_bytes = sizes_column("output", output, n, names, faults)
        _check_works(works, names, faults)
        _check_placed(pins or {}, apart or {}, n, names, faults)
        sparse = replicas or {}, retries or {}, timeouts_us or {}, copy_of or {}
        faults += redundancy_faults(n, names, *sparse, apart or {})
        sources, targets, sizes = edges_column(source, target, edge_bytes, output_bytes, n, names, faults)
        if faults:
            raise InputError([*cycle_faults(names, sources, targets), *faults] if len(names) == n else faults)
        work_us = np.rint(works * MICROSECONDS).astype(np.int64)
        del work, works, memory, output  # of millions: makes room, unless the caller keeps them; so below
        pred_ptr, pred, sizes = edges_to_csr(n, sources, targets, sizes)
        del source, target, edge_bytes, sources, targets
        pa.default_memory_pool().release_unused()
        succ_ptr, succ, succ_edge = transpose(n, pred_ptr, pred)
        order = topological_order(pred_ptr, succ_ptr, succ)
        if len(order) < n:
            raise InputError(cycle_faults(names, pred, np.repeat(np.arange(n), np.diff(pred_ptr))))
        codes, kinds = kinds_column(kind, n)
        graph = cls(
            ids=names,
            work_us=work_us,
            memory_bytes=memory_bytes,
            output_bytes=output_bytes,
            kind=codes,
            kinds=kinds,
            pred_ptr=pred_ptr,
            pred=pred,
            edge_bytes=sizes,
            succ_ptr=succ_ptr,
            succ=succ,
            succ_edge=succ_edge,
            order=order,
            calls=tuple(calls),
            over=dict(over or {}),
            pins=dict(sorted((pins or {}).items())),
            apart=dict(sorted((apart or {}).items())),
            replicas=dict(sorted((replicas or {}).items())),
            retries=whole_numbers(retries),
            timeouts_us=whole_numbers(timeouts_us),
            copy_of=dict(sorted((copy_of or {}).items())),
        )
        if faults := [*copies_faults(graph)]:
            raise InputError(faults)
        return graph

    @property
    def n(self) -> int:
        """Number of tasks."""
        return len(self.work_us)

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return len(self.pred)

    @cached_property
    def names(self) -> list[str]:
        """The tasks' names as Python strings."""
        return self.ids.to_pylist()  # type: ignore[no-any-return]

    @cached_property
    def index(self) -> dict[str, int]:
        """From a task's name to its position."""
        return {name: position for position, name in enumerate(self.names)}

    def predecessors(self, task: int) -> Int32:
        """Give the positions of the tasks that `task` waits for."""
        return self.pred[self.pred_ptr[task] : self.pred_ptr[task + 1]]

    def successors(self, task: int) -> Int32:
        """Give the positions of the tasks that wait for `task`."""
        return self.succ[self.succ_ptr[task] : self.succ_ptr[task + 1]]

    def __repr__(self) -> str:
        return f"Graph({self.n} tasks, {self.n_edges} edges, {self.work_us.sum() / MICROSECONDS:g} s of work)"


def _check_works(works: np.ndarray[Any, np.dtype[np.float64]], names: pa.StringArray, faults: list[Fault]) -> None:
    bad = ~((works >= 0) & (works <= LONGEST_WORK_S))
    wanted = f"expected seconds from 0 to {LONGEST_WORK_S:.0e}"
    wrong = np.flatnonzero(bad)
    tell(faults, wrong, "work", lambda task: Fault(f"{task_path(names, task)}.work", f"is {works[task]}; {wanted}"))


def _check_placed(
    pins: Mapping[int, Pin], apart: Mapping[int, str], n: int, names: pa.StringArray, faults: list[Fault]
) -> None:
    for what, given in (("pin", pins), ("apart", apart)):
        wrong = [task for task in given if not 0 <= task < n]
        faults += [Fault(f"tasks[{task}].{what}", f"there are {n} tasks; expected one of them") for task in wrong]
    for task, pin in pins.items():
        if (not isinstance(pin, Pin) or pin == Pin()) and 0 <= task < n:
            said = "says nothing" if isinstance(pin, Pin) else f"is {pin!r}"
            faults.append(Fault(f"{task_path(names, task)}.pin", f"{said}; expected an executor, a host or a kind"))
    for task, group in apart.items():
        if not (isinstance(group, str) and group) and 0 <= task < n:
            faults.append(Fault(f"{task_path(names, task)}.apart", f"is {group!r}; expected the name of a group"))

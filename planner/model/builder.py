"""Build a dependency graph in Python: add a task, map a function over items, reduce shards as a tree."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from planner.errors import Fault, InputError
from planner.model.graph import Call, Graph, Over, Pin, Ref
from planner.model.redundancy import Asked, Replicas, asked
from planner.model.units import parse_bytes, parse_seconds

__all__ = ["GraphBuilder", "Handle"]


@dataclass(frozen=True)
class Handle:
    """A task in a `GraphBuilder`; as an argument of another task it stands for its value."""

    id: str
    position: int


class GraphBuilder:
    """Collects tasks and gives a `Graph`.

    An argument that is a `Handle` becomes an edge, and the task receives that task's value in its place. The handle of
    a data-parallel task (`map`) stands for the list of its shards' values.

    Examples
    --------
    >>> graph = GraphBuilder()
    >>> three = graph.add(int, "3", id="three")
    >>> doubled = graph.add("operator:mul", three, 2, work=0.5)
    >>> built = graph.build()
    >>> built.names, built.predecessors(1).tolist()
    (['three', 'mul'], [0])
    """

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._columns: list[tuple[float, int, int, str]] = []
        self._edges: list[tuple[int, int]] = []
        self._calls: list[Call | None] = []
        self._over: dict[int, Over] = {}
        self._pins: dict[int, Pin] = {}
        self._apart: dict[int, str] = {}
        self._replicas: dict[int, Replicas] = {}
        self._retries: dict[int, int] = {}
        self._timeouts_us: dict[int, int] = {}
        self._taken: set[str] = set()

    def __len__(self) -> int:
        return len(self._ids)

    def add(
        self,
        run: str | Callable[..., Any],
        *args: Any,
        id: str | None = None,
        after: Iterable[Handle] = (),
        work: float | str = 1.0,
        memory: int | str = 0,
        output: int | str = 0,
        kind: str | None = None,
        params: dict[str, Any] | None = None,
        pin: Pin | str | Mapping[str, str] | None = None,
        apart: str | None = None,
        replicas: int | None = None,
        redundancy: Literal["standby", "active"] | None = None,
        retries: int = 0,
        timeout: float | str | None = None,
    ) -> Handle:
        """Add one task that calls ``run(*args, **params)``.

        Parameters
        ----------
        run : str or callable
            ``"package.module:function"`` or a function.
        *args
            Arguments; handles become edges.
        id : str, optional
            Its name; the function's name, with a number when that is taken, if left out.
        after : iterable of Handle
            Tasks that must end first, without handing on a value.
        work : float or str
            Seconds on an executor of speed 1.
        memory, output : int or str
            Bytes, or text such as ``"1.5GB"``.
        kind : str, optional
            Tasks of one kind have comparable costs; the function's name if left out.
        params : dict, optional
            Keyword arguments; handles become edges.
        pin : Pin, str or mapping, optional
            Where it may run, if not anywhere: an executor's id, or for example ``{"kind": "gpu"}``.
        apart : str, optional
            Name of a group whose tasks run on different executors.
        replicas : int, optional
            On how many executors its value is to be, 2 or more; on distinct hosts, where there are so many.
        redundancy : {"standby", "active"}, optional
            Whether one runs and the others stand by, if left out, or all run and the first value counts.
        retries : int
            How often it is run again when its own code raises.
        timeout : float or str, optional
            Seconds, or text such as ``"1 min"``, after which it counts as hung.

        Raises
        ------
        InputError
            If the id is taken, or a time, a size, a pin or a number of replicas cannot be read.
        """
        call = Call(run, tuple(map(_ref, args)), {key: _ref(value) for key, value in (params or {}).items()})
        against = _against(replicas, redundancy, retries, timeout)
        return self._append(call, id, after, (work, memory, output, kind), None, (pin, apart), against)

    def map(
        self,
        run: str | Callable[..., Any],
        items: Sequence[Any] | Handle | str,
        *args: Any,
        weights: Sequence[float] | None = None,
        id: str | None = None,
        after: Iterable[Handle] = (),
        work: float | str = 1.0,
        memory: int | str = 0,
        output: int | str = 0,
        kind: str | None = None,
        params: dict[str, Any] | None = None,
        pin: Pin | str | Mapping[str, str] | None = None,
        apart: str | None = None,
        replicas: int | None = None,
        redundancy: Literal["standby", "active"] | None = None,
        retries: int = 0,
        timeout: float | str | None = None,
    ) -> Handle:
        """Add a data-parallel task: ``run(shard, *args, **params)`` for every shard of `items`.

        How many shards there are, and where the cuts lie, is decided when the graph is planned.

        Parameters
        ----------
        items : sequence, Handle or str
            What to map over: items (a shard is a list of them); the handle of another `map` (one task per shard of
            it, with that shard's value); or a glob pattern (a shard is a list of paths, weighted by file size).
        weights : sequence of float, optional
            Relative cost of each item.
        work : float or str
            Seconds of all items together.
        memory, output : int or str
            Bytes of one shard's task; bytes of all outputs together.
        pin : Pin, str or mapping, optional
            Where its shards may run.
        apart : str, optional
            Name of a group: every shard runs on another executor, so that there are no more shards than executors.
        replicas, redundancy, retries, timeout
            As of `add`, for every shard.

        Raises
        ------
        InputError
            If the weights do not fit the items, or a handle is not that of a data-parallel task.
        """
        call = Call(run, tuple(map(_ref, args)), {key: _ref(value) for key, value in (params or {}).items()})
        against = _against(replicas, redundancy, retries, timeout)
        if isinstance(items, Handle):
            self._must_be_parallel(items, "map")
            over = Over(each=items.position)
        elif isinstance(items, str):
            over = Over(files=items)
        else:
            over = Over(items=tuple(items), weights=None if weights is None else tuple(map(float, weights)))
            _check_weights(over, id or _label(run))
        return self._append(call, id, after, (work, memory, output, kind), over, (pin, apart), against)

    def reduce(
        self,
        run: str | Callable[..., Any],
        shards: Handle,
        *,
        fan_in: int = 4,
        id: str | None = None,
        work: float | str = 1.0,
        memory: int | str = 0,
        output: int | str = 0,
        kind: str | None = None,
        params: dict[str, Any] | None = None,
        pin: Pin | str | Mapping[str, str] | None = None,
        apart: str | None = None,
        replicas: int | None = None,
        redundancy: Literal["standby", "active"] | None = None,
        retries: int = 0,
        timeout: float | str | None = None,
    ) -> Handle:
        """Reduce the values of a data-parallel task as a tree: ``run(list_of_values, **params)`` gives one value.

        Parameters
        ----------
        shards : Handle
            A task made by `map`.
        fan_in : int
            At most so many values are merged by one call, at least 2.
        pin, apart, replicas, redundancy, retries, timeout
            As of `map`, for every task of the tree.

        Raises
        ------
        InputError
            If `shards` is not data-parallel, or `fan_in` is below 2.
        """
        self._must_be_parallel(shards, "reduce")
        if fan_in < 2:
            raise InputError([Fault(f"tasks[{id or _label(run)!r}].over.fan_in", f"is {fan_in}; expected 2 or more")])
        call = Call(run, (), {key: _ref(value) for key, value in (params or {}).items()})
        against = _against(replicas, redundancy, retries, timeout)
        over = Over(tree=shards.position, fan_in=fan_in)
        return self._append(call, id, (), (work, memory, output, kind), over, (pin, apart), against)

    def build(self) -> Graph:
        """Check everything and give the graph.

        Raises
        ------
        InputError
            With every fault, as `Graph.from_arrays`.
        """
        works, memory, output, kinds = zip(*self._columns, strict=True) if self._columns else ((), (), (), ())
        edges = np.array(self._edges, dtype=np.int64).reshape(-1, 2)
        return Graph.from_arrays(
            self._ids,
            work=works,
            memory=np.array(memory, dtype=np.int64),
            output=np.array(output, dtype=np.int64),
            kind=list(kinds),
            source=edges[:, 0],
            target=edges[:, 1],
            calls=self._calls,
            over=self._over,
            pins=self._pins,
            apart=self._apart,
            replicas=self._replicas,
            retries=self._retries,
            timeouts_us=self._timeouts_us,
        )

    def _append(
        self,
        call: Call,
        id: str | None,
        after: Iterable[Handle],
        columns: tuple[float | str, int | str, int | str, str | None],
        over: Over | None,
        placed: tuple[Pin | str | Mapping[str, str] | None, str | None],
        against: Mapping[str, Any],
    ) -> Handle:
        label = _label(call.run)
        name = id if id is not None else self._free(label)
        if name in self._taken:
            raise InputError(
                [Fault(f"tasks[{name!r}]", "this id is given to more than one task; expected distinct ids")]
            )
        work, memory, output, kind = columns
        row = parse_seconds(work), parse_bytes(memory), parse_bytes(output), kind or label
        pin, apart = placed
        pinned = None if pin is None else _pin(pin, f"tasks[{name!r}].pin")
        asks = _asked(against, name)
        # Nothing is kept of a task that has a fault: whoever catches it may go on.
        position = len(self._ids)
        sources = [*call.refs(), *(handle.position for handle in after)]
        if over is not None:
            sources += [source for source in (over.each, over.tree) if source is not None]
            self._over[position] = over
        if pinned is not None:
            self._pins[position] = pinned
        if apart is not None:
            self._apart[position] = apart
        if asks.replicas is not None:
            self._replicas[position] = asks.replicas
        if asks.retries:
            self._retries[position] = asks.retries
        if asks.timeout_us is not None:
            self._timeouts_us[position] = asks.timeout_us
        self._taken.add(name)
        self._ids.append(name)
        self._columns.append(row)
        self._calls.append(call)
        self._edges += [(source, position) for source in sources]
        return Handle(name, position)

    def _free(self, label: str) -> str:
        if label not in self._taken:
            return label
        return next(name for i in itertools.count(2) if (name := f"{label}-{i}") not in self._taken)

    def _must_be_parallel(self, handle: Handle, verb: str) -> None:
        if handle.position not in self._over:
            raise InputError(
                [Fault(f"tasks[{handle.id!r}]", f"is not data-parallel; {verb} expects a task made by map")]
            )


def _ref(value: Any) -> Any:
    return Ref(value.position) if isinstance(value, Handle) else value


def _label(run: str | Callable[..., Any]) -> str:
    return run.rpartition(":")[2] if isinstance(run, str) else getattr(run, "__name__", type(run).__name__)


def _pin(pin: Pin | str | Mapping[str, str], path: str) -> Pin:
    if isinstance(pin, Pin):
        return pin
    if not isinstance(pin, str | Mapping):
        raise InputError([Fault(path, f"is {pin!r}; expected an executor's id, a Pin, or such as {{'kind': 'gpu'}}")])
    given = {"executor": pin} if isinstance(pin, str) else pin
    known = tuple(Pin.__dataclass_fields__)
    faults = [
        Fault(f"{path}.{key}", f"is an unknown key; expected one of {', '.join(known)}")
        if key not in known
        else Fault(f"{path}.{key}", f"is {value!r}; expected a name")
        for key, value in given.items()
        if key not in known or not isinstance(value, str) or not value
    ]
    if faults:
        raise InputError(faults)
    return Pin(**given)


def _against(replicas: Any, redundancy: Any, retries: Any, timeout: Any) -> dict[str, Any]:
    """Give what is given of what a task asks for against losses."""
    named = {"replicas": replicas, "redundancy": redundancy, "retries": retries, "timeout": timeout}
    return {key: value for key, value in named.items() if value is not None}


def _asked(against: Mapping[str, Any], name: str) -> Asked:
    faults: list[Fault] = []
    found = asked(against, lambda key: f"tasks[{name!r}].{key}", faults)
    if faults:
        raise InputError(faults)
    return found


def _check_weights(over: Over, name: str) -> None:
    if over.weights is None or over.items is None:
        return
    if len(over.weights) != len(over.items):
        problem = f"there are {len(over.weights)} weights for {len(over.items)} items; expected one each"
        raise InputError([Fault(f"tasks[{name!r}].weights", problem)])
    bad = [(i, w) for i, w in enumerate(over.weights) if not (np.isfinite(w) and w >= 0)]
    if bad:
        raise InputError(
            [Fault(f"tasks[{name!r}].weights[{i}]", f"is {w}; expected a number >= 0") for i, w in bad[:20]]
        )

"""Our own job file, ``planner.graph/1``: from a JSON or TOML document to a graph.

A task calls ``run(first value, second value, …, **params)``. Its values are those of the tasks in `after`, in that
order, without those that `params` or `over` hand on already; with `args`, they are what `args` says, and `after` only
orders. ``{"task": "id"}`` in `args` or `params` stands for a value, and a list of nothing but such tables for a list of
values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from planner.io.checks import Faults, show
from planner.io.over_key import read_over
from planner.io.placed_keys import PLACED_KEYS, read_apart, read_pin
from planner.io.redundancy_keys import REDUNDANT_KEYS, read_redundancy
from planner.model.faults import cycle_faults
from planner.model.graph import Call, Graph, Over, Ref, Refs

__all__ = ["GRAPH_FORMAT", "RUN", "default_kind", "graph_from_document"]

GRAPH_FORMAT = "planner.graph/1"
GRAPH_KEYS = ("format", "tasks", "runnable")
TASK_KEYS = (
    *("id", "run", "after", "args", "params", "work", "memory", "output", "kind", "over"),
    *PLACED_KEYS,
    *REDUNDANT_KEYS,
)
AFTER_KEYS = ("task", "bytes")
RUN = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
WANTED_RUN = "'package.module:function'"


def graph_from_document(document: Any, faults: Faults | None = None) -> Graph:
    """Check a document and give its graph. Nothing that it names is imported.

    Parameters
    ----------
    document : object
        As JSON or TOML gives it. ``"runnable": false`` says that its calls are of Python objects that no file holds;
        they are left out, and the graph is a trace.
    faults : Faults, optional
        What is known to be wrong already.

    Raises
    ------
    InputError
        With every fault.

    Examples
    --------
    >>> tasks = [{"id": "a", "work": 2}, {"id": "b", "after": ["a"], "work": 1}]
    >>> graph_from_document({"format": "planner.graph/1", "tasks": tasks})
    Graph(2 tasks, 1 edges, 3 s of work)
    """
    faults = Faults() if faults is None else faults
    top = faults.table("", document, GRAPH_KEYS, needed=("tasks",))
    if top.get("format") != GRAPH_FORMAT:
        given = f"is {show(top['format'])}" if "format" in top else "is missing"
        faults.add("format", f"{given}; expected {GRAPH_FORMAT!r}")
    runnable = top.get("runnable", True)
    if not isinstance(runnable, bool):
        faults.expected("runnable", runnable, "true or false")
    tasks = faults.items("tasks", top.get("tasks", []), "a list of tasks")
    return _TaskReader(tasks, faults, runnable=runnable is not False).graph()


def default_kind(run: Any) -> str:
    """Give the kind of a task that names none: the name of its function, or ``"task"``."""
    return run.rpartition(":")[2] if isinstance(run, str) and RUN.fullmatch(run) else "task"


class _TaskReader:
    """Goes over the tasks twice: once for their names, and once for all that may name others."""

    def __init__(self, tasks: list[Any], faults: Faults, *, runnable: bool) -> None:
        self.faults = faults
        self.tasks = [faults.table(f"tasks[{i}]", task, TASK_KEYS) for i, task in enumerate(tasks)]
        self.runnable = runnable
        self.index: dict[str, int] = {}
        self.source: list[int] = []
        self.target: list[int] = []
        self.bytes: list[int] = []  # -1: as large as the source's output
        self.ids = [self._id(i, task) for i, task in enumerate(self.tasks)]

    def graph(self) -> Graph:
        numbers = [self._numbers(i, task) for i, task in enumerate(self.tasks)]
        works, memory, output, kinds = zip(*numbers, strict=True) if numbers else ((), (), (), ())
        over = {i: made for i, task in enumerate(self.tasks) if "over" in task and (made := self._over(i, task))}
        calls = [self._call(i, task, over.get(i)) for i, task in enumerate(self.tasks)]
        pins = {
            i: pin
            for i, task in enumerate(self.tasks)
            if "pin" in task and (pin := read_pin(f"tasks[{i}].pin", task["pin"], self.faults)) is not None
        }
        apart = {
            i: read_apart(f"tasks[{i}].apart", task["apart"], self.faults)
            for i, task in enumerate(self.tasks)
            if "apart" in task
        }
        asked = read_redundancy(enumerate(self.tasks), "tasks[{}].{}".format, self._find, self.faults)
        for task, made in over.items():
            other = made.each if made.each is not None else made.tree
            if other is not None and other not in over:
                key = "each" if made.each is not None else "tree"
                problem = f"{show(self.ids[other])} is not data-parallel; expected a task with `over`"
                self.faults.add(f"tasks[{task}].over.{key}", problem)
        if self.faults.found:
            self.faults.found[:0] = cycle_faults(self.ids, self.source, self.target)
        self.faults.raise_if_any()
        outputs = np.array(output, dtype=np.int64)
        source, sizes = np.array(self.source, dtype=np.int64), np.array(self.bytes, dtype=np.int64)
        return Graph.from_arrays(
            self.ids,
            work=works,
            source=source,
            target=self.target,
            edge_bytes=np.where(sizes < 0, outputs[source], sizes) if len(source) else sizes,
            memory=np.array(memory, dtype=np.int64),
            output=outputs,
            kind=kinds,
            calls=calls if any(call is not None for call in calls) else (),
            over=over,
            pins=pins,
            apart=apart,
            **vars(asked),
        )

    def _id(self, i: int, task: Mapping[str, Any]) -> str:
        if "id" not in task:
            if task:
                self.faults.add(f"tasks[{i}].id", "is missing; expected text")
            return ""
        name = self.faults.text(f"tasks[{i}].id", task["id"])
        if name and self.index.setdefault(name, i) != i:
            problem = f"{show(name)} is the id of tasks[{self.index[name]}] already; expected distinct ids"
            self.faults.add(f"tasks[{i}].id", problem)
        return name

    def _numbers(self, i: int, task: Mapping[str, Any]) -> tuple[float, int, int, str]:
        faults = self.faults
        work = faults.seconds(f"tasks[{i}].work", task["work"]) if "work" in task else 1.0
        memory = faults.size(f"tasks[{i}].memory", task["memory"]) if "memory" in task else 0
        output = faults.size(f"tasks[{i}].output", task["output"]) if "output" in task else 0
        kind = (
            faults.text(f"tasks[{i}].kind", task["kind"], empty=True)
            if "kind" in task
            else default_kind(task.get("run"))
        )
        return work, memory, output, kind

    def _over(self, i: int, task: Mapping[str, Any]) -> Over | None:
        return read_over(f"tasks[{i}].over", task["over"], self._find, self.faults)

    def _call(self, i: int, task: Mapping[str, Any], over: Over | None) -> Call | None:
        before = self._after(i, task["after"]) if "after" in task else []
        run = task.get("run")
        if "run" in task and (not isinstance(run, str) or (self.runnable and not RUN.fullmatch(run))):
            self.faults.expected(f"tasks[{i}].run", run, WANTED_RUN)
        if "run" not in task:
            for key in ("args", "params"):
                if key in task:
                    self.faults.add(f"tasks[{i}].{key}", f"stands without `run`; expected `run` = {WANTED_RUN}")
        params = task.get("params", {})
        if not isinstance(params, dict):
            self.faults.expected(f"tasks[{i}].params", params, "a table of arguments")
            params = {}
        kwargs = {key: self._value(f"tasks[{i}].params.{key}", value) for key, value in params.items()}
        args: tuple[Any, ...]
        if "args" in task:
            values = self.faults.items(f"tasks[{i}].args", task["args"], "a list of arguments")
            args = tuple(self._value(f"tasks[{i}].args[{k}]", value) for k, value in enumerate(values))
        else:
            handed = {*Call("", (), kwargs).refs(), *((over.each, over.tree) if over else ())} if kwargs or over else ()
            args = tuple(Ref(other) for other in before if other not in handed)
        call = Call(run, args, kwargs) if isinstance(run, str) and self.runnable else None
        if over or kwargs or "args" in task:
            taken = {*(call.refs() if call else ()), *((over.each, over.tree) if over else ())} - {None}
            self._edges(i, sorted(taken.difference(before)))
        return call

    def _after(self, i: int, after: Any) -> list[int]:
        before = []
        entries = self.faults.items(f"tasks[{i}].after", after, "a list of ids")
        for k, entry in enumerate(entries):
            size, name = -1, entry
            if isinstance(entry, dict):
                path = f"tasks[{i}].after[{k}]"
                self.faults.table(path, entry, AFTER_KEYS, needed=("task",))
                if "task" not in entry:
                    continue
                name = entry["task"]
                size = self.faults.size(f"{path}.bytes", entry["bytes"]) if "bytes" in entry else -1
            other = self.index.get(name) if isinstance(name, str) else None
            if other is None:
                self._find(f"tasks[{i}].after[{k}]", name)
                continue
            before.append(other)
            self.source.append(other)
            self.target.append(i)
            self.bytes.append(size)
        return before

    def _edges(self, i: int, sources: list[int]) -> None:
        self.source += sources
        self.target += [i] * len(sources)
        self.bytes += [-1] * len(sources)

    def _find(self, path: str, name: Any) -> int | None:
        if not isinstance(name, str):
            self.faults.expected(path, name, "the id of a task")
            return None
        if name not in self.index:
            self.faults.unknown_name(path, name, self.index.keys(), "task")
            return None
        return self.index[name]

    def _value(self, path: str, value: Any) -> Any:
        if _is_reference(value):
            task = self._find(path, value["task"])
            return None if task is None else Ref(task)
        if isinstance(value, list) and any(map(_is_reference, value)):
            if not all(map(_is_reference, value)):
                self.faults.add(path, "mixes values of tasks with others in one list; expected one sort alone")
                return None
            tasks = [self._find(f"{path}[{k}]", entry["task"]) for k, entry in enumerate(value)]
            return Refs(tuple(task for task in tasks if task is not None))
        return value


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and "task" in value

"""A graph as a document: what `planner.io.job_file` reads, the other way round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from planner.errors import Fault, InputError
from planner.io.documents import not_json
from planner.io.job_file import GRAPH_FORMAT, RUN, default_kind
from planner.io.over_key import over_document
from planner.io.placed_keys import pin_document
from planner.io.redundancy_keys import redundancy_document
from planner.model.graph import Call, Graph, Over, Ref, Refs
from planner.model.units import MICROSECONDS

__all__ = ["graph_document", "graph_tasks", "unsayable"]


def graph_document(graph: Graph, *, lossy: bool = False) -> dict[str, Any]:
    """Give a graph as a JSON document of the format ``planner.graph/1``.

    Tuples among arguments become lists.

    Parameters
    ----------
    graph : Graph
    lossy : bool
        Write functions by their names and leave arguments out that JSON cannot say, marking the document with
        ``"runnable": false``; else refuse such graphs.

    Raises
    ------
    InputError
        If it is not `lossy`, with every call that JSON cannot say.
    """
    faults = unsayable(graph)
    if faults and not lossy:
        raise InputError(faults)
    mark = {"runnable": False} if faults else {}
    return {"format": GRAPH_FORMAT, **mark, "tasks": list(graph_tasks(graph, whole=not faults))}


def unsayable(graph: Graph) -> list[Fault]:
    """Find what of a graph's calls is a Python object that JSON cannot say."""
    faults = []
    for task, call in enumerate(graph.calls):
        path = f"tasks[{graph.names[task]!r}]"
        if call is not None:
            if not isinstance(call.run, str):
                faults.append(
                    Fault(f"{path}.run", f"is the function {_run_name(call)}; expected 'package.module:function'")
                )
            elif not RUN.fullmatch(call.run):
                faults.append(Fault(f"{path}.run", f"is {call.run!r}; expected 'package.module:function'"))
            for where, value in (*_numbered(f"{path}.args", call.args), *_named(f"{path}.params", call.kwargs)):
                faults += _value_faults(where, value)
    for task, over in graph.over.items():
        if over.items is not None:
            where = f"tasks[{graph.names[task]!r}].over.items"
            faults += [Fault(*found) for found in not_json(over.items, where)]
    return faults


def _numbered(path: str, values: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    return ((f"{path}[{i}]", value) for i, value in enumerate(values))


def _named(path: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((f"{path}.{name}", value) for name, value in values.items())


def _value_faults(path: str, value: Any) -> Iterator[Fault]:
    if isinstance(value, Ref | Refs):
        return
    entries = value if isinstance(value, list | tuple) else (value,)
    if any(isinstance(entry, dict) and entry.keys() == {"task"} for entry in entries):
        yield Fault(
            path, "has a table with the key 'task' alone, which a file reads as a task's value; expected another table"
        )
    yield from (Fault(*found) for found in not_json(value, path))


def graph_tasks(graph: Graph, *, whole: bool) -> Iterator[dict[str, Any]]:
    """Give what the document says of each task: functions by their names, arguments only if it is to be `whole`."""
    names, ptr, pred = graph.names, graph.pred_ptr.tolist(), graph.pred.tolist()
    sizes, plain = graph.edge_bytes.tolist(), (graph.edge_bytes == graph.output_bytes[graph.pred]).tolist()
    kinds = [graph.kinds[code] for code in graph.kind.tolist()]
    columns = zip(
        names, graph.work_us.tolist(), graph.memory_bytes.tolist(), graph.output_bytes.tolist(), kinds, strict=True
    )
    for task, (name, work_us, memory, output, kind) in enumerate(columns):
        call, over = graph.calls[task] if graph.calls else None, graph.over.get(task)
        written: dict[str, Any] = {"id": name}
        if call is not None:
            written["run"] = _run_name(call)
        before = pred[ptr[task] : ptr[task + 1]]
        if before:
            edges = range(ptr[task], ptr[task + 1])
            written["after"] = [
                names[pred[e]] if plain[e] else {"task": names[pred[e]], "bytes": sizes[e]} for e in edges
            ]
        if call is not None and whole:
            written |= _arguments(call, over, before, names)
        written["work"] = work_us / MICROSECONDS
        if memory:
            written["memory"] = memory
        if output:
            written["output"] = output
        if kind != default_kind(written.get("run")):
            written["kind"] = kind
        if over is not None and whole:
            written["over"] = over_document(over, names)
        if task in graph.pins:
            written["pin"] = pin_document(graph.pins[task])
        if task in graph.apart:
            written["apart"] = graph.apart[task]
        yield written | redundancy_document(graph, task)


def _arguments(call: Call, over: Over | None, before: list[int], names: list[str]) -> dict[str, Any]:
    """Write `args` only where they are not what `after` hands on by itself."""
    handed = {*Call("", (), call.kwargs).refs(), *((over.each, over.tree) if over else ())}
    written: dict[str, Any] = {}
    taken = [value.task if isinstance(value, Ref) else None for value in call.args]
    if taken != [other for other in before if other not in handed]:
        written["args"] = [_value(value, names) for value in call.args]
    if call.kwargs:
        written["params"] = {name: _value(value, names) for name, value in call.kwargs.items()}
    return written


def _value(value: Any, names: list[str]) -> Any:
    if isinstance(value, Ref):
        return {"task": names[value.task]}
    if isinstance(value, Refs):
        return [{"task": names[task]} for task in value.tasks]
    return value


def _run_name(call: Call) -> str:
    if isinstance(call.run, str):
        return call.run
    of = call.run if hasattr(call.run, "__qualname__") else type(call.run)
    return f"{getattr(of, '__module__', None) or 'builtins'}:{of.__qualname__}"

"""Traces of real workflows in WfFormat 1.5, the format of the WfCommons project.

The bytes of an edge are the sizes of the files that the parent writes and the child reads; runtimes below 1 ms count as
1 ms, because the tracers round to it.

Source: T. Coleman et al., WfCommons: a framework for enabling scientific workflow research and development, Future
Generation Computer Systems 128, 2022, doi:10.1016/j.future.2021.09.043.
"""

from __future__ import annotations

import re
from typing import Any

from planner.io.checks import Faults, show
from planner.model.faults import cycle_faults
from planner.model.graph import Graph

__all__ = ["graph_from_wfformat", "is_wfformat"]

VERSION = "1.5"
SHORTEST_S = 0.001
PROGRAM = re.compile(r"[\w.+-]+")
NUMBERED = re.compile(r"[_-]?(ID)?\d+$")


def is_wfformat(document: Any) -> bool:
    """Tell whether a JSON document says that it is a workflow."""
    return (
        isinstance(document, dict)
        and "format" not in document
        and ("workflow" in document or "schemaVersion" in document)
    )


def graph_from_wfformat(document: dict[str, Any], faults: Faults | None = None) -> Graph:
    """Give the graph of a WfFormat document: runtimes are works, tasks of one program are of one kind.

    Parameters
    ----------
    document : dict
    faults : Faults, optional
        What is known to be wrong already.

    Raises
    ------
    InputError
        With every fault.
    """
    faults = Faults() if faults is None else faults
    if document.get("schemaVersion", VERSION) != VERSION:
        faults.add("schemaVersion", f"is {show(document['schemaVersion'])}; expected {VERSION!r}")
        faults.raise_if_any()
    workflow = _inner("workflow", document, faults)
    specification = _inner("workflow.specification", workflow, faults)
    execution = _inner("workflow.execution", workflow, faults)
    faults.raise_if_any()
    return _Trace(specification, execution, faults).graph()


class _Trace:
    """What a trace says of files, of runs, and of tasks."""

    def __init__(self, specification: dict[str, Any], execution: dict[str, Any], faults: Faults) -> None:
        self.faults = faults
        self.tasks = _tables("workflow.specification.tasks", specification, faults, needed=True)
        self.index = _index("workflow.specification.tasks", self.tasks, faults)
        files = _tables("workflow.specification.files", specification, faults)
        names = _index("workflow.specification.files", files, faults)
        self.sizes = {
            name: faults.size(f"workflow.specification.files[{i}].sizeInBytes", files[i].get("sizeInBytes"))
            for name, i in names.items()
        }
        self.runs = _tables("workflow.execution.tasks", execution, faults, needed=True)
        self.run_of = _index("workflow.execution.tasks", self.runs, faults)

    def graph(self) -> Graph:
        works, memory, kinds = zip(*map(self._run, self.tasks), strict=True) if self.tasks else ((), (), ())
        reads = [self._files(i, task, "inputFiles") for i, task in enumerate(self.tasks)]
        writes = [self._files(i, task, "outputFiles") for i, task in enumerate(self.tasks)]
        edges = self._edges()
        source, target = [edge[0] for edge in edges], [edge[1] for edge in edges]
        if self.faults.found:
            names = [show(task.get("id")) for task in self.tasks]
            self.faults.found[:0] = cycle_faults(names, source, target)
        self.faults.raise_if_any()
        sizes = self.sizes
        return Graph.from_arrays(
            [task["id"] for task in self.tasks],
            work=works,
            source=source,
            target=target,
            edge_bytes=[sum(sizes[file] for file in writes[i] if file in reads[j]) for i, j in edges],
            memory=memory,
            output=[sum(sizes[file] for file in files) for files in writes],
            kind=kinds,
        )

    def _run(self, task: dict[str, Any]) -> tuple[float, int, str]:
        name = task.get("id")
        i = self.run_of.get(name) if isinstance(name, str) else None
        if i is None:
            if isinstance(name, str):
                problem = f"has no task {show(name)}; expected the run of every task"
                self.faults.add("workflow.execution.tasks", problem, also=True)
            return 0.0, 0, "task"
        run, path = self.runs[i], f"workflow.execution.tasks[{i}]"
        work = max(SHORTEST_S, self.faults.seconds(f"{path}.runtimeInSeconds", run.get("runtimeInSeconds")))
        memory = self.faults.size(f"{path}.memoryInBytes", run["memoryInBytes"]) if "memoryInBytes" in run else 0
        return work, memory, _kind(task, run)

    def _files(self, i: int, task: dict[str, Any], key: str) -> dict[str, None]:
        """Give the files as the keys of a dict: each once, in the file's order, found quickly."""
        path = f"workflow.specification.tasks[{i}].{key}"
        names = self.faults.items(path, task.get(key, []), "a list of files")
        for k, name in enumerate(names):
            if not isinstance(name, str) or name not in self.sizes:
                self.faults.unknown_name(f"{path}[{k}]", name, self.sizes.keys(), "file")
        return dict.fromkeys(name for name in names if isinstance(name, str))

    def _edges(self) -> list[tuple[int, int]]:
        """Give the edges that parents and children name, each once."""
        found: dict[tuple[int, int], None] = {}
        for i, task in enumerate(self.tasks):
            for key in ("parents", "children"):
                path = f"workflow.specification.tasks[{i}].{key}"
                for k, name in enumerate(self.faults.items(path, task.get(key, []), "a list of ids")):
                    other = self.index.get(name) if isinstance(name, str) else None
                    if other is None:
                        self.faults.unknown_name(f"{path}[{k}]", name, self.index.keys(), "task")
                    else:
                        found[(other, i) if key == "parents" else (i, other)] = None
        return sorted(found)


def _inner(path: str, table: dict[str, Any], faults: Faults) -> dict[str, Any]:
    key = path.rpartition(".")[2]
    if key not in table:
        if not faults.found:
            faults.add(path, f"is missing; expected WfFormat {VERSION}")
        return {}
    value = table[key]
    if not isinstance(value, dict):
        faults.expected(path, value, "a table")
        return {}
    return value


def _tables(path: str, table: dict[str, Any], faults: Faults, *, needed: bool = False) -> list[dict[str, Any]]:
    key = path.rpartition(".")[2]
    if needed and key not in table:
        faults.add(path, "is missing; expected a list of tables")
    found = []
    for i, entry in enumerate(faults.items(path, table.get(key, []), "a list of tables")):
        if not isinstance(entry, dict):
            faults.expected(f"{path}[{i}]", entry, "a table")
        found.append(entry if isinstance(entry, dict) else {})
    return found


def _index(path: str, tables: list[dict[str, Any]], faults: Faults) -> dict[str, int]:
    index: dict[str, int] = {}
    for i, table in enumerate(tables):
        if "id" not in table:
            faults.add(f"{path}[{i}].id", "is missing; expected text")
            continue
        name = faults.text(f"{path}[{i}].id", table["id"])
        if name and index.setdefault(name, i) != i:
            faults.add(
                f"{path}[{i}].id", f"{show(name)} is the id of {path}[{index[name]}] already; expected distinct ids"
            )
    return index


def _kind(task: dict[str, Any], run: dict[str, Any]) -> str:
    """Give the program's name; where the program is a whole script, the task's name without its number."""
    command = run.get("command")
    program = command.get("program") if isinstance(command, dict) else None
    if isinstance(program, str) and PROGRAM.fullmatch(last := program.rpartition("/")[2]):
        return last
    name = task.get("name")
    text = name if isinstance(name, str) and name.isprintable() else str(task.get("id"))
    return NUMBERED.sub("", text) or text

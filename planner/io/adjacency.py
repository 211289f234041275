"""Who waits for whom, as orchestrators write it: our own ``planner.adjacency/1``, and what Airflow and Dagster answer.

Our own says either ``upstream``, for every task those it waits for, or ``downstream``, those that wait for it; every
task has its key. ``tasks`` adds to some of them what a job file says of a task, but ``id`` and ``after``::

    {
      "format": "planner.adjacency/1",
      "upstream": {"extract": [], "clean": ["extract"], "load": ["clean"]},
      "tasks": {"clean": {"work": "2 min", "output": "1GB"}}
    }

Airflow's is the answer to ``GET /api/v1/dags/{dag_id}/tasks`` (or ``v2``): tasks with ``task_id``,
``downstream_task_ids`` and ``operator_name``, which becomes their kind. Dagster's is the answer to the GraphQL query
``{ assetNodes { assetKey { path } dependencyKeys { path } computeKind } }``: an asset is a task, and assets that are
not in the answer are there already. Neither says what anything costs: each task counts as one second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from planner.io.checks import Faults, show
from planner.io.job_file import TASK_KEYS
from planner.io.translated import graph_from_tasks
from planner.model.graph import Graph

__all__ = ["ADJACENCY_FORMAT", "graph_from_adjacency", "is_adjacency"]

ADJACENCY_FORMAT = "planner.adjacency/1"
DIRECTIONS = ("upstream", "downstream")
KEYS = ("format", *DIRECTIONS, "tasks")
OWN_KEYS = tuple(key for key in TASK_KEYS if key not in ("id", "after"))


def is_adjacency(document: Mapping[str, Any]) -> bool:
    """Tell whether a JSON document says who waits for whom in one of the three ways.

    Examples
    --------
    >>> is_adjacency({"tasks": [{"task_id": "a", "downstream_task_ids": []}]}), is_adjacency({"tasks": [{"id": "a"}]})
    (True, False)
    """
    if "format" in document:
        return str(document["format"]).startswith("planner.adjacency/")
    return _is_airflow(document) or _assets(document) is not None


def graph_from_adjacency(document: dict[str, Any], faults: Faults) -> Graph:
    """Check a document and give its graph. Nothing that it names is imported.

    Parameters
    ----------
    document : dict
        One of which `is_adjacency` holds.
    faults : Faults
        What is known to be wrong already.

    Raises
    ------
    InputError
        With every fault.

    Examples
    --------
    >>> document = {"format": "planner.adjacency/1", "downstream": {"extract": ["load"], "load": []}}
    >>> graph_from_adjacency(document, Faults())
    Graph(2 tasks, 1 edges, 2 s of work)
    """
    if "format" in document:
        return _own(document, faults)
    if _is_airflow(document):
        return _airflow(document["tasks"], faults)
    prefix, nodes = _assets(document) or ("", [])
    return _dagster(prefix, nodes, faults)


def _own(document: dict[str, Any], faults: Faults) -> Graph:
    faults.keys("", document, KEYS)
    if document["format"] != ADJACENCY_FORMAT:
        faults.add("format", f"is {show(document['format'])}; expected {ADJACENCY_FORMAT!r}")
    given = [key for key in DIRECTIONS if key in document]
    if len(given) != 1:
        said = "both are given" if given else "neither is given"
        faults.add("upstream, downstream", f"{said}; expected one of them")
    direction = given[0] if given else DIRECTIONS[0]
    lists = document.get(direction, {})
    if not isinstance(lists, dict):
        faults.expected(direction, lists, "a table from each task to a list of tasks")
        lists = {}
    edges = _edges({name: f"{direction}.{name}" for name in lists}, lists, faults)
    before = edges if direction == "upstream" else _turned(edges)
    more = _more(document.get("tasks", {}), lists, faults)
    names = list(lists)
    tasks = [{**more.get(name, {}), "id": name, "after": before[name]} for name in names]
    return graph_from_tasks(tasks, faults, lambda task: f"tasks.{names[task]}")


def _more(tasks: Any, known: Mapping[str, Any], faults: Faults) -> dict[str, dict[str, Any]]:
    """Give what is said of single tasks."""
    if not isinstance(tasks, dict):
        faults.expected("tasks", tasks, "a table from names of tasks to what is said of them")
        return {}
    found = {}
    for name, said in tasks.items():
        if name not in known:
            faults.unknown_name(f"tasks.{name}", name, known.keys(), "task")
        table = faults.table(f"tasks.{name}", said, OWN_KEYS)
        found[name] = {key: value for key, value in table.items() if key in OWN_KEYS}
    return found


def _edges(paths: Mapping[str, str], lists: Mapping[str, Any], faults: Faults) -> dict[str, list[str]]:
    """Check the lists of names; what is wrong is left out."""
    found: dict[str, list[str]] = {}
    for name, path in paths.items():
        found[name] = []
        for k, other in enumerate(faults.items(path, lists[name], "a list of names of tasks")):
            if not isinstance(other, str):
                faults.expected(f"{path}[{k}]", other, "the name of a task")
            elif other not in lists:
                faults.unknown_name(f"{path}[{k}]", other, lists.keys(), "task")
            else:
                found[name].append(other)
    return found


def _turned(downstream: Mapping[str, list[str]]) -> dict[str, list[str]]:
    upstream: dict[str, list[str]] = {name: [] for name in downstream}
    for name, others in downstream.items():
        for other in others:
            upstream[other].append(name)
    return upstream


def _is_airflow(document: Mapping[str, Any]) -> bool:
    tasks = document.get("tasks")
    return isinstance(tasks, list) and any(isinstance(task, dict) and "task_id" in task for task in tasks[:1])


def _airflow(entries: list[Any], faults: Faults) -> Graph:
    tables: dict[str, dict[str, Any]] = {}
    paths: dict[str, str] = {}
    for i, entry in enumerate(entries):
        if not isinstance(entry, dict) or "task_id" not in entry:
            faults.expected(f"tasks[{i}]", entry, "a task with task_id and downstream_task_ids")
            continue
        name = faults.text(f"tasks[{i}].task_id", entry["task_id"])
        if not name:
            continue
        if name in tables:
            faults.add(f"tasks[{i}].task_id", f"{show(name)} stands in the list already; expected it once")
        tables[name], paths[name] = entry, f"tasks[{i}].downstream_task_ids"
    lists = {name: table.get("downstream_task_ids", []) for name, table in tables.items()}
    before = _turned(_edges(paths, lists, faults))
    tasks = [{"id": name, "after": before[name], **_kind(table.get("operator_name"))} for name, table in tables.items()]
    places = [path.partition(".")[0] for path in paths.values()]
    return graph_from_tasks(tasks, faults, lambda task: places[task])


def _assets(document: Mapping[str, Any]) -> tuple[str, list[Any]] | None:
    """Find the list of assets, and where it is."""
    for prefix, inner in (("", document), ("data.", document.get("data"))):
        if isinstance(inner, dict) and isinstance(inner.get("assetNodes"), list):
            return f"{prefix}assetNodes", inner["assetNodes"]
    return None


def _dagster(prefix: str, nodes: list[Any], faults: Faults) -> Graph:
    paths, names, waits = [], [], []
    for i, node in enumerate(nodes):
        path = f"{prefix}[{i}]"
        if not isinstance(node, dict):
            faults.expected(path, node, "an asset with assetKey and dependencyKeys")
            continue
        paths.append(path)
        names.append(_key(f"{path}.assetKey", node.get("assetKey"), faults))
        keys = faults.items(f"{path}.dependencyKeys", node.get("dependencyKeys", []))
        waits.append([_key(f"{path}.dependencyKeys[{k}]", key, faults) for k, key in enumerate(keys)])
    known = set(names)
    kinds = [_kind(node.get("computeKind")) for node in nodes if isinstance(node, dict)]
    tasks = [
        {"id": name, "after": [other for other in others if other in known], **kind}
        for name, others, kind in zip(names, waits, kinds, strict=True)
    ]
    return graph_from_tasks(tasks, faults, lambda task: paths[task])


def _key(path: str, key: Any, faults: Faults) -> str:
    """Give an asset's key as Dagster shows it."""
    parts = key.get("path") if isinstance(key, dict) else None
    if not isinstance(parts, list) or not parts or not all(isinstance(part, str) and part for part in parts):
        faults.expected(path, key, 'a key such as {"path": ["raw", "orders"]}')
        return path
    return "/".join(parts)


def _kind(name: Any) -> dict[str, str]:
    return {"kind": name} if isinstance(name, str) and name else {}

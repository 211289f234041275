"""Plan files, ``planner.plan/1``: self-contained, with the graph and the cluster they were made for."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from planner.errors import InputError
from planner.io.checks import Faults, naming, show
from planner.io.cluster_document import cluster_document, cluster_from_document
from planner.io.documents import dump_document, parse_json
from planner.io.files import as_path, read_text, write_atomically
from planner.io.job_document import graph_document
from planner.io.job_file import graph_from_document
from planner.model.cluster import Cluster
from planner.model.graph import Graph
from planner.model.plan import Bound, Learnt, Plan, Schedule, Trial
from planner.model.units import MICROSECONDS, to_us

__all__ = ["PLAN_FORMAT", "is_plan", "plain", "read_plan", "write_plan"]

PLAN_FORMAT = "planner.plan/1"
PLAN_KEYS = (
    *("format", "makespan", "lower_bound", "bound", "gap", "status", "method", "seconds", "objective", "value"),
    *("trials", "notes", "settings", "tasks", "cluster", "graph", "learnt"),
)
NEEDED = ("lower_bound", "method", "tasks", "cluster", "graph")
TASK_KEYS = ("id", "executor", "slot", "start", "finish")
BACKUPS = "backups"
BACKUP_KEYS = ("executor", "slot")
TRIAL_KEYS = ("method", "makespan", "seconds", "note")
LATEST_S = 1e12


def write_plan(plan: Plan, path: str | os.PathLike[str]) -> None:
    """Write a plan as JSON; the same plan, the same bytes.

    Functions are written by their names, and a plan with such, or with arguments that JSON cannot say, can be read,
    simulated and reported, but not run from its file.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    file = as_path(path)
    with naming(file):
        data = dump_document(_plan_document(plan))
    write_atomically(file, lambda out: out.write(data))


def _plan_document(plan: Plan) -> dict[str, Any]:
    schedule, cluster = plan.schedule, plan.cluster
    executors = [cluster.executors[i].id for i in cluster.slot_executor.tolist()]
    numbers = cluster.slot_number.tolist()
    backups: list[dict[str, Any]] = [
        {BACKUPS: [{"executor": executors[slot], "slot": numbers[slot]} for slot in plan.backups[task]]}
        if task in plan.backups
        else {}
        for task in range(plan.graph.n)
    ]
    placed = zip(
        plan.graph.names,
        schedule.slot.tolist(),
        schedule.start_us.tolist(),
        schedule.finish_us.tolist(),
        backups,
        strict=True,
    )
    return {
        "format": PLAN_FORMAT,
        "makespan": plan.makespan,
        "lower_bound": plan.lower_bound,
        "bound": plan.bound.reason,
        "gap": plain(plan.gap),
        "status": plan.status,
        "method": plan.method,
        "seconds": plain(plan.seconds),
        "objective": plan.objective,
        "value": plain(plan.value),
        "trials": [
            {"method": t.method, "makespan": t.makespan_us / MICROSECONDS, "seconds": plain(t.seconds), "note": t.note}
            for t in plan.trials
        ],
        "notes": list(plan.notes),
        "settings": plain(plan.settings),
        "cluster": cluster_document(cluster),
        "tasks": [
            {
                "id": name,
                "executor": executors[slot],
                "slot": numbers[slot],
                "start": start / MICROSECONDS,
                "finish": finish / MICROSECONDS,
                **standing_by,
            }
            for name, slot, start, finish, standing_by in placed
        ],
        "graph": graph_document(plan.graph, lossy=True),
        **({} if plan.learnt is None else {"learnt": plain(asdict(plan.learnt))}),
    }


def plain(value: Any) -> Any:
    """Give a setting as JSON says it: arrays as lists, NaN and infinity as null, other objects by their type.

    Examples
    --------
    >>> plain({"seed": np.int64(3), "gap": float("inf"), "of": (1, 2)})
    {'seed': 3, 'gap': None, 'of': [1, 2]}
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | range):
        return [plain(inner) for inner in value]
    return f"{type(value).__module__}.{type(value).__qualname__}"


def is_plan(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file is a plan, by its content. What cannot be read is none."""
    try:
        document = parse_json(read_text(as_path(path)))
    except InputError:
        return False
    return isinstance(document, dict) and str(document.get("format", "")).startswith("planner.plan/")


def read_plan(path: str | os.PathLike[str]) -> Plan:
    """Read a plan.

    Makespan, gap and status are not read, but follow from the rest.

    Raises
    ------
    InputError
        With every fault.
    """
    file = as_path(path)
    text = read_text(file)
    with naming(file):
        return _plan(parse_json(text))


def _plan(document: Any) -> Plan:
    if not isinstance(document, dict) or document.get("format") != PLAN_FORMAT:
        given = document.get("format") if isinstance(document, dict) else document
        raise InputError(f"is no plan: its format is {show(given)}; expected {PLAN_FORMAT!r}")
    faults = Faults()
    faults.table("", document, PLAN_KEYS, needed=NEEDED)
    faults.raise_if_any()
    graph = _part("graph", graph_from_document, document, faults)
    cluster = _part("cluster", cluster_from_document, document, faults)
    settings = document.get("settings", {})
    plan_fields = {
        "method": faults.text("method", document["method"]),
        "seconds": faults.seconds("seconds", document.get("seconds", 0.0)),
        "objective": faults.text("objective", document.get("objective", "makespan")),
        "value": _value(document.get("value", 0.0), faults),
        "trials": _trials(document.get("trials", []), faults),
        "notes": tuple(
            faults.text(f"notes[{i}]", note, empty=True)
            for i, note in enumerate(faults.items("notes", document.get("notes", [])))
        ),
        "settings": settings if isinstance(settings, dict) else faults.table("settings", settings, ()),
    }
    bound_us = to_us(faults.seconds("lower_bound", document["lower_bound"], LATEST_S))
    bound = Bound(bound_us, faults.text("bound", document.get("bound", ""), empty=True))
    if graph is None or cluster is None:
        faults.raise_if_any()
    assert graph is not None and cluster is not None  # noqa: S101 - for the type checker
    schedule, backups = _schedule(document["tasks"], graph, cluster, faults)
    learnt = _learnt(document["learnt"], graph, cluster, faults) if "learnt" in document else None
    faults.raise_if_any()
    return Plan(graph, cluster, schedule, bound, learnt=learnt, backups=backups, **plan_fields)  # type: ignore[arg-type]


def _part(key: str, read: Any, document: dict[str, Any], faults: Faults) -> Any:
    try:
        with naming(key):
            return read(document[key])
    except InputError as error:
        faults.add_all(error.faults, also=True)
        return None


def _learnt(value: Any, graph: Graph, cluster: Cluster, faults: Faults) -> Learnt:
    table = faults.table("learnt", value, ("works", "speeds"), needed=("works", "speeds"))
    found = {}
    for name, count in (("works", graph.n), ("speeds", len(cluster.executors))):
        path = f"learnt.{name}"
        given = faults.items(path, table.get(name, []))
        numbers = [faults.number(f"{path}[{i}]", each, "a factor above 0") for i, each in enumerate(given)]
        if len(numbers) != count or not all(number > 0 for number in numbers):
            faults.add(path, f"has {len(numbers)} factors; expected {count}, all above 0")
        found[name] = np.array(numbers, dtype=np.float64)
    return Learnt(**found)


def _value(value: Any, faults: Faults) -> float:
    return math.inf if value is None else faults.number("value", value)


def _trials(value: Any, faults: Faults) -> tuple[Trial, ...]:
    trials = []
    for i, entry in enumerate(faults.items("trials", value)):
        path = f"trials[{i}]"
        table = faults.table(path, entry, TRIAL_KEYS, needed=TRIAL_KEYS[:3])
        trials.append(
            Trial(
                faults.text(f"{path}.method", table.get("method", "?")),
                to_us(faults.seconds(f"{path}.makespan", table.get("makespan", 0), LATEST_S)),
                faults.seconds(f"{path}.seconds", table.get("seconds", 0)),
                faults.text(f"{path}.note", table.get("note", ""), empty=True),
            )
        )
    return tuple(trials)


def _schedule(
    value: Any, graph: Graph, cluster: Cluster, faults: Faults
) -> tuple[Schedule, dict[int, tuple[int, ...]]]:
    """Give the schedule, and the slots that stand by for its tasks."""
    find = _Slots(cluster, faults)
    backups: dict[int, tuple[int, ...]] = {}
    slot, start, finish = [-1] * graph.n, [0] * graph.n, [0] * graph.n
    for i, entry in enumerate(faults.items("tasks", value, "a list of placed tasks")):
        path = f"tasks[{i}]"
        table = faults.table(path, entry, (*TASK_KEYS, BACKUPS), needed=TASK_KEYS)
        if not table.keys() >= {*TASK_KEYS}:
            continue
        name = table["id"]
        task = graph.index.get(name) if isinstance(name, str) else None
        if task is None:
            faults.unknown_name(f"{path}.id", name, graph.index.keys(), "task")
        on = find.slot(path, table)
        if task is None or on is None:
            continue
        if slot[task] >= 0:
            faults.add(f"{path}.id", f"{show(name)} is placed twice; expected every task once")
        slot[task] = on
        if BACKUPS in table:
            backups[task] = find.backups(f"{path}.{BACKUPS}", table[BACKUPS])
        start[task] = to_us(faults.seconds(f"{path}.start", table["start"], LATEST_S))
        finish[task] = to_us(faults.seconds(f"{path}.finish", table["finish"], LATEST_S))
        if finish[task] < start[task]:
            faults.add(f"{path}.finish", f"is {show(table['finish'])}, before its start; expected a later time")
    for task in [task for task, placed in enumerate(slot) if placed < 0] if not faults.found else ():
        faults.add("tasks", f"{show(graph.names[task])} is placed nowhere; expected every task once", also=True)
    columns = np.array(slot, np.int32), np.array(start, np.int64), np.array(finish, np.int64)
    return Schedule(*columns), dict(sorted(backups.items()))


class _Slots:
    """Finds slots of a cluster by executor and number."""

    def __init__(self, cluster: Cluster, faults: Faults) -> None:
        self.cluster, self.faults = cluster, faults
        self.executors = {executor.id: i for i, executor in enumerate(cluster.executors)}
        self.first = np.searchsorted(cluster.slot_executor, np.arange(len(self.executors))).tolist()

    def slot(self, path: str, table: Mapping[str, Any]) -> int | None:
        on = table["executor"]
        executor = self.executors.get(on) if isinstance(on, str) else None
        if executor is None:
            self.faults.unknown_name(f"{path}.executor", on, self.executors.keys(), "executor")
            return None
        most = self.cluster.executors[executor].slots - 1
        return int(self.first[executor]) + self.faults.whole(f"{path}.slot", table["slot"], 0, most)

    def backups(self, path: str, value: Any) -> tuple[int, ...]:
        found = []
        for i, entry in enumerate(self.faults.items(path, value, "a list of slots that stand by")):
            table = self.faults.table(f"{path}[{i}]", entry, BACKUP_KEYS, needed=BACKUP_KEYS)
            if table.keys() >= {*BACKUP_KEYS}:
                found.append(self.slot(f"{path}[{i}]", table))
        return tuple(slot for slot in found if slot is not None)

"""From what the executors reported to the load of an action: joined with what Spark knows of its tasks."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyspark import SparkContext
from pyspark.accumulators import Accumulator, AddingAccumulatorParam

from planner.errors import Finding, PreflightError
from planner.model import key_load as model
from planner.model.key_load import KEY_SCHEMA, PARTITION_SCHEMA
from planner.model.partition_plan import PartitionPlan
from planner.report import key_load_html, key_load_text

__all__ = ["KeyLoad", "key_load", "new_accumulator"]

_MOST_ATTEMPTS = 100


class KeyLoad(model.KeyLoad):
    """A `planner.model.key_load.KeyLoad` that shows itself in a notebook or terminal."""

    def __repr__(self) -> str:
        return key_load_text(self)

    def _repr_html_(self) -> str:
        return key_load_html(self)


def new_accumulator(context: SparkContext) -> Accumulator[list[dict[str, Any]]]:
    """Make an accumulator of lists, of a class that every Python worker has."""
    param: Any = AddingAccumulatorParam([])
    return context.accumulator([], param)


def key_load(context: SparkContext, entries: list[dict[str, Any]], plan: PartitionPlan) -> KeyLoad:
    """Give the load of the latest action.

    A partition that was computed more than once, because an executor was lost, counts once: its last attempt.

    Parameters
    ----------
    context : SparkContext
    entries : list of dict
        One for every task that ended well, of any action.
    plan : PartitionPlan

    Raises
    ------
    PreflightError
        If no action has run yet.
    """
    if not entries:
        mend = "run one first, such as result.count() or result.write; then ask for the load"
        raise PreflightError([Finding("nothing was measured: no action has run on what this plan made", mend)])
    stage = max(entry["stage"] for entry in entries)
    last: dict[int, dict[str, Any]] = {}
    for entry in sorted((e for e in entries if e["stage"] == stage), key=lambda e: e["task"]):
        last[entry["partition"]] = entry
    known = _tasks(context, stage)
    rows = [_partition(entry, known.get(entry["task"], {}), plan) for _, entry in sorted(last.items())]
    begin = min((row["start_us"] for row in rows if row["start_us"] is not None), default=0)
    for row in rows:
        for name in ("start_us", "finish_us"):
            row[name] = None if row[name] is None else row[name] - begin
    return KeyLoad(
        keys=pa.Table.from_pylist(
            [key for row in rows for key in _keys(last[row["partition"]], row)], schema=KEY_SCHEMA
        ),
        partitions=pa.Table.from_pylist(rows, schema=PARTITION_SCHEMA),
        n_partitions=plan.n_partitions,
        slots=plan.slots,
        makespan_us=max((row["finish_us"] for row in rows if row["finish_us"] is not None), default=0),
        predicted_s=plan.makespan if plan.unit == "s" else None,
        by=plan.by,
        run=f"{context.applicationId}-{stage}",
        settings={
            "application": context.applicationId,
            "spark": context.version,
            "master": context.master,
            "weight": plan.weight,
        },
    )


def _tasks(context: SparkContext, stage: int) -> dict[int, dict[str, Any]]:
    """Ask Spark's status store for the tasks of a stage, by their id."""
    store: Any = context._jsc.sc().statusStore()
    found: dict[int, dict[str, Any]] = {}
    tried: dict[int, int] = {}
    for attempt in range(_MOST_ATTEMPTS):
        try:
            listed = store.taskList(stage, attempt, 1_000_000)
        except Exception:  # the JVM's own errors have no common class in Python
            break
        if not listed.size():
            break
        for task in sorted((listed.apply(i) for i in range(listed.size())), key=lambda task: int(task.taskId())):
            duration = task.duration()
            start, number = task.launchTime().getTime() * 1000, int(task.partitionId())
            tried[number] = tried.get(number, -1) + 1
            found[task.taskId()] = {
                "attempt": tried[number],
                "executor": task.executorId(),
                "host": task.host(),
                "start_us": start,
                "finish_us": start + int(duration.get()) * 1000 if duration.isDefined() else None,
            }
    return found


def _partition(entry: dict[str, Any], task: dict[str, Any], plan: PartitionPlan) -> dict[str, Any]:
    count, rows, wall, cpu, peak = entry["others"]
    keys = entry["keys"]
    number = entry["partition"]
    return {
        "partition": number,
        "executor": task.get("executor"),
        "host": task.get("host"),
        "attempt": task.get("attempt", entry["attempt"]),
        "start_us": task.get("start_us"),
        "finish_us": task.get("finish_us"),
        "wall_us": wall + sum(key[3] for key in keys),
        "cpu_us": cpu + sum(key[4] for key in keys),
        "rows": rows + sum(key[2] for key in keys),
        "keys": count + sum(key[0] is not None for key in keys),
        "peak_memory_bytes": max([peak, *(key[5] for key in keys)]),
        "planned_weight": float(plan.partition_weight[number]) if number < plan.n_partitions else None,
    }


def _keys(entry: dict[str, Any], partition: dict[str, Any]) -> list[dict[str, Any]]:
    where = {name: partition[name] for name in ("partition", "executor", "host")}
    names = ("key_hash", "key", "rows", "wall_us", "cpu_us", "peak_memory_bytes")
    found = [{**where, "keys": 1, **dict(zip(names, key, strict=True))} for key in entry["keys"] if key[0] is not None]
    if entry["others"][0]:
        count, *others = entry["others"]
        found.append({**where, "keys": count, **dict(zip(names[2:], others, strict=True))})
    return found

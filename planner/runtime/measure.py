"""From what slots reported to a load report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from planner.model.load import SLOT_SCHEMA, TASK_SCHEMA, LoadReport
from planner.model.plan import Plan
from planner.runtime.drive import Outcome
from planner.runtime.slot_queue import Record

__all__ = ["Placement", "load_report"]


@dataclass(frozen=True)
class Placement:
    """Where a slot really ran, as Spark says."""

    executor: str
    host: str
    locality: str = ""
    attempt: int = 0


def load_report(
    plan: Plan,
    outcome: Outcome,
    placements: Mapping[int, Placement],
    *,
    scale: float = 1.0,
    settings: Mapping[str, Any] | None = None,
) -> LoadReport:
    """Put the measurements of a run beside its plan.

    Parameters
    ----------
    plan : Plan
    outcome : Outcome
    placements : mapping of int to Placement
        Where each slot ran; slots that are missing are shown as unknown.
    scale : float
        Scale of an emulation; planned times are multiplied by it.
    settings : mapping, optional
        What else the run depended on.
    """
    starts = [record.start_us for record in outcome.records.values()]
    origin = min(starts, default=0)
    span = max((record.finish_us for record in outcome.records.values()), default=0) - origin
    return LoadReport(
        tasks=_tasks(plan, outcome, placements, origin, scale),
        slots=_slots(plan, outcome, placements, origin, span),
        status=outcome.status,
        predicted_makespan_us=round(plan.makespan_us * scale),
        measured_makespan_us=span,
        elapsed_us=outcome.elapsed_us,
        settings=dict(settings or {}),
    )


def _tasks(plan: Plan, outcome: Outcome, placements: Mapping[int, Placement], origin: int, scale: float) -> pa.Table:
    cluster, schedule, graph = plan.cluster, plan.schedule, plan.graph
    executor_ids = [executor.id for executor in cluster.executors]
    planned = [executor_ids[e] for e in cluster.slot_executor[schedule.slot].tolist()]
    numbers = cluster.slot_number[schedule.slot].tolist()
    errors = {failure.task: failure for failure in outcome.failures}
    rows = []
    for task, name in enumerate(graph.names):
        record, failure, slot = outcome.records.get(task), errors.get(name), _slot(plan, outcome, task)
        not_run = "spared" if task in graph.copy_of else "skipped"
        status = "done" if record else "failed" if failure else not_run
        ran = record is not None or failure is not None
        placement = placements.get(slot)
        rows.append(
            {
                "task": name,
                "kind": graph.kinds[graph.kind[task]],
                "status": status,
                "executor": (placement.executor if placement else executor_ids[cluster.slot_executor[slot]])
                if ran
                else None,
                "slot": int(cluster.slot_number[slot]) if ran else None,
                "attempt": (placement.attempt if placement else 0) if ran else None,
                **(_measured(record, origin) if record else {}),
                "error": failure.error if failure else None,
                "planned_executor": planned[task],
                "planned_slot": numbers[task],
                "planned_start_us": round(int(schedule.start_us[task]) * scale),
                "planned_finish_us": round(int(schedule.finish_us[task]) * scale),
            }
        )
    return pa.Table.from_pylist(rows, schema=TASK_SCHEMA)


def _measured(record: Record, origin: int) -> dict[str, int | None]:
    return {
        "start_us": record.start_us - origin,
        "finish_us": record.finish_us - origin,
        "wait_us": record.wait_us,
        "cpu_us": record.cpu_us,
        "bytes_in": record.bytes_in,
        "bytes_out": record.bytes_out,
        "rows": record.rows,
        "peak_memory_bytes": record.peak_memory_bytes,
    }


def _slots(plan: Plan, outcome: Outcome, placements: Mapping[int, Placement], origin: int, span: int) -> pa.Table:
    cluster = plan.cluster
    summaries = {summary.slot: summary for summary in outcome.summaries if summary.took_part}
    by_slot: list[list[Record]] = [[] for _ in range(cluster.n_slots)]
    for record in outcome.records.values():
        by_slot[_slot(plan, outcome, record.task)].append(record)
    position = {name: task for task, name in enumerate(plan.graph.names)}
    failed = [_slot(plan, outcome, position[failure.task]) for failure in outcome.failures]
    failures = np.bincount(failed, minlength=cluster.n_slots)
    rows = []
    for slot, records in enumerate(by_slot):
        executor = cluster.executors[cluster.slot_executor[slot]]
        summary, placement = summaries.get(slot), placements.get(slot)
        busy = sum(record.finish_us - record.start_us for record in records)
        wait = sum(_wait_inside(record, origin) for record in records)
        rows.append(
            {
                "executor": executor.id,
                "slot": int(cluster.slot_number[slot]),
                "host": executor.host,
                "pid": summary.pid if summary else None,
                "ran_executor": placement.executor if placement else None,
                "ran_host": placement.host if placement else None,
                "locality": placement.locality if placement else None,
                "start_us": summary.start_us - origin if summary else None,
                "finish_us": summary.finish_us - origin if summary else None,
                "busy_us": busy,
                "wait_us": wait,
                "idle_us": max(0, span - busy - wait),
                "cpu_us": sum(record.cpu_us for record in records),
                "tasks": len(records),
                "rows": _total(record.rows for record in records),
                "bytes_in": sum(record.bytes_in for record in records),
                "bytes_out": _total(record.bytes_out for record in records),
                "peak_memory_bytes": summary.peak_memory_bytes if summary else _peak(records),
                "failures": int(failures[slot]),
            }
        )
    return pa.Table.from_pylist(rows, schema=SLOT_SCHEMA)


def _slot(plan: Plan, outcome: Outcome, task: int) -> int:
    """Give the slot where a task ended up."""
    return outcome.slot_of[task] if outcome.slot_of else int(plan.schedule.slot[task])


def _wait_inside(record: Record, origin: int) -> int:
    """Only the wait after the first task of the run began counts."""
    return min(record.wait_us, record.start_us - origin)


def _total(values: Any) -> int:
    return sum(value for value in values if value is not None)


def _peak(records: Sequence[Record]) -> int | None:
    return max((record.peak_memory_bytes for record in records), default=None)

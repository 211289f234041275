"""Runs as they might have been, and histories of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from planner.io.run_history import RUN_HISTORY_SCHEMA
from planner.model import SLOT_SCHEMA, TASK_SCHEMA, LoadReport, Plan

__all__ = ["history", "lived", "one_run"]

EARLY = datetime(2026, 1, 1, tzinfo=UTC)


def one_run(
    seconds: Any,
    *,
    run: int = 0,
    work: Any = 1.0,
    executor: Any = "0",
    host: Any = "h",
    tasks: Sequence[str] | None = None,
    kind: Any = "fit",
    **changes: Any,
) -> pa.Table:
    """Give the rows of a run whose tasks took so many seconds."""
    n = len(seconds)

    def column(value: Any) -> list[Any]:
        return list(value) if isinstance(value, list | tuple | np.ndarray) else [value] * n

    columns = {
        "run": column(f"run-{run}"),
        "recorded_at": column(EARLY + timedelta(hours=run)),
        "task": [f"t{i}" for i in range(n)] if tasks is None else list(tasks),
        "kind": column(kind),
        "work_us": [round(each * 1e6) for each in column(work)],
        "wall_us": [round(float(each) * 1e6) for each in seconds],
        "executor": [str(each) for each in column(executor)],
        "host": [str(each) for each in column(host)],
        "speed": column(1.0),
        "overhead_us": column(0),
        "scale": column(None),
    }
    return pa.table({**columns, **{name: column(value) for name, value in changes.items()}}, schema=RUN_HISTORY_SCHEMA)


def history(*runs: pa.Table) -> pa.Table:
    """Put runs into one table."""
    return pa.concat_tables(runs)


def lived(
    plan: Plan,
    seconds: Mapping[str, float],
    *,
    slow: Mapping[str, float] | None = None,
    ran: Mapping[str, tuple[str, str]] | None = None,
    failed: Sequence[str] = (),
    scale: float | None = None,
    seed: int = 0,
) -> LoadReport:
    """Give the load report of a plan whose tasks take so many seconds where nothing is slow.

    `slow` names executors that take so many times as long, and `ran` where slots of planned executors ran: executor and
    host. Tasks begin when they were planned to, which histories do not look at.
    """
    rng = np.random.default_rng(seed)
    ids = [executor.id for executor in plan.cluster.executors]
    tasks, slots = [], []
    for i, name in enumerate(plan.graph.names):
        slot = int(plan.schedule.slot[i])
        executor = ids[plan.cluster.slot_executor[slot]]
        took = seconds[name] * (slow or {}).get(executor, 1.0) * (scale or 1.0)
        start = int(plan.schedule.start_us[i])
        status = "failed" if name in failed else "done"
        row = {"task": name, "kind": plan.graph.kinds[plan.graph.kind[i]], "status": status}
        row |= {"executor": (ran or {}).get(executor, (executor,))[0], "slot": int(plan.cluster.slot_number[slot])}
        if status == "done":
            row |= {"start_us": start, "finish_us": start + round(took * 1e6) + int(rng.integers(0, 3))}
        tasks.append(row)
    for slot, at in enumerate(plan.cluster.slot_executor.tolist()):
        where = plan.cluster.executors[at]
        on, host = (ran or {}).get(where.id, (None, None))
        row = {"executor": where.id, "slot": int(plan.cluster.slot_number[slot]), "host": where.host}
        slots.append({**row, "ran_executor": on, "ran_host": host})
    tables = pa.Table.from_pylist(tasks, schema=TASK_SCHEMA), pa.Table.from_pylist(slots, schema=SLOT_SCHEMA)
    settings = {"application": "app-7", "emulate": scale}
    return LoadReport(*tables, "failed" if failed else "done", plan.makespan_us, seed, seed, settings)

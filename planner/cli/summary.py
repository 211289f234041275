"""Summaries for programs: JSON that any reader takes, without NaN or infinity."""

from __future__ import annotations

import json
import math
from typing import Any

import pandas as pd

from planner.model.load import LoadReport
from planner.model.plan import Plan
from planner.model.units import MICROSECONDS
from planner.report import Redundancy

__all__ = ["dump", "plan_summary", "rows", "run_summary"]


def plan_summary(plan: Plan) -> dict[str, Any]:
    """Summarise a plan: all that its file says, without the tasks, the graph and the cluster.

    What replicas cost and survive is told where there are some.
    """
    against = Redundancy.of(plan)
    return {
        "makespan": plan.makespan,
        "lower_bound": plan.lower_bound,
        "bound": plan.bound.reason,
        "gap": plan.gap,
        "status": plan.status,
        "method": plan.method,
        "seconds": plan.seconds,
        "objective": plan.objective,
        "value": plan.value,
        "imbalance": plan.imbalance,
        "task_count": plan.graph.n,
        "executor_count": len(plan.cluster.executors),
        "slot_count": plan.cluster.n_slots,
        "trials": [
            {"method": t.method, "makespan": t.makespan_us / MICROSECONDS, "seconds": t.seconds, "note": t.note}
            for t in plan.trials
        ],
        **({} if against is None else {"redundancy": against.to_dict()}),
        "notes": list(plan.notes),
        "settings": dict(plan.settings),
    }


def run_summary(load: LoadReport) -> dict[str, Any]:
    """Summarise a run: predicted and measured, and what each executor did (seconds)."""
    executors = load.executors()[["executor", "busy", "wait", "idle", "tasks"]]
    return {
        "run_status": load.status,
        "predicted_makespan": load.predicted_makespan_us / MICROSECONDS,
        "measured_makespan": load.measured_makespan_us / MICROSECONDS,
        "elapsed": load.elapsed_us / MICROSECONDS,
        "executors": rows(executors),
    }


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Give a table as a list of rows of plain Python values."""
    return [
        {str(key): value.item() if hasattr(value, "item") else value for key, value in row.items()}
        for row in frame.to_dict("records")
    ]


def dump(value: Any) -> str:
    """Write JSON; what is not finite becomes null.

    Examples
    --------
    >>> print(dump({"gap": float("inf"), "makespan": 1.5}))
    {
      "gap": null,
      "makespan": 1.5
    }
    """
    return json.dumps(_finite(value), indent=2, allow_nan=False, ensure_ascii=False, default=str)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value

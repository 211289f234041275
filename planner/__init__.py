"""A PySpark distributed job planner: plan work with dependencies, prove the plan, run it on Spark, measure it.

Names are imported when they are first used, because executors import `planner.runtime` and need nothing else of it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from planner.errors import InfeasibleError, InputError, PlannerError, PreflightError, RunError
    from planner.io import read_cluster, read_graph, write_cluster, write_graph
    from planner.model import (
        Cluster,
        Executor,
        Graph,
        GraphBuilder,
        Link,
        LoadReport,
        Network,
        Pin,
        Progress,
        Replicas,
        Weights,
    )
    from planner.pipeline import Efficiency, Plan, compare, curve, plan, read_efficiency, read_plan, replan, simulate

_HOME = {
    "planner.errors": ("InfeasibleError", "InputError", "PlannerError", "PreflightError", "RunError"),
    "planner.io": ("read_cluster", "read_graph", "write_cluster", "write_graph"),
    "planner.model": (
        "Cluster",
        "Executor",
        "Graph",
        "GraphBuilder",
        "Link",
        "LoadReport",
        "Network",
        "Pin",
        "Progress",
        "Replicas",
        "Weights",
    ),
    "planner.pipeline": (
        "Efficiency",
        "Plan",
        "compare",
        "curve",
        "plan",
        "read_efficiency",
        "read_plan",
        "replan",
        "simulate",
    ),
}

__all__ = [
    "Cluster",
    "Efficiency",
    "Executor",
    "Graph",
    "GraphBuilder",
    "InfeasibleError",
    "InputError",
    "Link",
    "LoadReport",
    "Network",
    "Pin",
    "Plan",
    "PlannerError",
    "PreflightError",
    "Progress",
    "Replicas",
    "RunError",
    "Weights",
    "compare",
    "curve",
    "plan",
    "read_cluster",
    "read_efficiency",
    "read_graph",
    "read_plan",
    "replan",
    "simulate",
    "write_cluster",
    "write_graph",
]


def __getattr__(name: str) -> Any:
    for home, names in _HOME.items():
        if name in names:
            return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module 'planner' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

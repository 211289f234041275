"""What the Spark UI says of the job of a run: which of its tasks is which slot, and what stands in the slot's queue."""

from __future__ import annotations

import numpy as np

from planner.model.plan import Plan

__all__ = ["SEPARATOR", "job_description"]

SEPARATOR = " · "
"""Between the run as a whole and each of its slots."""

_MOST_SLOTS, _MOST_TASKS, _LONGEST = 32, 3, 40


def job_description(plan: Plan) -> str:
    """Describe the job of a run: Spark's task of index i is the i-th slot of the plan's cluster.

    Of many slots, and of long queues, the beginning is told. Queues change when tasks are moved; these are as planned.

    Examples
    --------
    >>> from planner.model import Bound, Cluster, Graph, Schedule
    >>> graph, times = Graph.from_arrays(["a", "b"], work=[1, 1]), np.array([0, 0])
    >>> schedule = Schedule(np.array([1, 0]), times, times + 1_000_000)
    >>> job_description(Plan(graph, Cluster.uniform(2), schedule, Bound(0, ""), "heft"))
    'planner: 2 tasks on 2 slots · index 0 is executor 0 slot 0: b · index 1 is executor 1 slot 0: a'
    """
    cluster, schedule, names = plan.cluster, plan.schedule, plan.graph.names
    queues: list[list[int]] = [[] for _ in range(cluster.n_slots)]
    for task in np.lexsort((schedule.finish_us, schedule.start_us)).tolist():
        queues[schedule.slot[task]].append(task)
    parts = [f"planner: {plan.graph.n} tasks on {cluster.n_slots} slots"]
    for slot, queue in enumerate(queues[:_MOST_SLOTS]):
        executor = cluster.executors[cluster.slot_executor[slot]].id
        shown = [_short(names[task]) for task in queue[:_MOST_TASKS]]
        more = f" and {len(queue) - _MOST_TASKS} more" if len(queue) > _MOST_TASKS else ""
        where = f"index {slot} is executor {_short(executor)} slot {cluster.slot_number[slot]}"
        parts.append(f"{where}: {', '.join(shown) or 'nothing'}{more}")
    if cluster.n_slots > _MOST_SLOTS:
        parts.append(f"and {cluster.n_slots - _MOST_SLOTS} more slots")
    return SEPARATOR.join(parts)


def _short(name: str) -> str:
    text = name if name.isprintable() else repr(name)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

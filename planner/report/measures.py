"""What follows from planned and measured times: load of executors, tasks furthest from prediction, a curve's knee."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from planner.model.load import LoadReport
from planner.model.plan import Plan
from planner.model.units import MICROSECONDS
from planner.report.timeline import Figures, Timeline

__all__ = ["by_kind", "executor_load", "furthest", "knee"]


def executor_load(plan: Plan, load: LoadReport | None = None) -> pd.DataFrame:
    """Give a row an executor: what was planned for it and, after a run, what it did.

    Returns
    -------
    pandas.DataFrame
        ``executor``, ``slots``, ``planned_busy`` (seconds), ``planned_tasks``; with a load report
        also the other columns of `LoadReport.executors`.
    """
    cluster, schedule = plan.cluster, plan.schedule
    of_slot = cluster.slot_executor
    scale = Figures.of(plan, load).scale / MICROSECONDS
    table = pd.DataFrame(
        {
            "executor": [executor.id for executor in cluster.executors],
            "slots": [executor.slots for executor in cluster.executors],
            "planned_busy": np.bincount(of_slot, weights=plan.busy_us, minlength=len(cluster.executors)) * scale,
            "planned_tasks": np.bincount(of_slot[schedule.slot], minlength=len(cluster.executors)),
        }
    )
    if load is None:
        return table
    # Neither an executor that never came nor one that nobody planned for is hidden.
    measured = load.executors().set_index("executor").drop(columns="slots")
    strangers = [name for name in measured.index if name not in set(table["executor"])]
    both = table.set_index("executor").join(measured).reset_index()
    both = pd.concat([both, measured.loc[strangers].reset_index()]) if strangers else both
    return both.fillna({"host": "", **{name: 0 for name in both.columns if name not in ("executor", "host")}})


def furthest(plan: Plan, timeline: Timeline, count: int = 20) -> pd.DataFrame:
    """Give the tasks whose measured duration is furthest from the predicted one, furthest first.

    Returns
    -------
    pandas.DataFrame
        ``task`` (position), ``id``, ``kind``, ``lane``, ``predicted_us``, ``measured_us``, ``difference_us``.
    """
    ran = np.flatnonzero(timeline.ran)
    predicted = (timeline.planned_finish_us - timeline.planned_start_us)[ran]
    measured = (timeline.measured_finish_us - timeline.measured_start_us)[ran]
    difference = measured - predicted
    top = np.argsort(-np.abs(difference), kind="stable")[:count]
    top = top[difference[top] != 0]
    tasks = ran[top]
    return pd.DataFrame(
        {
            "task": tasks,
            "id": [plan.graph.ids[int(task)].as_py() for task in tasks],
            "kind": [plan.graph.kinds[plan.graph.kind[task]] for task in tasks],
            "lane": timeline.measured_lane[tasks],
            "predicted_us": predicted[top],
            "measured_us": measured[top],
            "difference_us": difference[top],
        }
    )


def by_kind(plan: Plan, timeline: Timeline) -> pd.DataFrame:
    """Add predicted and measured time up per kind of task, over the tasks that were run; most time first.

    Returns
    -------
    pandas.DataFrame
        ``kind``, ``tasks``, ``predicted`` and ``measured`` (seconds).
    """
    ran, n = timeline.ran, len(plan.graph.kinds)
    kind = plan.graph.kind[ran]
    predicted = (timeline.planned_finish_us - timeline.planned_start_us)[ran] / MICROSECONDS
    measured = (timeline.measured_finish_us - timeline.measured_start_us)[ran] / MICROSECONDS
    table = pd.DataFrame(
        {
            "kind": plan.graph.kinds,
            "tasks": np.bincount(kind, minlength=n),
            "predicted": np.bincount(kind, weights=predicted, minlength=n),
            "measured": np.bincount(kind, weights=measured, minlength=n),
        }
    )
    return table[table["tasks"] > 0].sort_values("measured", ascending=False, kind="stable", ignore_index=True)


def knee(x: ArrayLike, y: ArrayLike) -> int | None:
    """Find where a falling curve stops falling fast: the point furthest below the chord from its first to its last.

    Parameters
    ----------
    x, y : array_like of float, shape (n,)
        Ascending `x`.

    Returns
    -------
    int or None
        Position of the knee; None for fewer than 3 points, or a curve that does not fall, or falls in a straight line.

    Notes
    -----
    Satopää, Albrecht, Irwin and Raghavan, "Finding a 'Kneedle' in a Haystack", ICDCS Workshops 2011,
    DOI 10.1109/ICDCSW.2011.20, without its smoothing: a planned curve has no noise to smooth.

    Examples
    --------
    >>> knee([1, 2, 4, 8, 16], [100, 52, 30, 28, 27])
    2
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(xs) < 3 or not np.isfinite(ys).all() or ys[-1] >= ys[0] or xs[-1] <= xs[0]:
        return None
    below = (ys[0] - ys) / (ys[0] - ys[-1]) - (xs - xs[0]) / (xs[-1] - xs[0])
    best = int(np.argmax(below))
    return best if below[best] > 1e-9 else None

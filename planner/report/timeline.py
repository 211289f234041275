"""Planned and measured times side by side: the headline figures, and when and where each task was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from planner.errors import Fault, InputError
from planner.model.arrays import Float64, Int32, Int64
from planner.model.load import LoadReport
from planner.model.plan import Plan

__all__ = ["DONE", "FAILED", "NOT_RUN", "PLANNED", "Figures", "Timeline", "busy_share", "column"]

PLANNED, DONE, FAILED, NOT_RUN = range(4)
"""What became of a task; `PLANNED` when there was no run."""


@dataclass(frozen=True)
class Figures:
    """The headline figures, in microseconds; what was measured is None where nothing was run.

    `scale` is what an emulated run multiplied the plan's times by (1 otherwise); the predicted makespan and the lower
    bound already carry it.
    """

    predicted_us: int
    bound_us: int
    measured_us: int | None
    elapsed_us: int | None
    scale: float

    @classmethod
    def of(cls, plan: Plan, load: LoadReport | None = None) -> Figures:
        """Take the figures of a plan and of its run."""
        if load is None:
            return cls(plan.makespan_us, plan.bound.us, None, None, 1.0)
        scale = load.predicted_makespan_us / plan.makespan_us if plan.makespan_us else 1.0
        bound_us = round(plan.bound.us * scale)
        return cls(load.predicted_makespan_us, bound_us, load.measured_makespan_us, load.elapsed_us, scale)

    def above_bound(self, us: int) -> float:
        """Give how far a makespan is above the lower bound, relative to it; infinite above a bound of 0."""
        if us <= self.bound_us:
            return 0.0
        return (us - self.bound_us) / self.bound_us if self.bound_us else float("inf")


@dataclass(frozen=True, eq=False)
class Timeline:
    """Planned and measured times, task by task in the graph's order.

    Attributes
    ----------
    lanes : tuple of (str, int)
        Executor and slot of each row of the chart: the cluster's slots, then any other slot that a task ran on.
    planned_lane, measured_lane : ndarray of int32, shape (n,)
        Row of each task; -1 where it was not run.
    planned_start_us, planned_finish_us, measured_start_us, measured_finish_us : ndarray of int64, shape (n,)
        Planned times carry the scale of an emulated run; measured ones are 0 where a task was not run.
    status : ndarray of int8, shape (n,)
        `PLANNED`, `DONE`, `FAILED` or `NOT_RUN`.
    row : ndarray of int64, shape (n,)
        The task's row in the load report; -1 where it has none.
    """

    lanes: tuple[tuple[str, int], ...]
    planned_lane: Int32
    planned_start_us: Int64
    planned_finish_us: Int64
    measured_lane: Int32
    measured_start_us: Int64
    measured_finish_us: Int64
    status: NDArray[np.int8]
    row: Int64

    @classmethod
    def of(cls, plan: Plan, load: LoadReport | None = None) -> Timeline:
        """Bring a plan and its load report together.

        Raises
        ------
        InputError
            If the load report names a task that the plan does not have: it belongs to another plan.
        """
        schedule, cluster = plan.schedule, plan.cluster
        owner = [cluster.executors[e].id for e in cluster.slot_executor.tolist()]
        lanes = list(zip(owner, cluster.slot_number.tolist(), strict=True))
        scale = Figures.of(plan, load).scale
        start, finish = (
            (us * scale).astype(np.int64) if scale != 1 else us for us in (schedule.start_us, schedule.finish_us)
        )
        none = np.full(plan.graph.n, -1, dtype=np.int64)
        if load is None:
            nothing = np.zeros(plan.graph.n, dtype=np.int64)
            status = np.full(plan.graph.n, PLANNED, dtype=np.int8)
            return cls(
                tuple(lanes), schedule.slot, start, finish, none.astype(np.int32), nothing, nothing, status, none
            )
        row = _rows(plan, load)
        status = np.array(
            [_STATUS.get(text, NOT_RUN) for text in load.tasks["status"].to_pylist()] + [NOT_RUN], dtype=np.int8
        )[row]
        began, ended = column(load, "start_us", row), column(load, "finish_us", row)
        lane = _measured_lanes(load, lanes)[row]
        lane[(status == NOT_RUN) | np.isnan(began) | np.isnan(ended)] = -1
        measured_start, measured_finish = (np.where(lane < 0, 0, us).astype(np.int64) for us in (began, ended))
        return cls(tuple(lanes), schedule.slot, start, finish, lane, measured_start, measured_finish, status, row)

    @property
    def end_us(self) -> int:
        """The latest finish of either chart."""
        return int(max(self.planned_finish_us.max(initial=0), self.measured_finish_us.max(initial=0)))

    @property
    def ran(self) -> NDArray[np.bool_]:
        """Which tasks have measured times; shape (n,)."""
        return self.measured_lane >= 0


_STATUS = {"done": DONE, "failed": FAILED}


def column(load: LoadReport, name: str, row: Int64) -> Float64:
    """Give a column of the load report's tasks in the order of `row`, NaN where it is null or there is no row."""
    values = pc.cast(load.tasks[name], pa.float64()).to_numpy(zero_copy_only=False)
    return np.append(values, np.nan)[row]


def _rows(plan: Plan, load: LoadReport) -> Int64:
    names = load.tasks["task"].combine_chunks()
    task = pc.index_in(names, value_set=plan.graph.ids)
    if task.null_count:
        strangers = names.filter(pc.is_null(task)).to_pylist()
        problem = "is in the load report but not in the plan; expected the report of a run of this plan"
        raise InputError([Fault(f"tasks[{name!r}]", problem) for name in strangers[:20]])
    row = np.full(plan.graph.n, -1, dtype=np.int64)
    row[task.to_numpy(zero_copy_only=False)] = np.arange(len(names))
    return row


def _measured_lanes(load: LoadReport, lanes: list[tuple[str, int]]) -> Int32:
    """Row of the chart per row of the load report, and a last -1; appends slots that the plan does not know."""
    number = {lane: i for i, lane in enumerate(lanes)}
    found = []
    for lane in zip(load.tasks["executor"].to_pylist(), load.tasks["slot"].to_pylist(), strict=True):
        if None in lane:
            found.append(-1)
            continue
        if lane not in number:
            number[lane] = len(lanes)
            lanes.append(lane)
        found.append(number[lane])
    return np.array([*found, -1], dtype=np.int32)


def busy_share(lane: Int32, start_us: Int64, finish_us: Int64, n_lanes: int, edges: Float64) -> Float64:
    """Give the share of each interval that each lane is busy.

    Parameters
    ----------
    lane, start_us, finish_us : ndarray, shape (n,)
        A lane of -1 is left out; tasks of one lane do not overlap.
    n_lanes : int
    edges : ndarray of float, shape (bins + 1,)
        Ascending times in microseconds.

    Returns
    -------
    ndarray of float, shape (n_lanes, bins)
    """
    order = np.lexsort((finish_us, start_us, lane))
    order = order[np.searchsorted(lane[order], 0) :]
    ends = np.searchsorted(lane[order], np.arange(n_lanes + 1))
    before = np.zeros((n_lanes, len(edges)))
    for i in range(n_lanes):
        mine = order[ends[i] : ends[i + 1]]
        if not len(mine):
            continue
        span = finish_us[mine] - start_us[mine]
        done = np.concatenate(([0], np.cumsum(span)))
        last = np.searchsorted(start_us[mine], edges, side="right") - 1
        inside = np.clip(edges - start_us[mine][last], 0, span[last])
        before[i] = np.where(last < 0, 0, done[last] + inside)
    widths = np.maximum(np.diff(edges), 1e-9)
    share: Float64 = np.diff(before, axis=1) / widths
    return share

"""The load report: what every task, slot and executor really did."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from planner.model.units import MICROSECONDS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SLOT_SCHEMA", "TASK_SCHEMA", "LoadReport"]

TASK_SCHEMA = pa.schema(
    [
        ("task", pa.string()),
        ("kind", pa.string()),
        ("status", pa.string()),  # done | failed | skipped | spared: a copy that was not needed
        ("executor", pa.string()),
        ("slot", pa.int32()),  # inside its executor
        ("attempt", pa.int32()),
        ("start_us", pa.int64()),  # on the coordinator's clock, 0 = start of the first task
        ("finish_us", pa.int64()),
        ("wait_us", pa.int64()),  # time its slot waited for its inputs just before it
        ("cpu_us", pa.int64()),
        ("bytes_in", pa.int64()),  # fetched from other slots
        ("bytes_out", pa.int64()),  # size of its value
        ("rows", pa.int64()),  # of a tabular value, else null
        ("peak_memory_bytes", pa.int64()),  # resident memory of its process, highest so far
        ("error", pa.string()),
        ("planned_executor", pa.string()),
        ("planned_slot", pa.int32()),
        ("planned_start_us", pa.int64()),
        ("planned_finish_us", pa.int64()),
    ]
)
"""A row a task; times are microseconds, null where the task was not run."""

SLOT_SCHEMA = pa.schema(
    [
        ("executor", pa.string()),
        ("slot", pa.int32()),
        ("host", pa.string()),
        ("pid", pa.int64()),
        ("ran_executor", pa.string()),  # where Spark really put the slot
        ("ran_host", pa.string()),
        ("locality", pa.string()),
        ("start_us", pa.int64()),  # 0 = start of the first task of the run; the slot said hello
        ("finish_us", pa.int64()),
        ("busy_us", pa.int64()),
        ("wait_us", pa.int64()),  # waiting for inputs
        ("idle_us", pa.int64()),  # nothing left or nothing yet to do
        ("cpu_us", pa.int64()),
        ("tasks", pa.int64()),
        ("rows", pa.int64()),
        ("bytes_in", pa.int64()),
        ("bytes_out", pa.int64()),
        ("peak_memory_bytes", pa.int64()),
        ("failures", pa.int64()),
    ]
)
"""A row a slot. Busy, waiting and idle time add up to the run's measured makespan."""


@dataclass(frozen=True, eq=False)
class LoadReport:
    """What a run really did.

    Attributes
    ----------
    tasks : pyarrow.Table
        As `TASK_SCHEMA`.
    slots : pyarrow.Table
        As `SLOT_SCHEMA`.
    status : str
        ``done``, ``failed``, ``lost`` or ``cancelled``.
    predicted_makespan_us : int
        From the plan (scaled when emulated).
    measured_makespan_us : int
        First task's start to last task's finish on one clock.
    elapsed_us : int
        Submission of the Spark job to the last result in hand.
    settings : dict
        Everything the run depended on: Spark version, master, plan's method, scale of an emulation, the bound.
    """

    tasks: pa.Table
    slots: pa.Table
    status: str
    predicted_makespan_us: int
    measured_makespan_us: int
    elapsed_us: int
    settings: dict[str, Any] = field(default_factory=dict)

    def executors(self) -> pd.DataFrame:
        """Add the slots of each executor up.

        Returns
        -------
        pandas.DataFrame
            A row an executor in the plan's order: ``executor``, ``host``, ``slots``, ``busy``, ``wait``, ``idle``,
            ``cpu`` (seconds), ``tasks``, ``bytes_in``, ``bytes_out``, ``peak_memory`` (bytes, largest of its
            processes), ``failures``.
        """
        import pandas as pd

        slots = self.slots.to_pandas()
        grouped = slots.groupby("executor", sort=False).agg(
            host=("ran_host", "first"),
            slots=("slot", "count"),
            busy=("busy_us", "sum"),
            wait=("wait_us", "sum"),
            idle=("idle_us", "sum"),
            cpu=("cpu_us", "sum"),
            tasks=("tasks", "sum"),
            bytes_in=("bytes_in", "sum"),
            bytes_out=("bytes_out", "sum"),
            peak_memory=("peak_memory_bytes", "max"),
            failures=("failures", "sum"),
        )
        for column in ("busy", "wait", "idle", "cpu"):
            grouped[column] = grouped[column] / MICROSECONDS
        return pd.DataFrame(grouped.reset_index())

    def to_pandas(self) -> pd.DataFrame:
        """Give the tasks as a table with the columns of `TASK_SCHEMA`."""
        import pandas as pd

        return pd.DataFrame(self.tasks.to_pandas())

    def _repr_html_(self) -> str:
        table = self.executors().to_html(index=False, border=0, float_format="{:,.4g}".format)
        return f"<div>{html.escape(repr(self))}; seconds and bytes of each executor:</div>{table}"

    def __repr__(self) -> str:
        predicted, measured = self.predicted_makespan_us / MICROSECONDS, self.measured_makespan_us / MICROSECONDS
        times = f"predicted {predicted:.4g} s, measured {measured:.4g} s"
        return f"LoadReport({self.tasks.num_rows} tasks, {self.status}, {times})"

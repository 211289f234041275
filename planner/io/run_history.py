"""The history of runs: a folder, here or in a store, with a Parquet file for the tasks of each run that ended well."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import fs

from planner.errors import Fault, InputError
from planner.io.checks import show
from planner.io.history_folder import add_run, columns_refused, newest_runs, run_table
from planner.model.load import LoadReport
from planner.model.plan import Plan

__all__ = ["RUN_HISTORY_FORMAT", "RUN_HISTORY_SCHEMA", "append_run", "read_runs"]

RUN_HISTORY_FORMAT = "planner.history/1"
"""Stands in every file, under the key ``format`` of its schema's metadata."""

RUN_HISTORY_SCHEMA = pa.schema(
    [
        ("run", pa.string()),
        ("recorded_at", pa.timestamp("us", tz="UTC")),
        ("task", pa.string()),
        ("kind", pa.string()),
        ("work_us", pa.int64()),  # as the graph states it: on speed 1, before any history had a say
        ("wall_us", pa.int64()),  # what it took
        ("executor", pa.string()),  # where it ran
        ("host", pa.string()),
        ("speed", pa.float64()),  # of that executor for this kind, as the cluster states it
        ("overhead_us", pa.int64()),  # of every task, as the cluster states it
        ("scale", pa.float64()),  # of an emulation; null where tasks really ran
    ],
    metadata={"format": RUN_HISTORY_FORMAT},
)
"""Columns of a file, a row a task; what `read_runs` gives has dictionaries for the texts that repeat."""

MOST_RUNS, MOST_ROWS = 30, 2_000_000
"""Runs that are read; and rows after which no older file is opened."""

MOST_ROWS_OF_ONE = 10_000_000
"""Rows of a file above which it is refused: the driver's memory is bounded, and no run writes so many."""

_REPEATED = ("run", "task", "kind", "executor", "host")
_NEEDED = ("run", "recorded_at", "task", "kind", "work_us", "wall_us", "executor", "host", "speed", "overhead_us")


def append_run(plan: Plan, load: LoadReport, location: str | os.PathLike[str]) -> str | None:
    """Write what the tasks of a run really took to a history; a run that is there already is not written again.

    Parameters
    ----------
    plan : Plan
        That was run.
    load : LoadReport
        What it really did.
    location : str or path
        A folder, which is made if it is missing, or a URI of one that pyarrow knows (``s3://``, ``gs://``, ``hdfs://``).

    Returns
    -------
    str or None
        The file's name in the history; None where no task ended well.

    Raises
    ------
    InputError
        If the place is malformed, cannot be reached, or cannot be written to; if the load report is of another plan.
    """
    rows = _rows(plan, load)
    if not rows.num_rows:
        return None
    run, now = f"{load.settings.get('application') or 'run'}-{_digest(load)}", datetime.now(UTC)
    for name, value in (("run", run), ("recorded_at", now)):
        rows = rows.append_column(name, pa.repeat(pa.scalar(value, RUN_HISTORY_SCHEMA.field(name).type), len(rows)))
    return add_run(location, run, now, rows.select(RUN_HISTORY_SCHEMA.names).cast(RUN_HISTORY_SCHEMA))


def read_runs(location: str | os.PathLike[str]) -> pa.Table:
    """Read the newest runs of a history.

    Parameters
    ----------
    location : str or path
        As `append_run` takes it.

    Returns
    -------
    pyarrow.Table
        As `RUN_HISTORY_SCHEMA`, with dictionaries; the newest run first. Empty where nothing is there yet.

    Raises
    ------
    InputError
        With a fault for each file that is no history of runs; if the place is malformed or cannot be reached.
    """
    newest = newest_runs(location, _read, MOST_RUNS, MOST_ROWS)
    return pa.concat_tables(newest).unify_dictionaries() if newest else RUN_HISTORY_SCHEMA.empty_table()


def _rows(plan: Plan, load: LoadReport) -> pa.Table:
    """Give the tasks that ended well, with what was stated of them and of where they ran."""
    tasks = load.tasks.filter(pc.and_(pc.equal(load.tasks["status"], "done"), pc.is_valid(load.tasks["finish_us"])))
    positions = pc.index_in(tasks["task"], value_set=plan.graph.ids)
    if positions.null_count:
        stranger = tasks["task"][pc.index(pc.is_null(positions), True).as_py()].as_py()
        raise InputError([Fault("load", f"has a task {show(stranger)} that is none of the plan; expected its own")])
    task = np.asarray(positions, dtype=np.int64)
    learnt = plan.learnt
    works = plan.graph.work_us[task] / (1.0 if learnt is None else learnt.works[task])
    ran = list(zip(tasks["executor"].to_pylist(), tasks["slot"].to_pylist(), strict=True))
    places = _Places(plan, load)
    positions_of = {where: places.planned(*where) for where in set(ran)}
    speeds = plan.cluster.speeds_for(plan.graph.kinds) / (1.0 if learnt is None else learnt.speeds)
    executor = np.array([positions_of[where] for where in ran], dtype=np.int64)
    return pa.table(
        {
            "task": tasks["task"],
            "kind": tasks["kind"],
            "work_us": np.rint(works).astype(np.int64),
            "wall_us": pc.subtract(tasks["finish_us"], tasks["start_us"]),
            "executor": tasks["executor"],
            "host": pa.array([places.host(*where) for where in ran], pa.string()),
            "speed": speeds[plan.graph.kind[task], executor],
            "overhead_us": np.full(len(task), plan.cluster.overhead_us),
            "scale": pa.repeat(pa.scalar(load.settings.get("emulate"), pa.float64()), len(task)),
        }
    )


class _Places:
    """Where slots ran: the executors of the plan, those of Spark, and their hosts."""

    def __init__(self, plan: Plan, load: LoadReport) -> None:
        self._cluster = plan.cluster
        self._position = {executor.id: i for i, executor in enumerate(plan.cluster.executors)}
        self._meant: dict[tuple[str, int], int] = {}
        self._hosts: dict[str, str] = {}
        for row in load.slots.to_pylist():
            meant = self._position.get(row["executor"])
            ran = row["ran_executor"] or row["executor"]
            if meant is not None:
                self._meant.setdefault((ran, row["slot"]), meant)
            if row["ran_host"] or row["ran_executor"] is None:
                self._hosts.setdefault(ran, row["ran_host"] or row["host"] or "")

    def planned(self, executor: str, slot: int) -> int:
        """Give the executor of the plan whose speed was counted on: the namesake, or the one that meant the slot."""
        return self._position.get(executor, self._meant.get((executor, slot), 0))

    def host(self, executor: str, slot: int) -> str:
        """Give the host of an executor: as Spark told it, or as the plan has it."""
        return self._hosts.get(executor) or self._cluster.executors[self.planned(executor, slot)].host


def _digest(load: LoadReport) -> str:
    """Tell runs apart by all that was measured."""
    sha = hashlib.sha256(f"{load.measured_makespan_us} {load.elapsed_us}".encode())
    for name in ("task", "start_us", "finish_us"):
        sha.update("\n".join(map(str, load.tasks[name].to_pylist())).encode("utf-8", "surrogatepass"))
    return sha.hexdigest()[:12]


def _read(system: fs.FileSystem, path: str) -> pa.Table:
    wanted = f"expected what a run with history=… wrote ({RUN_HISTORY_FORMAT})"
    table = run_table(
        system,
        path,
        RUN_HISTORY_SCHEMA,
        wanted,
        _refused,
        repeated=_REPEATED,
        needed=_NEEDED,
        most_rows=MOST_ROWS_OF_ONE,
    )
    for name in ("speed", "scale"):
        if not pc.all(pc.and_(pc.is_finite(table[name]), pc.greater(table[name], 0.0)), min_count=0).as_py():
            raise InputError(f"has values of {name} that are not above 0; {wanted}")
    return table


def _refused(schema: pa.Schema) -> str:
    """Say what is wrong with the columns of a file: another format comes first, for then they may be anything."""
    told: dict[Any, bytes] = schema.metadata or {}
    written = told.get(b"format", b"").decode("utf-8", "replace")
    if written.startswith("planner.history/") and written != RUN_HISTORY_FORMAT:
        return f"is of the format {show(written)}, which another version of planner wrote"
    return columns_refused(schema, RUN_HISTORY_SCHEMA) or ("" if written else "does not say its format")

"""The folder of a run: its plan when it starts, its load report when it has ended."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from planner.errors import Fault, InputError
from planner.io.checks import Faults, naming, show
from planner.io.documents import dump_document, parse_json
from planner.io.files import as_path, exists, is_folder, read_bytes, read_text, write_atomically
from planner.io.plan_file import LATEST_S, plain, read_plan, write_plan
from planner.model.load import SLOT_SCHEMA, TASK_SCHEMA, LoadReport
from planner.model.plan import Plan
from planner.model.units import MICROSECONDS, to_us

__all__ = ["RUN_FORMAT", "create_run_folder", "read_run", "write_load"]

RUN_FORMAT = "planner.run/1"
RUN_KEYS = ("format", "status", "predicted_makespan", "measured_makespan", "elapsed", "settings")
STATUSES = ("done", "failed", "lost", "cancelled")


def create_run_folder(path: str | os.PathLike[str], plan: Plan) -> Path:
    """Make a folder that only its owner may look into, with ``plan.json``, which only its owner may read.

    Parameters
    ----------
    path : str or path
        A new or an empty folder.
    plan : Plan

    Raises
    ------
    InputError
        If the folder cannot be made or holds something.
    """
    folder = as_path(path)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            what = "a run already" if (folder / "plan.json").exists() else "something already"
            raise InputError([Fault(str(folder), f"holds {what}; expected a new or an empty folder")])
        folder.chmod(0o700)
    except OSError as error:
        problem = f"{error.strerror or error}; expected a place where a folder can be made"
        raise InputError([Fault(str(folder), problem)]) from error
    write_plan(plan, folder / "plan.json")
    (folder / "plan.json").chmod(0o600)
    return folder


def write_load(load: LoadReport, folder: str | os.PathLike[str]) -> None:
    """Write a load report into a run's folder; ``run.json`` comes last, so where it is, the rest is there too.

    Raises
    ------
    InputError
        If the files cannot be written.
    """
    place = as_path(folder)
    write_atomically(place / "tasks.parquet", lambda out: pq.write_table(load.tasks, out), private=True)
    write_atomically(place / "slots.parquet", lambda out: pq.write_table(load.slots, out), private=True)
    document = {
        "format": RUN_FORMAT,
        "status": load.status,
        "predicted_makespan": load.predicted_makespan_us / MICROSECONDS,
        "measured_makespan": load.measured_makespan_us / MICROSECONDS,
        "elapsed": load.elapsed_us / MICROSECONDS,
        "settings": plain(load.settings),
    }
    data = dump_document(document)
    write_atomically(place / "run.json", lambda out: out.write(data), private=True)


def read_run(path: str | os.PathLike[str]) -> tuple[Plan, LoadReport]:
    """Read the folder of a run that has ended.

    Raises
    ------
    InputError
        If it is no such folder, the run has not ended, or a file in it is broken.
    """
    folder = as_path(path)
    if not is_folder(folder):
        problem = "is no folder" if exists(folder) else "does not exist"
        raise InputError([Fault(str(folder), f"{problem}; expected the folder that a run wrote")])
    if not exists(folder / "plan.json"):
        raise InputError([Fault(str(folder), "holds no plan.json; expected the folder that a run wrote")])
    missing = [name for name in ("run.json", "tasks.parquet", "slots.parquet") if not exists(folder / name)]
    if missing:
        problem = f"holds a run that has not ended: there is no {', no '.join(missing)}; expected them beside plan.json"
        raise InputError([Fault(str(folder), problem)])
    plan = read_plan(folder / "plan.json")
    tasks, slots = _table(folder / "tasks.parquet", TASK_SCHEMA), _table(folder / "slots.parquet", SLOT_SCHEMA)
    return plan, _report(folder / "run.json", tasks, slots)


def _table(path: Path, schema: pa.Schema) -> pa.Table:
    data = read_bytes(path)
    try:
        table = pq.ParquetFile(pa.BufferReader(data)).read()
        missing = [name for name in schema.names if name not in table.column_names]
        if missing:
            raise InputError([Fault(str(path), f"has no column {', '.join(missing)}; expected all of a load report")])
        table = table.select(schema.names).cast(schema)
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError([Fault(str(path), f"is no table of a load report ({_first_line(error)})")]) from error
    return table


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]


def _report(path: Path, tasks: pa.Table, slots: pa.Table) -> LoadReport:
    with naming(path):
        document = parse_json(read_text(path))
        faults = Faults()
        table: dict[str, Any] = faults.table("", document, RUN_KEYS, needed=RUN_KEYS)
        faults.raise_if_any()
        if table["format"] != RUN_FORMAT:
            faults.add("format", f"is {show(table['format'])}; expected {RUN_FORMAT!r}")
        if table["status"] not in STATUSES:
            faults.add("status", f"is {show(table['status'])}; expected one of {', '.join(STATUSES)}")
        if not isinstance(table["settings"], dict):
            faults.expected("settings", table["settings"], "a table")
        predicted_us, measured_us, elapsed_us = (
            to_us(faults.seconds(key, table[key], LATEST_S)) for key in RUN_KEYS[2:5]
        )
        faults.raise_if_any()
    return LoadReport(tasks, slots, table["status"], predicted_us, measured_us, elapsed_us, table["settings"])

"""A load report in the forms that people already look at; the name of the file says which."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from planner.errors import Fault, InputError
from planner.io.event_files import write_event_files
from planner.io.files import as_path, write_atomically
from planner.io.plan_file import plain
from planner.io.prometheus import prometheus_text
from planner.model.load import LoadReport
from planner.model.units import MICROSECONDS

__all__ = ["FORMS", "export_load"]

FORMS = "load.parquet, load.prom for Prometheus, or a folder, without a suffix, for TensorBoard"
"""What can be written, as messages name it."""

_RUN = b"planner.run"


def export_load(load: LoadReport, path: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Write a load report as Parquet, as metrics for Prometheus, or as event files for TensorBoard.

    Parameters
    ----------
    load : LoadReport
    path : str or path
        ``load.parquet``: a row a task, as `TASK_SCHEMA`, and beside it ``load.slots.parquet``, a row a slot, as
        `SLOT_SCHEMA`; the run as a whole stands in the metadata of both, as JSON under ``planner.run``.
        ``load.prom``: gauges in Prometheus' text format, as its node exporter reads them (extra ``prometheus``).
        A name without a suffix: a new or empty folder for event files (extra ``tensorboard``).

    Returns
    -------
    tuple of Path
        What was written.

    Raises
    ------
    InputError
        If the name ends otherwise, an extra is missing, or the files cannot be written.
    """
    file = as_path(path)
    if file.suffix == ".parquet":
        return _write_parquet(load, file)
    if file.suffix == ".prom":
        data = prometheus_text(load)
        write_atomically(file, lambda out: out.write(data))
        return (file,)
    if file.suffix or not file.name:
        raise InputError([Fault(str(file), f"is no form of a load report; expected {FORMS}")])
    write_event_files(load, file)
    return (file,)


def _write_parquet(load: LoadReport, file: Path) -> tuple[Path, ...]:
    run = {
        "status": load.status,
        "predicted_makespan": load.predicted_makespan_us / MICROSECONDS,
        "measured_makespan": load.measured_makespan_us / MICROSECONDS,
        "elapsed": load.elapsed_us / MICROSECONDS,
        "settings": plain(load.settings),
    }
    metadata = {_RUN: json.dumps(run, allow_nan=False).encode()}
    files = (file, file.with_suffix(".slots.parquet"))
    for target, table in zip(files, (load.tasks, load.slots), strict=True):
        _write_table(table.replace_schema_metadata(metadata), target)
    return files


def _write_table(table: pa.Table, target: Path) -> None:
    write_atomically(target, lambda out: pq.write_table(table, out))

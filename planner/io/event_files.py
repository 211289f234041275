"""A load report as event files for TensorBoard: a run a slot, so that slots lie over one another in every chart."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from planner.errors import Fault, InputError
from planner.io.extras import extra
from planner.io.files import exists, is_folder
from planner.io.load_series import LoadSeries
from planner.model.load import LoadReport
from planner.model.units import MICROSECONDS

__all__ = ["write_event_files"]

_SCALARS = (
    ("share/busy", "busy"),
    ("share/waiting", "waiting"),
    ("total/tasks", "tasks"),
    ("total/bytes_in", "bytes_in"),
    ("total/bytes_out", "bytes_out"),
    ("memory/peak_bytes", "peak_memory_bytes"),
)


def write_event_files(load: LoadReport, folder: Path) -> None:
    """Write the load of every slot over the run, and how long its tasks took.

    Steps are milliseconds since the run's first task began, and so are the times of TensorBoard's relative axis.

    Parameters
    ----------
    load : LoadReport
    folder : Path
        New or empty. In it a folder a slot gets the scalars ``share/busy``, ``share/waiting``, ``total/tasks``,
        ``total/bytes_in``, ``total/bytes_out`` and ``memory/peak_bytes`` and the histogram ``seconds/tasks``; the
        folder ``run`` gets a histogram of each kind of task, ``seconds/KIND``.

    Raises
    ------
    InputError
        If the folder holds something or cannot be written to, or tensorboardX is not installed.
    """
    library = extra("tensorboardX", "tensorboard", "writing event files for TensorBoard")
    try:
        if exists(folder) and (not is_folder(folder) or any(folder.iterdir())):
            raise InputError([Fault(str(folder), "is there already; expected a new or an empty folder")])
        folder.mkdir(parents=True, exist_ok=True)
        series = LoadSeries.of(load)
        digits = len(str(len(series)))
        for i, ((executor, slot), one) in enumerate(series.items()):
            name = f"{i:0{digits}} executor {_plain(executor)} slot {slot}"
            with library.SummaryWriter(str(folder / name)) as writer:
                _write_slot(writer, one)
        with library.SummaryWriter(str(folder / "run")) as writer:
            for kind, seconds in _seconds_by_kind(load).items():
                writer.add_histogram(f"seconds/{_plain(kind)}", seconds, 0, walltime=0.0)
    except OSError as error:
        problem = f"{error.strerror or error}; expected a place where a folder can be made"
        raise InputError([Fault(str(folder), problem)]) from error


def _write_slot(writer: Any, series: LoadSeries) -> None:
    for tag, name in _SCALARS:
        for end_us, value in zip(series.end_us.tolist(), getattr(series, name).tolist(), strict=True):
            writer.add_scalar(tag, value, round(end_us / 1000), walltime=end_us / MICROSECONDS)
    if len(series.seconds):
        writer.add_histogram("seconds/tasks", series.seconds, 0, walltime=0.0)


def _seconds_by_kind(load: LoadReport) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    done = load.tasks.filter(pc.is_valid(load.tasks["start_us"]))
    seconds = pc.subtract(done["finish_us"], done["start_us"]).to_numpy() / MICROSECONDS
    kinds = np.array(done["kind"].to_pylist(), dtype=object)
    return {kind: seconds[kinds == kind] for kind in sorted(set(kinds.tolist()))}


def _plain(name: str) -> str:
    """Give a name that a folder may have."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:80]

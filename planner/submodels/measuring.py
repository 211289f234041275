"""What a stage that was loaded takes: time for a micro-batch, and memory at the most."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from subprocess import run
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.errors import PlannerError
from planner.submodels.sessions import LoadedStage

__all__ = ["Measured", "measure_apart", "measure_stage"]

STATUS = Path("/proc/self/status")
RESET = Path("/proc/self/clear_refs")
"""Linux tells here what memory a process had at the most, since 5 was written there."""


@dataclass(frozen=True)
class Measured:
    """What one stage took.

    Attributes
    ----------
    time_ns : int
        Nanoseconds for one micro-batch, the median of several. With one thread, CPU time, so that it does not matter
        what else the machine does meanwhile; with more, time that passed.
    load_bytes : int or None
        Memory that loading it added at the most; None where the system does not tell.
    peak_bytes : int or None
        Memory that loading and running it added at the most.
    base_bytes : int or None
        Memory of the process before it was loaded.
    """

    time_ns: int
    load_bytes: int | None
    peak_bytes: int | None
    base_bytes: int | None


def measure_stage(
    path: str | Path, batch: Mapping[str, NDArray[Any]], *, runs: int = 10, warm_up: int = 3, threads: int = 1
) -> tuple[Measured, dict[str, NDArray[Any]]]:
    """Load a stage in this process, as it will be loaded to run, and measure it.

    Memory is that of the whole process: the numbers mean something where nothing was loaded and dropped before.

    Parameters
    ----------
    path : str or Path
    batch : mapping of str to ndarray
        What the stage takes and lets pass.
    runs, warm_up, threads : int
        As for `planner.submodels.profiling.profile_layers`.

    Returns
    -------
    Measured
    dict of str to ndarray
        What comes out: the batch of the next stage.
    """
    base = _forget_peak()
    stage = LoadedStage(path, threads=threads)
    loaded = _memory("VmHWM")
    clock = time.process_time_ns if threads == 1 else time.perf_counter_ns
    times, given = [], dict[str, NDArray[Any]]()
    for _ in range(runs + warm_up):
        began = clock()
        given = stage(batch)
        times.append(clock() - began)
    peak = _memory("VmHWM")
    load, most = (None if base is None or value is None else value - base for value in (loaded, peak))
    return Measured(round(median(times[warm_up:])), load, most, base), given


def measure_apart(
    paths: Iterable[str | Path], batch: Mapping[str, NDArray[Any]], *, runs: int = 10, threads: int = 1
) -> list[Measured]:
    """Measure the stages of a model, each in a new process, one after the other.

    Parameters
    ----------
    paths : iterable of str or Path
        All stages, in their order.
    batch : mapping of str to ndarray
        A micro-batch of the model.
    runs, threads : int

    Raises
    ------
    PlannerError
        If a process ends without an answer, with what it said.
    """
    found = []
    with TemporaryDirectory() as folder:
        given, result = Path(folder) / "batch.npz", Path(folder) / "result.npz"
        np.savez(given, allow_pickle=False, **batch)
        for path in paths:
            words = [sys.executable, "-m", __name__, str(path), str(given), str(result), str(runs), str(threads)]
            said = run(words, capture_output=True, text=True, check=False)  # noqa: S603, our own module
            if said.returncode:
                raise PlannerError(f"measuring {path} ended with {said.returncode}: {said.stderr.strip()}")
            time_ns, *sizes = said.stdout.split()
            load, peak, base = (None if size == "None" else int(size) for size in sizes)
            found.append(Measured(int(time_ns), load, peak, base))
            given, result = result, given
    return found


def _main(path: str, given: str, result: str, runs: str, threads: str) -> None:
    """Measure one stage, print the numbers, and leave what came out in a file."""
    with np.load(given, allow_pickle=False) as batch:
        measured, values = measure_stage(path, dict(batch), runs=int(runs), threads=int(threads))
    np.savez(result, allow_pickle=False, **values)
    numbers = (measured.time_ns, measured.load_bytes, measured.peak_bytes, measured.base_bytes)
    sys.stdout.write(" ".join(map(str, numbers)))


def _forget_peak() -> int | None:
    """Begin to look for the most memory anew, and give what there is now."""
    try:
        RESET.write_text("5", encoding="ascii")
    except OSError:
        return None
    return _memory("VmRSS")


def _memory(what: str) -> int | None:
    if not STATUS.exists():
        return None
    lines = STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:")), None)


if __name__ == "__main__":
    _main(*sys.argv[1:])

"""What `chaos` does to a run: processes are found in ``/proc`` and get signals. The planner is not asked for anything.

Only what descends from the session's own driver is touched: executors are Java processes under it, Python workers the
children of ``pyspark.daemon`` under those.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

WORKER, EXECUTOR = "worker", "executor"
DRIVER = "the driver killed, then resumed"
KINDS = (
    "a Python worker killed",
    "an executor killed",
    "two killed, at different times",
    "a Python worker stopped",
    "an executor stopped, with its workers",
    DRIVER,
)
LATEST, DRIVER_LATEST = 0.95, 0.8
"""The last moment of a disturbance, as a part of the undisturbed time."""
PAUSES = (0.5, 4.0)
"""Seconds for which a process is stopped, at least and at most."""


@dataclass(frozen=True)
class Blow:
    """One disturbance.

    Attributes
    ----------
    at : float
        Seconds after the run was called.
    target : {"worker", "executor"}
    pause : float
        Seconds to stand still; 0 to be killed.
    """

    at: float
    target: str
    pause: float = 0.0


def blows(kind: str, undisturbed: float, random: np.random.Generator) -> list[Blow]:
    """Draw the disturbances of a run; the driver's is done by those who have one to spare."""
    latest = (DRIVER_LATEST if kind == DRIVER else LATEST) * undisturbed
    at = sorted(random.uniform(0.0, latest, 2).tolist())
    pause = float(random.uniform(*PAUSES))
    one, other = (str(target) for target in random.choice([WORKER, EXECUTOR], 2))
    return {
        KINDS[0]: [Blow(at[0], WORKER)],
        KINDS[1]: [Blow(at[0], EXECUTOR)],
        KINDS[2]: [Blow(at[0], one), Blow(at[1], other)],
        KINDS[3]: [Blow(at[0], WORKER, pause)],
        KINDS[4]: [Blow(at[0], EXECUTOR, pause)],
        DRIVER: [Blow(at[0], "driver")],
    }[kind]


def processes() -> dict[int, tuple[int, str]]:
    """Give the parent and the command line of every process that lives."""
    found = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with suppress(OSError):  # it may end while it is looked at
                state, parent = (path / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    words = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    found[int(path.name)] = int(parent), words
    return found


def under(top: int, known: dict[int, tuple[int, str]]) -> Iterator[int]:
    """Give what descends from a process."""
    for pid, (parent, _) in sorted(known.items()):
        if parent == top:
            yield pid
            yield from under(pid, known)


def executors(top: int) -> dict[int, list[int]]:
    """Give the executors under a process, and all that descends from each."""
    known = processes()
    found = [pid for pid in under(top, known) if "CoarseGrainedExecutorBackend" in known[pid][1]]
    return {pid: list(under(pid, known)) for pid in found}


def workers(top: int, notes: Path) -> list[int]:
    """Give the Python workers under a process; those alone that have run a task, once there are some."""
    known = processes()
    found = [
        pid
        for pid in under(top, known)
        if "pyspark.daemon" in known[pid][1] and "pyspark.daemon" in known.get(known[pid][0], (0, ""))[1]
    ]
    return [pid for pid in found if (notes / str(pid)).exists()] or found


class Disturber:
    """Deals out the blows of one run, from a thread.

    Parameters
    ----------
    driver : int
        The process under which victims are looked for.
    plan : list of Blow
    notes : Path
        Where tasks note that they are run.
    random : numpy.random.Generator
        Chooses among victims.

    Attributes
    ----------
    struck : list of (float, str)
        When, as `time.monotonic`, and what was struck.
    bereaved : list of int
        The Python processes of killed executors, which should end by themselves.
    """

    def __init__(self, driver: int, plan: list[Blow], notes: Path, random: np.random.Generator) -> None:
        self.struck: list[tuple[float, str]] = []
        self.bereaved: list[int] = []
        self._driver, self._plan, self._notes, self._random = driver, plan, notes, random
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._deal, daemon=True)

    def __enter__(self) -> Disturber:
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _deal(self) -> None:
        for blow in self._plan:
            if self._over.wait(max(0.0, self._began + blow.at - time.monotonic())):
                return
            self._strike(blow)

    def _strike(self, blow: Blow) -> None:
        candidates: dict[int, list[int]]
        if blow.target == WORKER:
            candidates = {pid: [] for pid in workers(self._driver, self._notes)}
        else:
            candidates = executors(self._driver)
        if not candidates:
            return
        victim = sorted(candidates)[int(self._random.integers(len(candidates)))]
        self.struck.append((time.monotonic(), f"{blow.target} {victim}"))
        if not blow.pause:
            self.bereaved += candidates[victim]
            send(signal.SIGKILL, [victim])
            return
        stopped = [victim, *candidates[victim]]
        try:
            send(signal.SIGSTOP, stopped)
            self._over.wait(blow.pause)
        finally:
            send(signal.SIGCONT, stopped)


def send(number: signal.Signals, pids: list[int]) -> None:
    """Send a signal to processes that may have ended."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def living(pids: list[int], within: float = 0.0) -> list[int]:
    """Give those processes that still live when so many seconds have passed."""
    until = time.monotonic() + within
    while (left := sorted(processes().keys() & set(pids))) and time.monotonic() < until:
        time.sleep(0.1)
    return left

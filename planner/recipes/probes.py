"""What measures a cluster from inside: tasks that work for some time, and tasks that send values to and fro.

Times are taken by the monotonic clock of one process, so that no two clocks have to agree.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from planner.runtime.process import cores_here

__all__ = [
    "Facts",
    "Trips",
    "calibrate",
    "collect",
    "depart",
    "gate",
    "look",
    "return_trip",
    "tick",
    "turn_back",
    "work",
]

PIECE_S = 0.005
"""What a piece of work takes on the slot that it was calibrated on."""

WINDOW_S = 0.2
"""Pieces are counted in windows as long as two periods of a container's processor quota."""

_MULTIPLIER, _INCREMENT, _MASK = 6364136223846793005, 1442695040888963407, 2**64 - 1
"""Knuth's linear congruential generator: The Art of Computer Programming, volume 2, section 3.3.4."""

_START = (
    "import time, pyspark.worker; began = time.monotonic(); import planner.runtime.slot; print(began, time.monotonic())"
)
_START_TIMEOUT_S = 120

Trips = tuple[list[tuple[int, float]], float, Any]
"""Size and seconds of every trip so far, when the present one began, and what is sent."""


class Facts(TypedDict):
    """What a process knows of its machine; None what it does not."""

    cores: float
    memory_bytes: int | None
    python_s: float | None
    import_s: float | None


def piece(rounds: int) -> float:
    """Work, half of it in the interpreter and half in numpy."""
    seed, values = 1, np.arange(1024, dtype=np.uint64)
    for _ in range(rounds):
        for _ in range(100):
            seed = seed * _MULTIPLIER + _INCREMENT & _MASK
        values = np.sort(values * np.uint64(seed | 1))
    return float(values[0])


def calibrate() -> int:
    """Find how many rounds of work make a piece on this slot."""
    rounds = 1
    while (took := _timed(rounds)) < 4 * PIECE_S:
        rounds *= 2
    took = min(took, _timed(rounds), _timed(rounds))
    return max(1, round(rounds * PIECE_S / took))


def _timed(rounds: int) -> float:
    began = time.perf_counter()
    piece(rounds)
    return time.perf_counter() - began


def work(rounds: int, seconds: float) -> list[float]:
    """Work for some time, and give the pieces a second of each window."""
    rates, until = [], time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        done = 0
        while (spent := time.perf_counter() - began) < WINDOW_S:
            piece(rounds)
            done += 1
        rates.append(done / spent)
    return rates


def gate(rounds: int) -> int:
    """Hand on what is needed to begin: who takes it begins when all else is done."""
    return rounds


def tick(ticks: list[float] | None = None) -> list[float]:
    """Add what time it is."""
    return [*(ticks or ()), time.monotonic()]


def depart(size: int) -> Trips:
    """Send a value of so many bytes off."""
    payload = np.ones(size, dtype=np.uint8)
    return [], time.monotonic(), payload


def turn_back(sent: Trips) -> Trips:
    """Send back what came."""
    return sent


def return_trip(sent: Trips, size: int) -> Trips:
    """Note how long a value was away, and send one of `size` bytes off; none, if that is below 0."""
    now = time.monotonic()
    trips, began, payload = sent
    trips = [*trips, (len(payload), now - began)]
    payload = payload if len(payload) == size else np.ones(max(size, 0), dtype=np.uint8)
    return trips, time.monotonic(), payload


def collect(*measured: Any) -> list[Any]:
    """Bring everything home."""
    return list(measured)


def look() -> Facts:
    """Tell what this process may use, and time how a new one starts."""
    python_s, import_s = _start()
    return {"cores": cores_here(), "memory_bytes": _memory(), "python_s": python_s, "import_s": import_s}


def _start() -> tuple[float | None, float | None]:
    """Start a Python that imports what Spark's worker does, and then what a slot does."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", _START]
    began = time.monotonic()
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        said = subprocess.run(  # noqa: S603
            command, env=environment, capture_output=True, text=True, timeout=_START_TIMEOUT_S, check=True
        )
        there, done = (float(word) for word in said.stdout.split())
        return there - began, done - there
    return None, None


def _memory() -> int | None:
    """Give the bytes that the host has left, at most what the container has."""
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        left = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
        with suppress(OSError, ValueError):
            folder = Path("/sys/fs/cgroup")
            limit, used = (int((folder / f"memory.{what}").read_text()) for what in ("max", "current"))
            left = min(left, max(limit - used, 0))
        return left
    return None

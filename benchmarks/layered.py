"""Layered random graphs: what the engines in `peers` are given to run.

A graph has so many layers of equal width; each task waits for `fan_in` distinct random tasks of the layer before and
takes their values. Times are log-normal: a median, and sigma 1 (the mean is 1.65 × the median, one task in a hundred
takes 10 × the median). Tasks sleep, so that 8 slots can be measured on fewer cores; with a median of 0 they do nothing.

A graph can also be written as a trace, to plan it or to run it by ``planner run GRAPH --emulate 1``::

    python benchmarks/layered.py --tasks 800 --median 0.1 graph.json
"""

from __future__ import annotations

import argparse
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from planner.model import Graph

LAYERS = 20
FAN_IN = 3
SIGMA = 1.0


@dataclass(frozen=True)
class Layered:
    """A graph that belongs to no engine.

    Attributes
    ----------
    seconds : ndarray of float, shape (tasks,)
        How long each task sleeps.
    before : ndarray of int, shape (tasks - width, fan_in)
        The tasks that each task behind the first layer waits for.
    width : int
        Tasks in a layer.
    believed : ndarray of float, shape (tasks,), optional
        What a planner is told instead of `seconds`.
    """

    seconds: np.ndarray
    before: np.ndarray
    width: int
    believed: np.ndarray | None = None

    @property
    def n(self) -> int:
        """Number of tasks, a multiple of the width."""
        return len(self.seconds)

    def inputs(self) -> list[list[int]]:
        """Give the tasks that each task waits for; they come before it."""
        return [[] for _ in range(self.width)] + self.before.tolist()

    def last(self) -> list[int]:
        """Give the tasks on which no other waits: their values are what an engine has to bring home."""
        waited_for = np.zeros(self.n, dtype=bool)
        waited_for[self.before] = True
        return np.flatnonzero(~waited_for).tolist()

    def layer(self, task: int) -> int:
        """Give the layer of a task from 1, which is also the value that the task must have."""
        return task // self.width + 1

    def graph(self, *, trace: bool = False) -> Graph:
        """Give it as planner's graph, whose tasks call `nap`; as a trace they only have their times."""
        from planner.model import Call, Graph, Ref

        behind = np.arange(self.width, self.n)
        seconds = self.seconds.tolist()
        calls = [Call("layered:nap", (seconds[i], *map(Ref, taken))) for i, taken in enumerate(self.inputs())]
        return Graph.from_arrays(
            work=self.seconds,
            source=self.before.ravel(),
            target=np.repeat(behind, self.before.shape[1]),
            calls=[] if trace else calls,
        )


def layered(
    tasks: int, median: float, seed: int, *, layers: int = LAYERS, fan_in: int = FAN_IN, sigma: float = SIGMA
) -> Layered:
    """Make a layered random graph.

    Parameters
    ----------
    tasks : int
        A multiple of `layers`, with at least `fan_in` of them in a layer.
    median : float
        Seconds; 0 for tasks that do nothing.
    """
    width = tasks // layers
    if tasks % layers or width < fan_in:
        raise ValueError(f"{tasks} tasks do not make {layers} equal layers of {fan_in} tasks or more")
    random = np.random.default_rng(seed)
    picks = random.random(((layers - 1) * width, width)).argsort(axis=1)[:, :fan_in]
    first = np.repeat(np.arange(layers - 1) * width, width)
    return Layered(median * random.lognormal(0.0, sigma, tasks), np.sort(picks + first[:, None], axis=1), width)


def nap(seconds: float, *values: int) -> int:
    """Sleep, then give the length of the longest chain that ends here: proof that the inputs came."""
    if seconds:
        time.sleep(seconds * slowness())
    return 1 + max(values, default=0)


SLOW_WORLD = "LAYERED_SLOW"
"""Environment variable: a folder. The process that naps there first is the slow one, as `slow_from` says."""


def slowness() -> float:
    """Tell how many times longer than it should a nap takes in this process, now."""
    if (folder := os.environ.get(SLOW_WORLD)) is None:
        return 1.0
    # Spark's Python workers come and go, and the daemon that makes them is the executor's own.
    me = str(os.getppid() if os.environ.get(f"{SLOW_WORLD}_BY") == "parent" else os.getpid())
    with suppress(FileExistsError), Path(folder, "who").open("x") as file:
        file.write(me)
    try:
        factor, since = Path(folder, "how").read_text().split()
    except (FileNotFoundError, ValueError):
        return 1.0
    slow = time.time() >= float(since) and Path(folder, "who").read_text() == me
    return float(factor) if slow else 1.0


def slow_from(folder: Path, factor: float, since: float) -> None:
    """Let the slow process of a world be slow from a moment on, in seconds of `time.time`."""
    new = folder / "new"
    new.write_text(f"{factor} {since}")
    new.replace(folder / "how")


def main() -> None:
    """Write one graph as a trace."""
    from planner.io import write_graph

    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("path", type=Path, help="a .json file, or a folder for a pair of Parquet files")
    words.add_argument("--tasks", type=int, default=800)
    words.add_argument("--median", type=float, default=0.1, help="seconds")
    words.add_argument("--seed", type=int, default=0)
    given = words.parse_args()
    write_graph(layered(given.tasks, given.median, given.seed).graph(trace=True), given.path)


if __name__ == "__main__":
    main()

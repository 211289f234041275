"""The work of `chaos`: a graph whose values can be checked, and whose tasks note by themselves that they were run.

Layers of tasks that sleep 20 to 200 ms; each takes the values of three of the layer before. A value is a small integer,
or for one task in four an array of 10 kB to 1 MB that is drawn from it, so that small values travel with the reports
and large ones from executor to executor. The right values are computed here, by nobody's engine.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from planner.model import Graph

WIDTH, LAYERS, FAN_IN = 15, 16, 3
SHORT, LONG = 0.02, 0.2
"""Seconds that a task sleeps, at least and at most."""


@dataclass(frozen=True)
class Checked:
    """A graph that belongs to no engine.

    Attributes
    ----------
    seconds : ndarray of float, shape (tasks,)
    before : list of list of int
        The tasks whose values each task takes, in order; they come before it.
    sizes : ndarray of int, shape (tasks,)
        Bytes of the array that a task hands on; 0 for an integer.
    """

    seconds: np.ndarray
    before: list[list[int]]
    sizes: np.ndarray

    @property
    def n(self) -> int:
        """Number of tasks."""
        return len(self.seconds)

    def values(self) -> dict[int, Any]:
        """Give the right value of each last task."""
        made: list[Any] = []
        for task, taken in enumerate(self.before):
            made.append(value(task, int(self.sizes[task]), [made[i] for i in taken]))
        waited_for = {i for taken in self.before for i in taken}
        return {task: made[task] for task in range(self.n) if task not in waited_for}

    def graph(self, notes: Path, run: str | Callable[..., Any] = "chaos_work:work") -> Graph:
        """Give it as planner's graph, whose tasks note in a folder that they were run."""
        from planner import GraphBuilder

        builder = GraphBuilder()
        handles: list[Any] = []
        for task, taken in enumerate(self.before):
            seconds, size = float(self.seconds[task]), int(self.sizes[task])
            arguments = (str(notes), task, seconds, size, *(handles[i] for i in taken))
            handles.append(builder.add(run, *arguments, id=str(task), work=seconds, output=size, kind="work"))
        return builder.build()

    def again(self, executions: Counter[int]) -> tuple[float, float]:
        """Give the seconds of the executions beyond one of each task, in all, and on their longest chain."""
        longest: list[float] = []
        for task, taken in enumerate(self.before):
            own = float(self.seconds[task]) * max(0, executions[task] - 1)
            longest.append(own + max((longest[i] for i in taken), default=0.0))
        whole = sum(float(self.seconds[task]) * (count - 1) for task, count in executions.items())
        return whole, max(longest)


def checked(seed: int, *, layers: int = LAYERS) -> Checked:
    """Make such a graph."""
    random = np.random.default_rng(seed)
    tasks = WIDTH * layers
    before: list[list[int]] = [[] for _ in range(WIDTH)]
    for task in range(WIDTH, tasks):
        first = (task // WIDTH - 1) * WIDTH
        before.append(sorted(first + int(i) for i in random.choice(WIDTH, FAN_IN, replace=False)))
    sizes = np.exp(random.uniform(np.log(10_000), np.log(1_000_000), tasks)).astype(np.int64)
    sizes[random.random(tasks) >= 0.25] = 0
    return Checked(random.uniform(SHORT, LONG, tasks), before, sizes)


def value(task: int, size: int, taken: Sequence[Any]) -> Any:
    """Give what a task makes of the values that it takes."""
    number = task
    for one in taken:
        number = (number * 1_000_003 + (int(one.sum()) + len(one) if isinstance(one, np.ndarray) else one)) % (
            2**31 - 1
        )
    return np.random.default_rng(number).integers(0, 2**31, size // 8) if size else number


def work(notes: str, task: int, seconds: float, size: int, *taken: Any) -> Any:
    """Note that a task is run, sleep, and give its value."""
    with Path(notes, str(os.getpid())).open("a") as file:
        file.write(f"{task}\n")
    time.sleep(seconds)
    return value(task, size, taken)


def noted(notes: Path) -> Counter[int]:
    """Count how often each task was begun."""
    return Counter(int(line) for path in notes.iterdir() for line in path.read_text().split())


def same(given: dict[int, Any], right: dict[int, Any]) -> bool:
    """Tell whether all values are there and equal, bit by bit."""
    return given.keys() == right.keys() and all(alike(given[task], right[task]) for task in right)


def alike(one: Any, other: Any) -> bool:
    """Tell whether two values are of one type and equal, bit by bit."""
    if isinstance(other, np.ndarray):
        return isinstance(one, np.ndarray) and one.dtype == other.dtype and np.array_equal(one, other)
    return type(one) is type(other) and bool(one == other)


def twice(results: Path, right: Iterable[int]) -> int:
    """Count the results of which a run folder has not exactly one file, and what has one and is none."""
    files = Counter(path.name.split("-", 1)[-1].rsplit(".", 1)[0] for path in results.glob("*"))
    names = {str(task) for task in right}
    return sum(files[name] != (name in names) for name in names | files.keys())

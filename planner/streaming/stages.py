"""Stages: parts of a model that are loaded apart from one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from planner.errors import Fault, InputError
from planner.streaming.batches import Batch

__all__ = ["Batch", "Loader", "Stage", "chain", "spread"]

Loader: TypeAlias = Callable[[Path], Callable[[Batch], Any]]
"""Called once on each slot that runs a stage, with the folder of its files, gives what is called for each batch."""


@dataclass(frozen=True)
class Stage:
    """A part of a model that is resident on one slot, or on several.

    Attributes
    ----------
    name : str
    load : callable
        Called once on each slot that runs the stage, with a folder in which its `files` are; gives what is called for
        each micro-batch, which takes and gives a dict of numpy arrays. It travels by cloudpickle, to those slots only.
    replicas : int
        So many slots run it.
    files : tuple of str
        Paths of files that it needs, on the driver. They go to those slots only, unless they can be read there.
    """

    name: str
    load: Loader
    replicas: int = 1
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Chain:
    """Loads callables that follow one another; a class among them is made where it runs."""

    calls: tuple[Any, ...]

    def __call__(self, folder: Path) -> Callable[[Batch], Any]:
        calls = [call() if isinstance(call, type) else call for call in self.calls]

        def run(batch: Batch) -> Any:
            for call in calls:
                batch = call(batch)
            return batch

        return run


def chain(name: str, calls: Sequence[Any], replicas: int = 1) -> Stage:
    """Make a stage of callables that follow one another.

    Parameters
    ----------
    name : str
    calls : sequence of callable
        Each takes and gives a dict of numpy arrays. Of a class, each slot makes one object, without arguments, and
        calls that: what takes long to load belongs into its ``__init__``.
    replicas : int

    Examples
    --------
    >>> chain("twice", [lambda batch: {"x": batch["x"] * 2}] * 2).load(Path())({"x": 1})
    {'x': 4}
    """
    return Stage(name, _Chain(tuple(calls)), replicas)


def spread(stages: Sequence[Stage], slots: int) -> list[tuple[int, ...]]:
    """Decide which stages each slot runs.

    Each replica of each stage has a slot of its own where there are enough of them; else neighbours share one.

    Parameters
    ----------
    stages : sequence of Stage
    slots : int
        How many there may be.

    Returns
    -------
    list of tuple of int
        The stages of each slot.

    Raises
    ------
    InputError
        If there is no stage, or a stage has a wrong number of replicas.

    Examples
    --------
    >>> spread([Stage("a", chain), Stage("b", chain, replicas=2)], 4)
    [(0,), (1,), (1,)]
    >>> spread([Stage("a", chain), Stage("b", chain), Stage("c", chain)], 2)
    [(0, 1), (2,)]
    """
    faults = [
        Fault(f"stages[{place}].replicas", f"is {stage.replicas!r}; expected a whole number of at least 1")
        for place, stage in enumerate(stages)
        if isinstance(stage.replicas, bool) or not isinstance(stage.replicas, int) or stage.replicas < 1
    ]
    if not stages:
        faults.append(Fault("stages", "there is none; expected one at least"))
    if faults:
        raise InputError(faults)
    wanted = [place for place, stage in enumerate(stages) for _ in range(stage.replicas)]
    if len(wanted) <= slots:
        return [(place,) for place in wanted]
    # Not enough slots: replicas that do not fit would only share a core with their like.
    if len(stages) <= slots:
        replicas = [1] * len(stages)
        for _ in range(slots - len(stages)):
            short = max(range(len(stages)), key=lambda place: (stages[place].replicas / replicas[place], -place))
            replicas[short] += 1
        return [(place,) for place, count in enumerate(replicas) for _ in range(count)]
    return [
        tuple(place for place in range(len(stages)) if place * slots // len(stages) == slot) for slot in range(slots)
    ]

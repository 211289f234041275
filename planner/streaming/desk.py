"""A slot's desk: inputs that wait to be run, outputs that wait to be taken, and how long it waited for either."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

import pyarrow as pa

from planner.streaming.files import FileThere

__all__ = ["Desk", "Input", "Loading", "Part"]


ROOM = 2
"""Outputs of a stage that may wait to be taken; a stage begins nothing while there are more."""


@dataclass(frozen=True)
class Part:
    """A stage to be loaded: its number and name, its pickled loader, and its files."""

    stage: int
    name: str
    loader: bytes
    files: tuple[FileThere, ...] = ()


@dataclass(frozen=True)
class Loading:
    """Stages that have to be loaded next."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Input:
    """A batch that is to be run next, as it came."""

    stage: int
    batch: int
    record: pa.RecordBatch


class Desk:
    """Holds what a slot has before it. Safe from threads; one thread calls `next`.

    Attributes
    ----------
    input_us, room_us : int
        Microseconds that `next` has waited for an input, and for room.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._loads: deque[tuple[Part, ...]] = deque()
        self._inputs: dict[int, deque[Input]] = {}
        self._outputs: dict[tuple[int, int], pa.RecordBatch] = {}  # by stage and batch
        self._closed = False
        self.input_us = 0
        self.room_us = 0

    def next(self) -> Loading | Input | None:
        """Wait for something to do: what is to be loaded, else the farthest stage that has room; None at the end."""
        with self._changed:
            while not self._closed:
                if self._loads:
                    return Loading(self._loads.popleft())
                for stage in sorted(self._inputs, reverse=True):
                    if self._inputs[stage] and self._room(stage):
                        return self._inputs[stage].popleft()
                began = time.monotonic_ns()
                waits_for_room = any(self._inputs.values())
                self._changed.wait()
                waited = (time.monotonic_ns() - began) // 1000
                if waits_for_room:
                    self.room_us += waited
                else:
                    self.input_us += waited
            return None

    def load(self, parts: tuple[Part, ...]) -> None:
        """Have stages loaded before anything else."""
        with self._changed:
            self._loads.append(parts)
            self._changed.notify()

    def put(self, given: Input) -> None:
        """Add a batch to be run."""
        with self._changed:
            self._inputs.setdefault(given.stage, deque()).append(given)
            self._changed.notify()

    def made(self, stage: int, batch: int, output: pa.RecordBatch) -> None:
        """Hold the output of a stage until it is released."""
        with self._changed:
            self._outputs[stage, batch] = output

    def output(self, stage: int, batch: int) -> pa.RecordBatch:
        """Give an output that is held.

        Raises
        ------
        KeyError
            If it is not here, or released.
        """
        with self._changed:
            return self._outputs[stage, batch]

    def release(self, stage: int, batch: int) -> None:
        """Let an output go."""
        with self._changed:
            self._outputs.pop((stage, batch), None)
            self._changed.notify()

    def close(self) -> None:
        """End all waiting."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _room(self, stage: int) -> bool:
        return sum(held == stage for held, _ in self._outputs) < ROOM

"""Calling what a task runs, with its inputs in the places where its arguments name them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import cloudpickle
import numpy as np

from planner.model.graph import Ref, Refs
from planner.runtime.inputs import Turn
from planner.runtime.process import imported
from planner.runtime.slot_queue import Entry

__all__ = ["Calls", "given"]


class Calls:
    """The functions of a slot's tasks; those that are named are imported when they are called first.

    Parameters
    ----------
    functions : sequence of str or callable
    """

    def __init__(self, functions: Sequence[str | Callable[..., Any]]) -> None:
        self._functions = functions
        self._ready: dict[int, Callable[..., Any]] = {}

    def call(self, entry: Entry, arguments: Sequence[Any], keywords: dict[str, Any]) -> Any:
        """Run a task, or sleep in its place."""
        if entry.emulate is not None:
            seconds, size = entry.emulate
            time.sleep(seconds)
            return np.zeros(size, dtype=np.uint8)
        assert entry.call is not None  # noqa: S101
        which = entry.call[0]
        if which not in self._ready:
            run = self._functions[which]
            self._ready[which] = imported(run) if isinstance(run, str) else run
        return self._ready[which](*arguments, **keywords)


def given(turn: Turn) -> tuple[list[Any], dict[str, Any]]:
    """Give the arguments of a task; an input that stands in several places is one object.

    A task that may be run again gets all of them anew each time: what an attempt does to them, the next does not see.
    """
    opened: dict[int, Any] = {}

    def resolve(argument: Any) -> Any:
        if isinstance(argument, Refs):
            return [resolve(Ref(task)) for task in argument.tasks]
        if not isinstance(argument, Ref):
            return argument
        if argument.task not in opened:
            opened[argument.task] = turn.value(argument.task)
        return opened[argument.task]

    if turn.entry.call is None:
        return [], {}
    _, args, kwargs = turn.entry.call
    if turn.entry.retries:
        args, kwargs = cloudpickle.loads(cloudpickle.dumps((args, kwargs)))
    return [resolve(a) for a in args], {key: resolve(value) for key, value in kwargs.items()}

"""Compute a graph in this process, task after task: the plain computation that every run has to agree with."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from planner.model import Graph, Ref, Refs


def evaluate(graph: Graph) -> dict[str, Any]:
    """Give the value of every task of a graph without data-parallel tasks."""
    assert not graph.over
    values: dict[int, Any] = {}
    for task in graph.order.tolist():
        call = graph.calls[task]
        assert call is not None
        missing = set(call.refs()) - set(graph.predecessors(task).tolist())
        assert not missing, f"{graph.names[task]} takes values of tasks it does not wait for: {missing}"
        args = [_value(value, values) for value in call.args]
        kwargs = {key: _value(value, values) for key, value in call.kwargs.items()}
        values[task] = _function(call.run)(*args, **kwargs)
    return {graph.names[task]: value for task, value in values.items()}


def _value(argument: Any, values: dict[int, Any]) -> Any:
    if isinstance(argument, Ref):
        return values[argument.task]
    return [values[task] for task in argument.tasks] if isinstance(argument, Refs) else argument


def _function(run: str | Callable[..., Any]) -> Callable[..., Any]:
    if not isinstance(run, str):
        return run
    module, _, name = run.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found

"""The stopwatch around a user's function: what it reports is bounded, and nothing of it is lost."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyspark
import pytest

from planner.spark.stopwatch import MOST_KEPT, stopwatch


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Stand in for a running task; gives what it reports."""
    numbers = {"stageId": 3, "partitionId": 2, "taskAttemptId": 17, "attemptNumber": 1}
    context = SimpleNamespace(**{name: lambda value=value: value for name, value in numbers.items()})
    monkeypatch.setattr(pyspark.TaskContext, "get", lambda: context)
    return []


def test_one_entry_a_task_with_a_row_a_key(task: list[dict[str, Any]]) -> None:
    start = stopwatch(SimpleNamespace(add=task.extend))
    for key in range(3):
        stop = start()
        stop(np.int64(key), (f"s{key}", None), 10 * key)
    [entry] = task
    assert (entry["stage"], entry["partition"], entry["task"], entry["attempt"]) == (3, 2, 17, 1)
    assert [key[:3] for key in entry["keys"]] == [(0, "s0, null", 0), (1, "s1, null", 10), (2, "s2, null", 20)]
    assert entry["others"] == [0, 0, 0, 0, 0]


def test_the_peak_is_that_of_the_call(task: list[dict[str, Any]]) -> None:
    start = stopwatch(SimpleNamespace(add=task.extend))
    for size in (30_000_000, 1):
        stop = start()
        np.ones(size)
        stop(np.int64(size), (size,), 1)
    large, small = (key[5] for key in task[0]["keys"])
    assert large > small + 200e6


def test_of_many_keys_the_slowest_come_one_by_one(task: list[dict[str, Any]]) -> None:
    start, n = stopwatch(SimpleNamespace(add=task.extend)), 5 * MOST_KEPT
    for key in range(n):
        start()(np.int64(key), (key,), 2)
    [entry] = task
    keys, (count, rows, wall, cpu, peak) = entry["keys"], entry["others"]
    assert MOST_KEPT <= len(keys) < 2 * MOST_KEPT
    assert len(keys) + count == n
    assert sum(key[2] for key in keys) + rows == 2 * n
    assert min(wall, cpu, peak) > 0


def test_nothing_is_measured_where_nobody_listens() -> None:
    stopwatch(None)()(1, ("a",), 1)

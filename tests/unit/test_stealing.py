"""What slots take that will soon have nothing to run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from planner import Cluster, Graph, Network
from planner.cost import Problem
from planner.model import Pin
from planner.model.move import Move
from planner.model.progress import Progress
from planner.rebalancing.stealing import AHEAD_US, BEGUN_US, GAIN_US, may_begin, stolen

SECOND = 10**6


def steals(
    problem: Problem, slot: list[int], running: dict[int, int], *, now: int = 0, stays: Any = (), **given: Any
) -> list[Move]:
    """Let all tasks wait but those that run on their slots until the given times."""
    progress = Progress.none(problem.n)
    where = progress.slot.copy()
    finish = progress.finish_us.copy()
    for task, end in running.items():
        where[task], finish[task] = slot[task], end
    progress = replace(progress, now_us=now, slot=where, finish_us=finish)
    ready = may_begin(problem, progress, np.zeros(problem.n, bool), np.arange(problem.n, dtype=np.int32))
    usual: dict[str, Any] = {
        "longer": np.ones(problem.n),
        "slower": np.ones(problem.n_slots),
        "price_us": np.full(problem.n, 5000, dtype=np.int64),
        "gain_us": np.full(problem.n, GAIN_US),
        "stays": np.isin(np.arange(problem.n), stays),
    }
    return stolen(problem, progress, ready, np.array(slot, dtype=np.int32), **(usual | given))


def alone(works: list[float], slots: int = 2, **given: Any) -> Problem:
    return Problem.of(Graph.from_arrays(work=works, **given), Cluster.uniform(slots))


def test_a_slot_with_nothing_to_run_takes_what_is_most_urgent_and_would_wait() -> None:
    problem = alone([1.0, 0.5, 0.5, 0.5])
    assert steals(problem, [0, 0, 0, 0], {0: SECOND}) == [Move(1, 0, 1, 0, 5000, 995_000, "a slot runs dry")]


def test_a_slot_that_has_enough_to_run_takes_nothing() -> None:
    problem = alone([1.0, 1.0, 1.0])
    assert not steals(problem, [0, 1, 0], {0: SECOND, 1: AHEAD_US + 1})
    assert steals(problem, [0, 1, 0], {0: SECOND, 1: AHEAD_US})


def test_what_is_about_to_begin_or_stays_or_may_not_run_there_is_left() -> None:
    problem = alone([1.0, 1.0])
    assert not steals(problem, [0, 0], {0: BEGUN_US - 1})
    assert not steals(problem, [0, 0], {0: SECOND}, stays=[1])
    pinned = Problem.of(Graph.from_arrays(work=[1.0, 1.0], pins={1: Pin(executor="0")}), Cluster.uniform(2))
    assert not steals(pinned, [0, 0], {0: SECOND})


def test_slow_slots_and_dear_inputs_count() -> None:
    problem = alone([1.0, 1.0])
    assert not steals(problem, [0, 0], {0: SECOND}, slower=np.array([1.0, 2.0]))
    assert not steals(problem, [0, 0], {0: SECOND}, price_us=np.array([0, SECOND]))
    assert steals(problem, [0, 0], {0: SECOND}, slower=np.array([1.0, 1.9]))
    (move,) = steals(problem, [0, 0], {0: SECOND}, slower=np.array([3.0, 1.5]))
    assert move.reason == "its executor is 2 × slower, and a slot runs dry"
    assert not steals(problem, [0, 0], {0: SECOND}, gain_us=np.array([0, SECOND]))
    assert steals(problem, [0, 0], {0: SECOND}, longer=np.array([1.0, 9.0]))


def test_only_what_waits_for_nothing_may_begin() -> None:
    graph = Graph.from_arrays(work=[1.0] * 5, source=[0, 1, 2], target=[1, 2, 3])
    problem = Problem.of(graph, Cluster.uniform(2))
    progress = Progress.none(5)
    where = progress.slot.copy()
    where[[0, 1]] = 0
    ended = np.array([True, False, False, False, False])
    order = np.array([4, 0, 1, 2, 3], dtype=np.int32)
    assert may_begin(problem, replace(progress, slot=where), ended, order).tolist() == [4]
    assert may_begin(problem, replace(progress, slot=where), ended | (np.arange(5) == 1), order).tolist() == [4, 2]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_each_task_goes_once_and_ends_sooner(data: st.DataObject) -> None:
    slots, n = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 20))
    works = data.draw(st.lists(st.floats(0.001, 5), min_size=n, max_size=n))
    slot = data.draw(st.lists(st.integers(0, slots - 1), min_size=n, max_size=n))
    now = data.draw(st.integers(0, SECOND))
    first = {slot[task]: task for task in range(n)}
    running = {task: now + data.draw(st.integers(0, 3 * SECOND)) for s, task in first.items() if s % 2}
    stays = data.draw(st.sets(st.integers(0, n - 1)))
    cluster = Cluster.uniform(slots, network=Network(latency_us=500))
    problem = Problem.of(Graph.from_arrays(work=works), cluster)
    moves = steals(problem, slot, running, now=now, stays=list(stays))
    tasks = [move.task for move in moves]
    assert len(tasks) == len(set(tasks)) and not stays.intersection(tasks) and not running.keys() & set(tasks)
    assert all(move.source == slot[move.task] != move.target and move.sooner_us > 0 for move in moves)

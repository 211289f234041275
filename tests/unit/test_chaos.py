"""What `benchmarks/chaos.py` counts is what was there, and what it finds wrong is wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.chaos_kinds import DRIVER, KINDS, blows, executors, living, send, workers
from benchmarks.chaos_page import Chaos, Timeline, page, table, told_twice
from benchmarks.chaos_work import FAN_IN, WIDTH, Checked, alike, checked, noted, same, twice, value, work

RUN = Chaos(7, KINDS[0], 2.0, 2.2, 2.6, "worker 1", True, 0, False, "", 3, 0.6, 0.2, 1, 0.8, 0, 0.8, 0, 0, 1.0)


def test_values_hang_on_every_task_behind_them():
    one = checked(3, layers=4)
    assert one.before[:WIDTH] == [[]] * WIDTH
    assert {len(set(taken)) for taken in one.before[WIDTH:]} == {FAN_IN}
    other = Checked(one.seconds, [list(reversed(taken)) for taken in one.before], one.sizes)
    assert same(one.values(), checked(3, layers=4).values())
    assert not same(one.values(), other.values())
    assert any(one.sizes) and not all(one.sizes)


def test_a_task_notes_that_it_was_run_and_gives_the_right_value(tmp_path: Path):
    assert work(str(tmp_path), 5, 0.0, 0, 3, np.arange(4)) == value(5, 0, [3, np.arange(4)])
    work(str(tmp_path), 5, 0.0, 800)
    work(str(tmp_path), 6, 0.0, 0)
    assert noted(tmp_path) == {5: 2, 6: 1}


def test_the_planner_gets_the_same_graph(tmp_path: Path):
    one = checked(1, layers=3)
    graph = one.graph(tmp_path)
    assert [graph.predecessors(task).tolist() for task in range(graph.n)] == one.before
    assert (
        set(map(int, (graph.names[i] for i in range(graph.n) if not len(graph.successors(i))))) == one.values().keys()
    )


@pytest.mark.parametrize("other", [4.0, np.int64(4), 5, None])
def test_values_of_another_type_are_not_alike(other):
    assert alike(4, 4) and not alike(other, 4)
    assert not alike(np.zeros(3), np.zeros(3, dtype=int)) and alike(np.zeros(3), np.zeros(3))
    assert not same({}, {1: 4}) and not same({1: 4, 2: 0}, {1: 4})


def test_lost_work_is_what_was_run_beyond_once():
    one = Checked(np.array([1.0, 2.0, 4.0]), [[], [], [0]], np.zeros(3, dtype=int))
    assert one.again(Counter({0: 2, 1: 1, 2: 3})) == (9.0, 9.0)
    assert one.again(Counter({0: 2, 1: 4, 2: 1})) == (7.0, 6.0)
    assert one.again(Counter({0: 1, 1: 1})) == (0.0, 0.0)


def test_a_result_has_one_file(tmp_path: Path):
    for name in ("0-3.json", "1-4.pickle", "2-4.pickle", "3-9.json"):
        (tmp_path / name).touch()
    assert twice(tmp_path, [3]) == 2
    assert twice(tmp_path, [3, 5]) == 3


def test_the_journal_tells_for_how_long_slots_were_away():
    hello = [{"at_us": 10 + slot, "event": "hello", "slot": slot} for slot in range(3)]
    lines = [
        *hello,
        {"at_us": 100, "event": "lost", "slot": 1},
        {"at_us": 101, "event": "regrouped", "slots": [0, 2]},
        {"at_us": 130, "event": "hello", "slot": 1},
        {"at_us": 140, "event": "regrouped", "slots": [1, 2]},
        {"at_us": 150, "event": "hello", "slot": 2},
        {"at_us": 151, "event": "lost", "slot": 2},
        {"at_us": 160, "event": "ended"},
    ]
    times = Timeline(lines)
    assert times.lost == {0, 1, 2} and times.first == {0: 10, 1: 11, 2: 12}
    assert times.away_us == 30 + 20 and times.replaced_us == 30
    late = Timeline(lines, 12)
    assert late.away_us == times.away_us + 5 * (160 - 12) and late.replaced_us == 30  # the other five never came
    end = {"at_us": 155, "event": "finished", "task": "a", "slot": 1, "start_us": 7}
    assert told_twice([*lines, end, {**end, "start_us": 8}]) == 0
    assert told_twice([*lines, end, end]) == 1


def test_the_bound_is_what_was_undisturbed_and_what_was_lost():
    assert RUN.bound == pytest.approx(1.2 * 2.0 + 0.2 + 0.8 / 8)
    assert replace(RUN, again_seconds=7.0).bound == pytest.approx(1.2 * 2.0 + 1.0 + 0.1)
    assert replace(RUN, slots_lost=8, restart=1.0, unknown=0.5).bound == pytest.approx(2.4 + 0.6 + 0.1 + 1.5)


@pytest.mark.parametrize("bad", [{"equal": False}, {"twice": 1}, {"hung": True}, {"error": "RunError: no"}])
def test_the_page_names_what_went_wrong(bad):
    text = page([RUN, replace(RUN, seed=99, **bad)], KINDS, {})
    assert "- seed 99, a Python worker killed: " in text and "seed 7" not in text
    assert "| all | 2 | 1 |" in text
    assert "No run." in text and "seed 7, a Python worker killed: 9.00 s" in page(
        [replace(RUN, seconds=9.0)], KINDS, {}
    )
    assert DRIVER not in table([RUN], KINDS)


def test_disturbances_belong_to_the_seed():
    for kind in KINDS:
        drawn = [blows(kind, 2.0, np.random.default_rng(seed)) for seed in (1, 1, 2)]
        assert drawn[0] == drawn[1] != drawn[2]
        assert all(0 <= blow.at <= 1.9 for blow in drawn[0])
        assert all(bool(blow.pause) == ("stopped" in kind) for blow in drawn[0])


def test_only_what_is_under_the_driver_is_found(tmp_path: Path):
    nap = "import time; time.sleep(60)"
    mine = subprocess.Popen([sys.executable, "-c", nap, "CoarseGrainedExecutorBackend"])
    try:
        assert executors(os.getpid()) == {mine.pid: []}
        assert executors(mine.pid) == {} and workers(os.getpid(), tmp_path) == []
        send(signal.SIGKILL, [mine.pid])
        assert living([mine.pid], within=5.0) == []
    finally:
        mine.kill()
        mine.wait()
    send(signal.SIGKILL, [mine.pid])

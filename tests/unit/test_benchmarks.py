"""The benchmark's graphs are what its text says, and its table says what was measured."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.layered import layered, nap
from benchmarks.table import Measured, Sheet


def test_a_task_takes_distinct_tasks_of_the_layer_before():
    work = layered(200, 0.01, seed=3)
    for task, taken in enumerate(work.inputs()):
        assert len(set(taken)) == (3 if work.layer(task) > 1 else 0)
        assert {work.layer(before) for before in taken} <= {work.layer(task) - 1}


def test_the_planner_gets_the_same_graph():
    work = layered(100, 0.01, seed=1)
    graph = work.graph()
    assert [graph.predecessors(task).tolist() for task in range(graph.n)] == work.inputs()
    assert np.flatnonzero(np.diff(graph.succ_ptr) == 0).tolist() == work.last()
    assert graph.work_us.tolist() == np.rint(work.seconds * 1e6).astype(int).tolist()


def test_its_values_are_the_lengths_of_chains():
    work = layered(100, 0.0, seed=1)
    values: list[int] = []
    for seconds, taken in zip(work.seconds.tolist(), work.inputs(), strict=True):
        values.append(nap(seconds, *(values[before] for before in taken)))
    assert values == [work.layer(task) for task in range(work.n)]


def test_times_are_log_normal_and_belong_to_the_seed():
    works = [layered(5_000, 0.1, seed).seconds for seed in (1, 1, 2)]
    assert (works[0] == works[1]).all() and (works[0] != works[2]).any()
    assert np.median(works[0]) == pytest.approx(0.1, rel=0.05)
    assert np.log(works[0]).std() == pytest.approx(1.0, rel=0.05)


def test_layers_must_be_equal():
    with pytest.raises(ValueError, match="equal layers"):
        layered(101, 0.01, seed=0)


RUN = Measured("planner", 0, "sleep", 100, 1.0, 1.05, 1.3, {"planned": 1.0, "measured": 1.01, "planning": 0.1})


@pytest.mark.parametrize(("seconds", "verdict"), [(1.05, "met"), (1.07, "missed")])
def test_the_table_holds_the_median_against_the_target_and_the_whole_call_against_the_peers(seconds, verdict):
    case = SimpleNamespace(name="sleep", median=0.1, target=1.06, moonshot=1.03)
    ours = [replace(RUN, seconds=seconds), replace(RUN, seconds=seconds), replace(RUN, seconds=9.0)]
    peer = replace(RUN, engine="peer", seconds=2.6, detail={})
    text = Sheet([case], ["planner", "peer"], [*ours, peer], {}).text()
    assert f"| planner | 3 | {seconds:.2f} | {seconds:.2f} – 9.00 | {seconds:.3f} |" in text
    assert f"The target is {verdict}." in text
    assert "peer takes 2.00 × as long" in text

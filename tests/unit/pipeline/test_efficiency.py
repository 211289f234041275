"""The objective of efficiency, and the known example in docs/."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from planner import Cluster, Efficiency, Executor, Graph, InputError, plan, read_efficiency

ROOT = Path(__file__).resolve().parents[3]


def test_its_file_is_read(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "known-example.md").read_text(encoding="utf-8")
    [text] = re.findall(r"^```toml[^\n]*\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    path = tmp_path / "efficiency.toml"
    path.write_text(text, encoding="utf-8")
    read = read_efficiency(path)
    assert read.pairs["t2", "c4"] == 1.8
    assert (read.default, read.capacity) == (1.8, {"c1": 1.0})


@pytest.mark.parametrize("seed", range(5))
def test_exact_is_what_trying_everything_finds_and_greedy_is_below(seed: int) -> None:
    draw = np.random.default_rng(seed)
    values = draw.integers(0, 9, (4, 5))
    pairs = {(f"t{i}", f"c{j}"): float(values[i, j]) for i in range(4) for j in range(5)}
    capacity = {"c0": 2.0, "c3": 0.5}
    units = Cluster(tuple(Executor(f"c{j}") for j in range(5)))
    graph = Graph.from_arrays([f"t{i}" for i in range(4)], work=[1] * 4)
    weighed = values / np.array([capacity.get(f"c{j}", 1.0) for j in range(5)])
    best = max(sum(weighed[i, j] for i, j in enumerate(p)) for p in itertools.permutations(range(5), 4))
    efficiency = Efficiency(pairs, capacity=capacity)
    found = plan(graph, units, objective="efficiency", efficiency=efficiency)
    assert (found.value, found.gap, found.status) == (pytest.approx(best), 0.0, "optimal")
    greedy = plan(graph, units, objective="efficiency", efficiency=efficiency, method="greedy")
    assert greedy.value <= best <= greedy.value * (1 + greedy.gap) + 1e-9


def test_more_tasks_than_units_are_shared_out() -> None:
    graph = Graph.from_arrays(work=[1] * 5, kind=["a", "a", "b", "b", "b"])
    units = Cluster((Executor("x", kind="cpu"), Executor("y", kind="gpu")))
    efficiency = Efficiency({("a", "cpu"): 1, ("a", "gpu"): 5, ("b", "gpu"): 4, ("4", "x"): 9})
    found = plan(graph, units, objective="efficiency", efficiency=efficiency)
    counts = found.to_pandas()["executor"].value_counts().to_dict()
    assert counts == {"y": 3, "x": 2}
    assert found.value == 5 + 5 + 4 + 0 + 9


UNITS = Cluster((Executor("x", memory_bytes=9), Executor("y", slots=2, memory_bytes=5)))


def test_a_mapping_and_an_array_say_the_same_as_names() -> None:
    graph = Graph.from_arrays(["a", "b", "c"], work=[1] * 3)
    named = {("a", "x"): 3.0, ("b", "y"): 2.0, ("c", "x"): 1.0}
    array = [[3, 0], [0, 2], [1, 0]]
    plans = [
        plan(graph, UNITS, objective="efficiency", efficiency=given)
        for given in (Efficiency(named), named, array, np.array(array))
    ]
    assert [found.value for found in plans] == [5.0] * 4
    assert [found.to_pandas()["executor"].tolist() for found in plans] == [["x", "y", "y"]] * 4


def test_an_array_that_does_not_fit_is_told_where() -> None:
    graph = Graph.from_arrays(work=[1] * 2)
    with pytest.raises(InputError, match=r"efficiency: has shape \(2, 1\); expected \(2, 2\): a row a task"):
        plan(graph, UNITS, objective="efficiency", efficiency=[[1], [2]])
    with pytest.raises(InputError) as raised:
        plan(graph, UNITS, objective="efficiency", efficiency=[[1, float("nan")], [-1, 2]])
    assert [fault.path for fault in raised.value.faults] == ["efficiency[0, 1]", "efficiency[1, 0]"]


@pytest.mark.parametrize("method", ["auto", "greedy"])
def test_memory_goes_before_efficiency(method: str) -> None:
    graph = Graph.from_arrays(["small", "large"], work=[1] * 2, memory=[5, 9])
    wish = {("small", "x"): 9.0, ("large", "y"): 9.0, ("small", "y"): 1.0, ("large", "x"): 1.0}
    found = plan(graph, UNITS, method=method, objective="efficiency", efficiency=wish)
    assert found.to_pandas()["executor"].tolist() == ["y", "x"]
    assert found.value == 2.0


@pytest.mark.parametrize("method", ["auto", "greedy"])
def test_where_few_slots_hold_many_tasks_their_share_grows(method: str) -> None:
    graph = Graph.from_arrays(work=[1] * 4, memory=[9, 9, 9, 1])
    found = plan(graph, UNITS, method=method, objective="efficiency", efficiency={("task", "y"): 1.0})
    assert found.to_pandas()["executor"].tolist() == ["x", "x", "x", "y"]
    assert "each slot takes at most 3 of the 4 tasks" in found.notes[-1]


@pytest.mark.parametrize("method", ["auto", "greedy"])
def test_tasks_that_may_go_anywhere_count_with_those_that_may_not(method: str) -> None:
    pair = Cluster((Executor("x", memory_bytes=9), Executor("y", memory_bytes=5)))
    graph = Graph.from_arrays(work=[1] * 3, memory=[5, 5, 9])
    found = plan(graph, pair, method=method, objective="efficiency", efficiency={("task", "x"): 1.0})
    assert found.value == 2.0


def test_a_method_that_knows_nothing_of_efficiency_is_refused() -> None:
    with pytest.raises(InputError, match="'heft' does not know the objective efficiency; expected auto or greedy"):
        plan(Graph.from_arrays(work=[1]), UNITS, method="heft", objective="efficiency", efficiency={})
    with pytest.raises(InputError, match="goes with objective='efficiency'"):
        plan(Graph.from_arrays(work=[1]), UNITS, efficiency={})


def test_what_is_too_large_to_solve_exactly_is_done_greedily_and_said() -> None:
    graph = Graph.from_arrays(work=[1] * 2100)
    found = plan(graph, Cluster.uniform(10), objective="efficiency", efficiency={("task", "0"): 1.0})
    assert found.method == "greedy" and found.value == 210.0
    assert found.status == "feasible" and found.best_value == 2100.0


def test_no_tasks_have_no_efficiency() -> None:
    found = plan(Graph.from_arrays(work=[]), UNITS, objective="efficiency", efficiency={})
    assert (found.value, found.gap, found.makespan) == (0.0, 0.0, 0.0)


def test_an_explanation_speaks_of_efficiency() -> None:
    graph = Graph.from_arrays(["a", "b"], work=[1, 1], source=[0], target=[1])
    found = plan(graph, UNITS, objective="efficiency", efficiency={("a", "x"): 2.0})
    assert "The assignment's value is 2, the greatest there is. It takes 2 s" in found.explain()
    assert "would help" not in found.explain()
    assert "efficiency 2, at most 2, optimal" in repr(found)


def test_names_and_numbers_that_are_wrong_are_told_together(tmp_path: Path) -> None:
    wrong = Efficiency({("t9", "c1"): 1.0, ("t1", "c9"): -1.0}, float("inf"), {"c1": 0.0, "c7": 1.0})
    with pytest.raises(InputError) as raised:
        wrong.matrix(Graph.from_arrays(["t1"], work=[1]), Cluster((Executor("c1"),)))
    assert [fault.path for fault in raised.value.faults] == [
        "default",
        "efficiency.t9.c1",
        "efficiency.t1.c9",
        "efficiency.t1.c9",
        "capacity.c1",
        "capacity.c7",
    ]
    path = tmp_path / "bad.toml"
    path.write_text('deflt = 1\ndefault = "x"\nefficiency = 3\n[capacity]\nc1 = true\n', encoding="utf-8")
    with pytest.raises(InputError) as raised:
        read_efficiency(path)
    assert len(raised.value.faults) == 4
    with pytest.raises(InputError, match="cannot be read"):
        read_efficiency(tmp_path / "absent.toml")

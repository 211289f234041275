"""What people ask of a plan: explain, compare, simulate, curve."""

from __future__ import annotations

import pytest

from planner import Cluster, Executor, Graph, InputError, Network, compare, curve, plan, simulate

FORK = Graph.from_arrays(
    ["start", "long", "short", "end"], work=[1, 8, 2, 1], source=[0, 0, 1, 2], target=[1, 2, 3, 3], output=[10**6] * 4
)


def test_explain_says_what_is_critical_what_binds_and_what_would_help() -> None:
    text = plan(FORK, Cluster.uniform(2)).explain()
    assert "start -> long -> end" in text
    assert "the critical path takes 10 s" in text
    assert "It is optimal" in text
    assert "one more executor: 10 s (no gain)" in text
    assert "splitting the heaviest task (long, 8 s) in two" in text
    assert "8 s (20.0% less)" in text


def test_explain_counts_what_is_on_its_way() -> None:
    slow = Cluster((Executor("a"), Executor("b", speed=100.0)), Network(0, 1e6))
    text = plan(Graph.from_arrays(work=[0.1, 50], source=[0], target=[1], output=[10**6, 0]), slow).explain()
    assert "a network that costs nothing" in text


@pytest.mark.parametrize(
    "graph", [Graph.from_arrays(work=[]), Graph.from_arrays(work=[0]), Graph.from_arrays(work=[3])]
)
def test_small_plans_explain_and_show_themselves(graph: Graph) -> None:
    found = plan(graph, Cluster.uniform(2))
    assert found.explain()
    assert "<svg" in found._repr_html_() or graph.n == 0
    assert str(found)


def test_compare_puts_the_best_first() -> None:
    table = compare(FORK, Cluster.uniform(2), budget=0.2)
    frame = table.to_pandas()
    assert frame["makespan"].is_monotonic_increasing
    assert {"auto", "heft", "cpop", "priority", "greedy", "least_loaded", "round_robin", "random"} <= set(
        frame["method"]
    )
    assert table.best.makespan == 10.0
    assert "auto" in str(table)
    assert "<table" in table._repr_html_()


def test_simulate_slows_what_it_is_told_to() -> None:
    found = plan(FORK, Cluster.uniform(2))
    assert simulate(found).makespan == found.makespan
    executor = found.to_pandas().set_index("id").loc["long", "executor"]
    slow = simulate(found, slow={executor: 2.0})
    assert slow.makespan >= found.makespan + 8
    assert simulate(found, noise=0.3, seed=1).makespan == simulate(found, noise=0.3, seed=1).makespan
    assert simulate(found, noise=0.3, seed=1).makespan != simulate(found, noise=0.3, seed=2).makespan
    assert "4 × slower" in str(simulate(found, slow={"0": 4.0}))
    with pytest.raises(InputError, match="did you mean"):
        simulate(found, slow={"00": 2.0, "1": -1.0}, noise=-1)


def test_a_curve_goes_down_and_knows_its_knee() -> None:
    independent = Graph.from_arrays(work=[1.0] * 32)
    line = curve(independent, range(1, 33))
    frame = line.to_pandas()
    assert frame["makespan"].tolist() == [float(-(-32 // n)) for n in range(1, 33)]
    assert line.knee is not None and 2 <= line.knee <= 12
    assert "<svg" in line._repr_html_()
    with pytest.raises(InputError, match="1 or more"):
        curve(independent, [])

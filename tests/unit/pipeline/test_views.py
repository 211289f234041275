"""What people ask of a plan: explain, compare, simulate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from IPython.lib.pretty import pretty

from planner import Cluster, Executor, Graph, InputError, Network, compare, plan, read_plan, simulate
from planner.errors import InvalidPlanError

FORK = Graph.from_arrays(
    ["start", "long", "short", "end"], work=[1, 8, 2, 1], source=[0, 0, 1, 2], target=[1, 2, 3, 3], output=[10**6] * 4
)


@pytest.mark.parametrize(
    "graph", [Graph.from_arrays(work=[]), Graph.from_arrays(work=[0]), Graph.from_arrays(work=[3])]
)
def test_small_plans_explain_and_show_themselves(graph: Graph) -> None:
    found = plan(graph, Cluster.uniform(2))
    assert found.explain()
    assert "<svg" in found._repr_html_() or graph.n == 0
    assert str(found)


def test_a_cell_that_ends_in_an_explanation_shows_its_lines() -> None:
    told = plan(FORK, Cluster.uniform(2)).explain()
    assert pretty(told) == told and "\n" in told and json.loads(json.dumps(told)) == told


def test_compare_puts_the_best_first() -> None:
    table = compare(FORK, Cluster.uniform(2), budget=0.2)
    frame = table.to_pandas()
    assert frame["makespan"].is_monotonic_increasing
    assert {"auto", "heft", "cpop", "priority", "mct", "least_loaded", "round_robin", "random"} <= set(frame["method"])
    assert table.best.makespan == 10.0
    assert "auto" in str(table)
    assert "<table" in table._repr_html_()


def test_what_one_method_has_proved_holds_for_all() -> None:
    graph = Graph.from_arrays(work=[3, 2, 3, 2, 2], source=[1, 0, 0, 1], target=[2, 3, 4, 4])
    alone = plan(graph, Cluster.uniform(2), method="round_robin")
    table = compare(graph, Cluster.uniform(2), methods=["round_robin", "exact"])
    assert table.bound.us > alone.bound.us, "this graph shows nothing"
    assert [found.lower_bound for found in table.plans] == table.to_pandas()["lower_bound"].tolist() == [7.0, 7.0]
    assert [found.status for found in table.plans] == ["optimal", "optimal"]
    assert str(table).splitlines()[-1].startswith("lower bound 7 s: a constraint solver has proved")


def test_plans_that_spill_stand_behind_those_that_do_not(tmp_path: Path) -> None:
    graph = Graph.from_arrays(work=[1] * 4, source=[0, 1, 2], target=[3, 3, 3], output=[4, 4, 4, 0])
    cluster = Cluster((Executor("a", memory_bytes=5), Executor("b", memory_bytes=50)), Network(0, 1.0))
    table = compare(graph, cluster, methods=["fastest_executor", "heft"])
    frame = table.to_pandas()
    assert frame["method"].tolist() == ["heft", "fastest_executor"] and frame["spilled"].tolist() == [0, 3]
    assert [found.makespan for found in table.plans] == [6.0, 4.0], "shorter, but it takes more memory than there is"
    assert "3 B" in str(table)
    page = table.report(tmp_path / "compare.html").read_text(encoding="utf-8")
    assert page.count('<tr class="best">') == 1 and page.count("3 B spilled to disk") == 2
    assert "Longest makespan" not in page and "−33.3 %" in page
    assert "spilled" not in compare(FORK, Cluster.uniform(2), methods=["heft"]).to_pandas()


def test_a_comparison_writes_a_page_that_says_what_each_method_does(tmp_path: Path) -> None:
    path = compare(FORK, Cluster.uniform(2), methods=["heft", "greedy"]).report(tmp_path / "compare.html")
    page = path.read_text(encoding="utf-8")
    assert page.count("<figure") == 2 and "doi:10.1109/71.993206" in page


def test_a_comparison_of_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="methods: names none"):
        compare(FORK, Cluster.uniform(1), methods=[])


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


def test_a_simulation_shows_predicted_beside_simulated_for_each_executor() -> None:
    found = plan(Graph.from_arrays(["a", "b"], work=[2, 3]), Cluster.uniform(2))
    slow = simulate(found, slow={found.to_pandas()["executor"][0]: 2.0})
    frame = slow.executors().set_index("executor").loc[found.to_pandas()["executor"]]
    assert frame["tasks"].tolist() == [1, 1]
    assert frame["planned_busy"].tolist() == frame["planned_end"].tolist() == [2.0, 3.0]
    assert frame["simulated_busy"].tolist() == frame["simulated_end"].tolist() == [4.0, 3.0]
    tasks = slow.to_pandas()
    assert (tasks["finish"].tolist(), tasks["simulated_finish"].tolist()) == ([2.0, 3.0], [4.0, 3.0])
    assert (slow.plan.makespan, slow.makespan, slow.stretch) == (3.0, 4.0, 4 / 3)
    assert "planned 3 s, simulated 4 s (1.333 × the plan)" in repr(slow)
    assert "<svg" in slow._repr_html_()


def test_a_plan_that_was_broken_by_hand_is_not_simulated(tmp_path: Path) -> None:
    path = plan(FORK, Cluster.uniform(2)).save(tmp_path / "plan.json")
    document = json.loads(path.read_text())
    for task in document["tasks"]:
        if task["id"] == "end":
            task["start"], task["finish"] = 0.0, 1.0
    path.write_text(json.dumps(document))
    with pytest.raises(InvalidPlanError, match=r"tasks\['end'\]: starts at 0 us; its input from tasks\['long'\]"):
        simulate(read_plan(path))


def test_a_comparison_shows_itself_in_one_line() -> None:
    table = compare(FORK, Cluster.uniform(1), methods=["heft", "greedy", "heft"])
    assert repr(table) == "Comparison(heft 12 s, greedy 12 s)"

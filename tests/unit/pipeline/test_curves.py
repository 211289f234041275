"""Curves: a graph planned anew on ever more executors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from planner import (
    Cluster,
    Executor,
    Graph,
    GraphBuilder,
    InfeasibleError,
    InputError,
    Link,
    Network,
    Pin,
    Replicas,
    curve,
    plan,
)
from planner.pipeline import curves
from planner.validate import validate

FORK = Graph.from_arrays(work=[1, 8, 2, 1], source=[0, 0, 1, 2], target=[1, 2, 3, 3], output=[10**6] * 4)


def test_more_executors_never_make_a_curve_rise() -> None:
    """A list scheduler may do worse on more slots (Graham's anomalies); its plan for fewer of them stays."""
    draw = np.random.default_rng(5)
    edges = [(a, b) for b in range(30) for a in range(b) if draw.random() < 0.1]
    graph = Graph.from_arrays(work=draw.integers(1, 9, 30), source=[a for a, _ in edges], target=[b for _, b in edges])
    counts = range(1, 12)
    alone = [plan(graph, Cluster.uniform(n), method="random").makespan_us for n in counts]
    assert (np.diff(alone) > 0).any(), "this graph shows nothing"
    line = curve(graph, counts, method="random")
    assert (np.diff(line.makespan_us) <= 0).all()
    assert line.makespan_us == tuple(np.minimum.accumulate(alone).tolist())
    frame = line.to_pandas()
    assert frame["cost"].tolist() == (frame["makespan"] * frame["executors"]).tolist()
    assert frame["speedup"].tolist() == (frame["makespan"][0] / frame["makespan"]).tolist()
    assert (frame["lower_bound"] <= frame["makespan"]).all()


def test_every_point_of_a_curve_is_a_plan_that_can_be_asked_and_run() -> None:
    draw = np.random.default_rng(5)
    edges = [(a, b) for b in range(30) for a in range(b) if draw.random() < 0.1]
    graph = Graph.from_arrays(work=draw.integers(1, 9, 30), source=[a for a, _ in edges], target=[b for _, b in edges])
    line = curve(graph, range(1, 12), method="random", network=Network(1000, 1e6))
    assert len(line.plans) == len(line.executors) and line.at(4) is line.plans[3]
    for count, makespan, bound, found in zip(line.executors, line.makespan_us, line.bound_us, line.plans, strict=True):
        assert (len(found.cluster.executors), found.makespan_us, found.bound.us) == (count, makespan, bound)
        validate(found.graph, found.cluster, found.schedule)
    assert "What limits it" in line.at(11).explain()
    assert repr(line).startswith("Curve(1 executor ") and "…" in repr(line)
    with pytest.raises(InputError, match="executors: 12 is no point of this curve; expected one of 1 to 11"):
        line.at(12)


def test_a_large_curve_keeps_no_plans_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "_MOST_KEPT", 7)
    line = curve(FORK, [1, 2])
    assert line.plans == () and "<script" not in line._repr_html_()
    with pytest.raises(InputError, match="are not kept; expected plan"):
        line.at(2)


def test_standby_replicas_are_chosen_for_every_point_of_a_large_graph() -> None:
    graph = Graph.from_arrays(work=[1.0] * 8000, replicas={0: Replicas(2)}, source=[0], target=[1])
    line = curve(graph, [16, 64])
    assert "better of" in line.about and all(list(found.backups) == [0] for found in line.plans)


def test_a_curve_knows_the_network_and_the_slots() -> None:
    slow = curve(FORK, [1, 2], network=Network(3_600_000_000))
    assert slow.to_pandas()["makespan"].tolist() == [12.0, 12.0]
    assert curve(FORK, [1, 2], slots=2).to_pandas()["makespan"].tolist() == [10.0, 10.0]


def test_a_curve_goes_down_and_knows_its_knee() -> None:
    independent = Graph.from_arrays(work=[1.0] * 32)
    line = curve(independent, range(1, 33))
    frame = line.to_pandas()
    assert frame["makespan"].tolist() == [float(-(-32 // n)) for n in range(1, 33)]
    assert line.knee is not None and 2 <= line.knee <= 12
    assert "<svg" in line._repr_html_()
    with pytest.raises(InputError, match="1 or more"):
        curve(independent, [])


def test_a_curve_knows_the_memory_of_each_executor() -> None:
    graph = Graph.from_arrays(work=[1] * 4, memory=[5] * 4)
    assert curve(graph, [1, 2], slots=2).to_pandas()["makespan"].tolist() == [2.0, 1.0]
    tight = curve(graph, [1, 2], slots=2, memory_bytes=9)
    assert tight.to_pandas()["makespan"].tolist() == [4.0, 2.0]
    assert "4 tasks on ever more executors, each of 2 slots and 9 B" in tight.about


def test_a_curve_takes_the_executors_of_a_cluster_and_then_others_like_them() -> None:
    pair = (Executor("fast", host="h", speed=4.0), Executor("2", host="k", slots=2))
    cluster = Cluster(pair, Network(0, 1.0, (Link(("h", "k"), 7, 2.0),)), overhead_us=5)
    assert curves._of(cluster, 1) == Cluster(pair[:1], Network(0, 1.0), overhead_us=5)
    assert curves._of(cluster, 2) == cluster
    four = curves._of(cluster, 4)
    assert four.executors[:2] == pair and four.network == cluster.network
    assert [(e.host, e.speed, e.slots) for e in four.executors[2:]] == [("h", 4.0, 1), ("k", 1.0, 2)]
    graph = Graph.from_arrays(work=[4] * 6)
    line = curve(graph, [1, 2, 3], cluster=Cluster(pair))
    alone = [plan(graph, curves._of(Cluster(pair), n)).makespan_us for n in (1, 2, 3)]
    assert list(line.makespan_us) == alone == [6_000_000, 4_000_000, 3_000_000]
    assert "like the 2 of the cluster, in turn" in line.about
    with pytest.raises(InputError, match="cluster: stands beside slots"):
        curve(graph, [1], cluster=cluster, slots=2)


@pytest.mark.parametrize(
    "asked",
    [
        {"apart": {0: "r", 1: "r", 2: "r"}},
        {"replicas": {0: Replicas(3)}},
        {"replicas": {0: Replicas(3, "active"), 1: Replicas(2)}},
    ],
)
def test_numbers_that_cannot_hold_the_tasks_are_left_out_and_told(asked: dict[str, Any]) -> None:
    line = curve(Graph.from_arrays(work=[1] * 3, **asked), range(1, 6))
    assert (line.executors, line.too_few) == ((3, 4, 5), (1, 2))
    assert "2 executors or fewer cannot hold the tasks" in str(line)
    with pytest.raises(InfeasibleError, match="pin"):
        curve(Graph.from_arrays(work=[1], pins={0: Pin(kind="gpu")}), range(1, 6))


def test_where_fewer_executors_meet_the_bound_nothing_is_planned_again(monkeypatch: pytest.MonkeyPatch) -> None:
    planned = []
    monkeypatch.setattr(
        curves, "plan", lambda graph, cluster, **how: planned.append(cluster) or plan(graph, cluster, **how)
    )
    chain = Graph.from_arrays(work=[2, 2], source=[0], target=[1])
    line = curve(chain, range(1, 30))
    assert len(planned) == 1 and set(line.makespan_us) == set(line.bound_us) == {4_000_000}


def test_what_is_cut_into_shards_is_cut_for_each_number_of_executors() -> None:
    builder = GraphBuilder()
    builder.map("operator:add", list(range(64)), work=64)
    line = curve(builder.build(), [1, 2, 4, 8])
    assert line.to_pandas()["makespan"].tolist() == [64.0, 32.0, 16.0, 8.0]
    assert all(bound <= makespan for bound, makespan in zip(line.bound_us, line.makespan_us, strict=True))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({}, "auto with 2000 schedules"),
        ({"iterations": 7}, "auto with 7 schedules"),
        ({"budget": 0.01}, "auto within 0.01 s"),
        ({"method": "heft"}, "heft"),
    ],
)
def test_a_curve_says_how_it_was_planned(how: dict[str, object], words: str) -> None:
    line = curve(Graph.from_arrays(work=[3, 2, 2, 1]), [1, 2], **how)
    assert line.about == f"4 tasks on ever more executors, each of 1 slot; planned by {words}"
    assert line.to_pandas()["makespan"].tolist() == [8.0, 4.0]


def test_a_large_graph_is_planned_by_list_methods() -> None:
    draw = np.random.default_rng(0)
    graph = Graph.from_arrays(work=draw.lognormal(0, 1, 8000), source=np.arange(7000), target=np.arange(1000, 8000))
    line = curve(graph, [16, 64])
    assert line.about.endswith("planned by the better of critical_path and heft")
    quick = [
        min(plan(graph, Cluster.uniform(n), method=method).makespan_us for method in ("critical_path", "heft"))
        for n in (16, 64)
    ]
    assert list(line.makespan_us) == quick


def test_a_curve_is_written_as_its_name_says(tmp_path: Path) -> None:
    line = curve(Graph.from_arrays(work=[1.0] * 32), range(1, 17))
    page = line.report(tmp_path / "curve.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") and line.about in page and f"knee: {line.knee} executors" in page
    assert line.report(tmp_path / "curve.SVG").read_text(encoding="utf-8").startswith("<svg xmlns=")
    with pytest.raises(InputError, match=r"ends in \.png; expected \.html or \.svg"):
        line.report(tmp_path / "curve.png")

"""Decomposition: what shards look like, what is said about them, and what is refused."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluator import evaluate

from planner.errors import InputError
from planner.model import Call, Cluster, Graph, GraphBuilder, Over, Pin, Ref, Refs
from planner.partitioners import contiguous_cuts, decompose
from planner.partitioners.sharding import choose_sharding

SKEWED = [1.0] * 30 + [60.0] + [1.0] * 30


def _total(numbers: list[int]) -> int:
    return sum(numbers)


def test_a_graph_without_data_parallel_tasks_is_left_alone() -> None:
    builder = GraphBuilder()
    builder.add(int, "3")
    graph = builder.build()
    assert decompose(graph, Cluster.uniform(2)).graph is graph


def test_the_note_names_shards_alternatives_and_the_heaviest_item() -> None:
    builder = GraphBuilder()
    builder.map(_total, list(range(61)), weights=SKEWED, id="fit", work=120)
    small = decompose(builder.build(), Cluster.uniform(4))
    assert small.notes == (
        "fit: 16 shards of 61 items by weight: longest 60 s, all 60 s on 4 slots (predicted)",
        "fit: cut by count: longest 63 s, all 63 s; one a slot 74 s; uncut 2 min (predicted)",
        "fit: no cut goes below 60 s, the time of item 30 (30) alone",
    )
    heavy = small.graph.work_us.max()
    assert heavy == 60_000_000, "the heavy item is isolated"


def test_shards_follow_the_measured_weight_not_the_count() -> None:
    weights = np.array([10] * 10 + [1] * 100)
    sharding = choose_sharding(weights, 200_000_000, np.ones(4), 4_000)
    assert sharding.n == 16
    assert sharding.longest_us < 0.5 * sharding.equal_longest_us
    assert sharding.time_us < 0.9 * sharding.equal_time_us < 0.6 * sharding.per_slot_us
    assert sharding.one_us == 200_004_000


def test_one_task_where_many_would_cost_more() -> None:
    builder = GraphBuilder()
    builder.map(_total, list(range(61)), id="tiny", work="3ms")
    builder.map(_total, list(range(61)), id="long", work=3)
    small = decompose(builder.build(), Cluster.uniform(8))
    assert small.shards["tiny"] == ("tiny[0]",)
    assert len(small.shards["long"]) == 32
    assert small.notes[0] == "tiny: 1 shard of 61 items: one task is cheaper than many; predicted 7 ms"


def test_no_shard_costs_less_than_its_overhead() -> None:
    for work_us in (10_000, 50_000, 200_000, 1_000_000, 50_000_000):
        sharding = choose_sharding(np.ones(1000, dtype=np.int64), work_us, np.ones(8), 4_000)
        assert sharding.n == 1 or work_us / sharding.n >= 4_000
        assert sharding.time_us <= 1.05 * sharding.one_us


def test_an_overhead_of_the_cluster_means_fewer_shards() -> None:
    builder = GraphBuilder()
    builder.map(_total, list(range(61)), id="fit", work=2)
    dear = Cluster(Cluster.uniform(4).executors, overhead_us=400_000)
    assert len(decompose(builder.build(), dear).shards["fit"]) == 4
    assert len(decompose(builder.build(), Cluster.uniform(4)).shards["fit"]) == 16


def test_equal_count_cuts_are_what_the_note_compares_with() -> None:
    weights = np.array([8, 1, 1, 1, 1, 1, 1, 2])
    sharding = choose_sharding(weights, 16_000_000, np.ones(2), 0)
    groups = np.add.reduceat(weights, np.arange(sharding.n) * len(weights) // sharding.n)
    assert sharding.equal_longest_us == groups.max() * 1_000_000


def test_references_follow_their_shards() -> None:
    builder = GraphBuilder()
    plain = builder.add(int, "7", id="plain")
    mapped = builder.map(_total, list(range(8)), plain, id="mapped", work=8)
    each = builder.map(_total, mapped, mapped, id="each", params={"base": plain}, work=8)
    tree = builder.reduce(_total, each, fan_in=2, id="tree")
    builder.add(_total, tree, id="last", after=[mapped])
    graph = decompose(builder.build(), Cluster.uniform(1)).graph
    at = graph.index
    shards = tuple(at[f"mapped[{k}]"] for k in range(4))
    assert graph.calls[shards[1]].args == ([2, 3], Ref(at["plain"]))
    second = graph.calls[at["each[1]"]]
    assert second.args == (Ref(shards[1]), Refs(shards)) and second.kwargs == {"base": Ref(at["plain"])}
    assert graph.predecessors(at["each[1]"]).tolist() == [at["plain"], *shards]
    assert graph.calls[at["tree[0.1]"]].args == (Refs((at["each[2]"], at["each[3]"])),)
    assert graph.calls[at["tree"]].args == (Refs((at["tree[0.0]"], at["tree[0.1]"])),)
    assert graph.calls[at["last"]].args == (Ref(at["tree"]),)
    assert graph.predecessors(at["last"]).tolist() == sorted([*shards, at["tree"]])


def test_bytes_of_edges_are_split_by_weight() -> None:
    builder = GraphBuilder()
    mapped = builder.map(_total, list(range(4)), weights=[1, 1, 1, 5], id="mapped", work=8, output=800)
    builder.reduce(_total, mapped, fan_in=2, id="tree", output=10)
    graph = decompose(builder.build(), Cluster.uniform(1)).graph
    assert graph.output_bytes.tolist() == [100, 100, 100, 500, 10, 10, 10]
    assert graph.edge_bytes.tolist() == [100, 100, 100, 500, 10, 10]


def test_a_pattern_gives_sorted_absolute_paths_weighted_by_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, size in (("b.txt", 10), ("a.txt", 1000), ("c.txt", 10)):
        (tmp_path / name).write_bytes(b"x" * size)
    (tmp_path / "folder.txt").mkdir()
    monkeypatch.chdir(tmp_path)
    builder = GraphBuilder()
    builder.map(_total, "*.txt", id="read", work=10.2)
    small = decompose(builder.build(), Cluster.uniform(2))
    shards = [small.graph.calls[i].args[0] for i in range(small.graph.n)]
    assert [path for shard in shards for path in shard] == [
        str(tmp_path / name) for name in ("a.txt", "b.txt", "c.txt")
    ]
    assert small.graph.work_us[0] == 10_000_000


def test_every_fault_is_reported_with_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("x")
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(secret))
    builder = GraphBuilder()
    builder.map(_total, str(tmp_path / "*.nothing"), id="none")
    builder.map(_total, "s3://bucket/*.parquet", id="remote")
    builder.map(_total, str(tmp_path / "*.txt"), id="unreadable")
    with pytest.raises(InputError) as caught:
        decompose(builder.build(), Cluster.uniform(2))
    paths = [fault.path for fault in caught.value.faults]
    assert paths == [f"tasks['{name}'].over.files" for name in ("none", "remote", "unreadable")]
    assert "matches no file" in caught.value.faults[0].problem
    assert "secret.txt cannot be read" in caught.value.faults[2].problem


def test_nothing_to_map_over_gives_one_empty_shard() -> None:
    builder = GraphBuilder()
    mapped = builder.map(_total, [], id="mapped")
    builder.reduce(_total, mapped, id="tree")
    values = evaluate(decompose(builder.build(), Cluster.uniform(3)).graph)
    assert values == {"mapped[0]": 0, "tree": 0}


def test_a_trace_is_decomposed_without_calls() -> None:
    builder = GraphBuilder()
    mapped = builder.map(_total, list(range(9)), id="mapped", work=9)
    builder.reduce(_total, mapped, id="tree")
    graph = builder.build()
    small = decompose(replace(graph, calls=()), Cluster.uniform(2)).graph
    assert small.calls == () and small.n_edges == 8 + 2


def test_too_many_shards_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="2 items cannot be cut into 3 shards"):
        contiguous_cuts(np.array([1, 2]), 3)


def test_a_hundred_thousand_items_take_no_time() -> None:
    rng = np.random.default_rng(0)
    weights = rng.zipf(1.6, 100_000).clip(max=10**9)
    sharding = choose_sharding(weights, 10**9, np.ones(64), 4_000)
    assert int(sharding.weights.sum()) == int(weights.sum())
    assert sharding.longest_us <= sharding.heaviest_us + 10**9 / sharding.n


def test_shards_inherit_pins_and_groups() -> None:
    graph = Graph.from_arrays(
        ["all", "after"], work=[100, 1], source=[0], target=[1], calls=[Call("a:b"), Call("a:c", (Ref(0),))],
        over={0: Over(items=tuple(range(50)))}, pins={0: Pin(kind="gpu")}, apart={1: "alone"},
    )  # fmt: skip
    small = decompose(graph, Cluster.uniform(2, slots=2))
    shards = len(small.shards["all"])
    assert shards > 1
    assert small.graph.pins == {task: Pin(kind="gpu") for task in range(shards)}
    assert small.graph.apart == {shards: "alone"}

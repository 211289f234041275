"""Decomposition: what shards look like, what is said about them, and what is refused."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluator import evaluate

from planner.errors import InfeasibleError, InputError
from planner.model import Cluster, Executor, GraphBuilder, Pin, Ref, Refs
from planner.partitioners import contiguous_cuts, decompose
from planner.partitioners.family import Places
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


def _uneven() -> Cluster:
    fast = Executor("fast", kind="gpu", slots=2, speeds={"embed": 4.0})
    return Cluster((fast, *(Executor(f"slow-{i}", speeds={"load": 0.5}) for i in range(6))))


def test_shards_and_the_tasks_of_a_tree_carry_pins_and_groups() -> None:
    builder = GraphBuilder()
    mapped = builder.map(_total, list(range(50)), id="mapped", work=100, pin={"kind": "gpu"})
    each = builder.map(_total, mapped, id="each", work=100, apart="copies", pin=Pin(kind="cpu"))
    builder.reduce(_total, each, id="tree", fan_in=2, pin="fast")
    builder.add(_total, id="last", apart="copies", pin="slow-0")
    graph = decompose(builder.build(), _uneven()).graph
    pins = {name: graph.pins[task] for name, task in graph.index.items()}
    of = {"mapped": Pin(kind="gpu"), "each": Pin(kind="cpu"), "tree": Pin("fast"), "last": Pin("slow-0")}
    assert pins == {name: of[name.partition("[")[0]] for name in graph.names}
    assert len(pins) == 4 + 4 + 3 + 1
    copies = [name for name in graph.names if name.startswith("each")]
    assert {graph.names[task]: group for task, group in graph.apart.items()} == dict.fromkeys(
        [*copies, "last"], "copies"
    )


def test_the_speeds_for_all_kinds_of_a_family_count() -> None:
    builder = GraphBuilder()
    mapped = builder.map(_total, list(range(50)), id="mapped", work=10, kind="load")
    builder.map(_total, mapped, id="each", work=30, kind="embed")
    graph = builder.build()
    speeds, most = Places(graph, _uneven()).usable([0, 1])
    np.testing.assert_allclose(speeds, [40 / (10 / 1 + 30 / 4)] * 2 + [40 / (10 / 0.5 + 30 / 1)] * 6)
    assert most is None
    assert "; uncut 17.5 s (predicted)" in decompose(graph, _uneven()).notes[1]


def test_only_slots_where_shards_may_run_are_counted() -> None:
    def shards(pin: Pin | None, memory: int = 0) -> tuple[int, str]:
        builder = GraphBuilder()
        builder.map(_total, list(range(100)), id="mapped", work=100, pin=pin, memory=memory)
        executors = (Executor("a", host="x", slots=2), *(Executor(f"{i}", memory_bytes=10) for i in range(6)))
        found = decompose(builder.build(), Cluster(executors))
        return len(found.shards["mapped"]), found.notes[0].partition(", all ")[2]

    assert shards(None) == (32, "13.02 s on 8 slots (predicted)")
    assert shards(Pin(host="x")) == shards(None, memory=11) == (8, "50.02 s on 2 slots (predicted)")
    with pytest.raises(InfeasibleError, match=r"^tasks\['mapped'\]\.pin: asks for host 'y'"):
        shards(Pin(host="y"))


def test_shards_that_stay_apart_are_no_more_than_their_executors() -> None:
    def notes(executors: int, *beside: str) -> tuple[str, ...]:
        builder = GraphBuilder()
        builder.map(_total, list(range(100)), id="mapped", work=100, apart="g")
        for name in beside:
            builder.add(_total, id=name, apart="g")
        return decompose(builder.build(), Cluster.uniform(executors, slots=4)).notes

    enough = "mapped: executors are enough for no more than {} shards, which share none"
    assert notes(5)[::2] == (
        "mapped: 5 shards of 100 items by weight: longest 20 s, all 20 s on 5 slots (predicted)",
        enough.format(5),
    )
    assert notes(5, "a", "b")[2] == enough.format(3)
    assert notes(2, "a") == ("mapped: 1 shard of 100 items: there is one executor for them; predicted 100 s",)
    with pytest.raises(InfeasibleError, match="3 tasks \\(mapped, a, b\\) may share no executor, and 2 find one"):
        notes(2, "a", "b")


def test_a_tree_that_stays_apart_has_no_more_tasks_than_there_are_executors() -> None:
    builder = GraphBuilder()
    mapped = builder.map(_total, list(range(100)), id="mapped", work=100)
    builder.reduce(_total, mapped, id="tree", fan_in=2, apart="g")
    assert len(decompose(builder.build(), Cluster.uniform(4)).graph.apart) == 3
    for executors in range(1, 12):  # five leaves make a tree of six tasks
        assert len(decompose(builder.build(), Cluster.uniform(executors)).graph.apart) <= executors

"""What must hold for every sequence of weights and every graph of data-parallel tasks."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from evaluator import evaluate
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import InfeasibleError
from planner.model import Cluster, Executor, GraphBuilder, Progress
from planner.packing import lpt
from planner.partitioners import contiguous_cuts, decompose
from planner.partitioners.contiguous import whole_weights
from planner.partitioners.tree import tree_levels
from planner.placement import placements

WEIGHTS = st.lists(st.integers(0, 50), min_size=1, max_size=9)
ANY_WEIGHT = st.floats(0, 1e300, allow_nan=False)


@given(WEIGHTS, st.data())
def test_contiguous_cuts_are_optimal(weights: list[int], data: st.DataObject) -> None:
    shards = data.draw(st.integers(1, len(weights)))
    cuts = contiguous_cuts(np.array(weights), shards).tolist()
    assert cuts[0] == 0 and cuts[-1] == len(weights)
    assert all(low < high for low, high in itertools.pairwise(cuts))
    best = min(
        max(sum(weights[low:high]) for low, high in itertools.pairwise((0, *inner, len(weights))))
        for inner in itertools.combinations(range(1, len(weights)), shards - 1)
    )
    assert max(sum(weights[low:high]) for low, high in itertools.pairwise(cuts)) == best


@given(st.lists(ANY_WEIGHT, min_size=1, max_size=40))
def test_whole_weights_keep_the_order_and_the_proportions(weights: list[float]) -> None:
    whole = whole_weights(weights)
    assert (whole >= 0).all() and 0 < int(whole.sum()) < 2**53
    largest = int(np.argmax(weights))
    assert whole[largest] == whole.max()
    if max(weights) > 0:
        np.testing.assert_allclose(whole / whole[largest], np.array(weights) / weights[largest], rtol=0, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=6), st.integers(1, 3))
def test_lpt_keeps_grahams_bound(weights: list[int], slots: int) -> None:
    slot, finish = lpt(weights, [1.0] * slots)
    assert np.allclose(np.bincount(slot, weights=weights, minlength=slots), finish)
    optimum = min(
        np.bincount(placed, weights=weights, minlength=slots).max()
        for placed in itertools.product(range(slots), repeat=len(weights))
    )
    assert finish.max() <= (4 / 3 - 1 / (3 * slots)) * optimum + 1e-9


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 30), max_size=20), st.lists(st.sampled_from([0.5, 1.0, 2.0]), min_size=1, max_size=4))
def test_lpt_puts_every_item_on_the_slot_that_finishes_it_first(weights: list[float], speeds: list[float]) -> None:
    slot, finish = lpt(weights, speeds)
    filled = np.zeros(len(speeds))
    for item in sorted(range(len(weights)), key=lambda item: (-weights[item], item)):
        then = filled + weights[item] / np.array(speeds)
        assert then[slot[item]] <= then.min() + 1e-9
        filled[slot[item]] = then[slot[item]]
    assert np.allclose(filled, finish)


@given(st.integers(1, 200), st.integers(2, 9))
def test_a_tree_merges_every_value_once_and_in_order(leaves: int, fan_in: int) -> None:
    values = [[leaf] for leaf in range(leaves)]
    for groups in tree_levels(leaves, fan_in):
        assert all(1 <= high - low <= fan_in for low, high in groups)
        values = [list(itertools.chain(*values[low:high])) for low, high in groups]
    assert values == [list(range(leaves))]


def _keep(shard: list[object], *_: object) -> list[object]:
    return list(shard)


def _join(parts: list[list[object]]) -> list[object]:
    return [item for part in parts for item in part]


@settings(max_examples=40)
@given(
    st.lists(st.floats(0, 1e6), min_size=0, max_size=60),
    st.lists(st.sampled_from([0.5, 1.0, 4.0]), min_size=1, max_size=5),
    st.sampled_from([0.0, 0.001, 1.0, 1000.0]),
    st.integers(2, 5),
)
def test_decomposing_keeps_items_order_and_work(
    weights: list[float], speeds: list[float], work: float, fan_in: int
) -> None:
    builder = GraphBuilder()
    items = list(range(len(weights)))
    mapped = builder.map(_keep, items, weights=weights, work=work, output=1000, id="mapped")
    after = builder.map(_keep, mapped, mapped, work=work / 2, id="after")
    tree = builder.reduce(_join, after, fan_in=fan_in, work=work / 3, id="tree")
    builder.add(_join, after, id="list", work=0.25)
    builder.add(_keep, tree, id="root")
    graph = builder.build()
    cluster = Cluster(tuple(Executor(str(i), speed=speed) for i, speed in enumerate(speeds)))
    small = decompose(graph, cluster)
    assert not small.graph.over
    assert small.graph.work_us.sum() == graph.work_us.sum()
    values = evaluate(small.graph)
    shards = [values[name] for name in small.shards["mapped"]]
    assert _join(shards) == items and (not items or all(shards))
    assert values["list"] == values["tree"] == values["root"] == items
    assert len(small.shards["after"]) == len(shards) <= max(4 * len(speeds), 1)
    outputs = [small.graph.output_bytes[small.graph.index[name]] for name in small.shards["mapped"]]
    assert sum(outputs) == 1000


PLACES = st.fixed_dictionaries(
    {},
    optional={
        "pin": st.sampled_from([{"host": "h0"}, {"host": "h1"}, "2"]),
        "apart": st.sampled_from(["x", "y"]),
        "memory": st.sampled_from([0, 5]),
    },
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 2), st.sampled_from([None, 4])), min_size=1, max_size=7),
    st.lists(st.tuples(st.sampled_from(["add", "map", "each", "reduce"]), PLACES), min_size=1, max_size=5),
    st.integers(2, 3),
)
def test_what_has_a_place_before_it_is_cut_has_one_afterwards(
    executors: list[tuple[int, int | None]], tasks: list[tuple[str, dict[str, Any]]], fan_in: int
) -> None:
    builder, parallel = GraphBuilder(), None
    for what, place in tasks:
        if what == "add":
            builder.add(_keep, **place)
        elif what == "map" or parallel is None:
            parallel = builder.map(_keep, range(30), work=60, **place)
        elif what == "each":
            parallel = builder.map(_keep, parallel, work=60, **place)
        else:
            builder.reduce(_join, parallel, fan_in=fan_in, **place)
    graph = builder.build()
    cluster = Cluster(
        tuple(
            Executor(str(i), host=f"h{i % 2}", slots=slots, memory_bytes=memory)
            for i, (slots, memory) in enumerate(executors)
        )
    )
    try:
        placements(graph, cluster, Progress.none(graph.n))
    except InfeasibleError:
        return
    small = decompose(graph, cluster).graph
    placements(small, cluster, Progress.none(small.n))
    assert not graph.over or graph.pins.keys() | graph.apart.keys() or small.n > graph.n

"""Stage plans of random small graphs: as good as the best of all splits, and valid; invalid ones are found out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_graphs import best_by_hand, layer_graphs

from planner.errors import InfeasibleError, InvalidPlanError
from planner.model import LayerGraph, StagePlan
from planner.model.compiled import interpreted
from planner.models.planning import plan_stages
from planner.staging.blocks import as_chain, blocks_of
from planner.staging.bounds import least_bottleneck
from planner.staging.devices import Devices
from planner.staging.ideal_dp import ideal_dp
from planner.staging.ideals import ideals_of, prefixes_of
from planner.staging.linear_dp import topological_orders
from planner.staging.many_ideals import promising_split, relaxed_bound
from planner.staging.reductions import coarsened, joined, settled
from planner.validate_stages import validate_stages

BANDWIDTH = 1e9  # a byte a nanosecond


@settings(deadline=None, max_examples=40)
@given(
    graph=layer_graphs(5),
    executors=st.integers(1, 3),
    hosts=st.integers(0, 1),
    memory=st.none() | st.integers(1, 30),
    replicate=st.booleans(),
    overlap=st.booleans(),
)
def test_no_split_is_better_and_the_plan_is_valid(
    graph: LayerGraph, executors: int, hosts: int, memory: int | None, replicate: bool, overlap: bool
) -> None:
    best = best_by_hand(graph, executors, hosts, memory, replicate=replicate, overlap=overlap, bandwidth=BANDWIDTH)
    try:
        plan = plan_stages(
            graph,
            executors=executors,
            hosts=hosts,
            memory=memory,
            bandwidth=BANDWIDTH,
            replicate=replicate,
            overlap=overlap,
        )
    except InfeasibleError:
        assert best is None
        return
    validate_stages(plan)
    if best is None:
        assert plan.method.endswith("folded")
        return
    assert plan.status == "optimal"
    assert plan.bottleneck_ns == pytest.approx(best, abs=1)


@settings(deadline=None, max_examples=20)
@given(graph=layer_graphs(8), executors=st.integers(1, 3), more=st.integers(1, 4))
def test_several_stages_on_an_executor_are_valid(graph: LayerGraph, executors: int, more: int) -> None:
    able = replace(graph, supported=np.ones(graph.n, dtype=bool))
    plan = plan_stages(able, executors=executors, stages=executors + more, bandwidth=BANDWIDTH)
    validate_stages(plan)
    assert plan.lower_bound_ns <= plan.bottleneck_ns


@settings(deadline=None, max_examples=20)
@given(graph=layer_graphs(10))
def test_bounds_and_joined_blocks_are_on_the_right_side(graph: LayerGraph) -> None:
    blocks, devices = settled(blocks_of(graph, BANDWIDTH)), Devices(2, 1, replicas=2)
    ideals = ideals_of(blocks, 10_000)
    assert ideals is not None
    exact, complete = ideal_dp(blocks, ideals, devices, at_most_ns=10**9, steps=10**7)
    assert complete and exact is not None
    assert least_bottleneck(blocks, devices)[0] <= exact.bottleneck_ns
    coarse, few = coarsened(blocks, max(2, ideals.n // 2))
    found, _ = ideal_dp(coarse, few, devices, at_most_ns=10**9, steps=10**7)
    assert found is not None and found.bottleneck_ns >= exact.bottleneck_ns
    assert joined(blocks, 3).n <= 3


@settings(deadline=None, max_examples=25)
@given(graph=layer_graphs(8), overlap=st.booleans(), memory=st.none() | st.integers(9, 40))
def test_where_all_ideals_are_promising_nothing_is_missed(graph: LayerGraph, overlap: bool, memory: int | None) -> None:
    graph = replace(graph, supported=np.ones(graph.n, dtype=bool))
    blocks, devices = blocks_of(graph, BANDWIDTH), Devices(3, 0, memory, 2, overlap)
    ideals = ideals_of(blocks, 10_000)
    assert ideals is not None
    exact, _ = ideal_dp(blocks, ideals, devices, at_most_ns=10**9, steps=10**7)
    with interpreted():
        found, complete = promising_split(blocks, ideals, devices, 10**9)
        bound = relaxed_bound(ideals, devices, 10**9)
    assert complete and (found is None) == (exact is None)
    if found is not None and exact is not None:
        assert found.bottleneck_ns == exact.bottleneck_ns == found.load_ns.max()
        assert bound <= exact.bottleneck_ns


@settings(deadline=None, max_examples=20)
@given(graph=layer_graphs(10))
def test_orders_are_topological_and_their_ideals_are_prefixes(graph: LayerGraph) -> None:
    blocks = blocks_of(graph, BANDWIDTH)
    for order in topological_orders(blocks):
        assert sorted(order) == list(range(blocks.n))
        assert all(order.index(a) < order.index(b) for b in range(blocks.n) for a in blocks.before[b])
        chain = as_chain(blocks, order)
        by_sets = ideals_of(chain, blocks.n + 2)
        assert by_sets is not None
        assert all((a == b).all() for a, b in zip(by_sets, prefixes_of(chain), strict=True))


def planned() -> StagePlan:
    graph = LayerGraph.from_arrays(
        ["a", "b", "c", "d"], time_ns=[5, 5, 6, 4], memory_bytes=[1, 2, 3, 4], source=[0, 1, 2], target=[1, 2, 3]
    )
    return plan_stages(graph, executors=2, memory=7)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"stage": np.array([0, 0, 0], np.int32)}, "one each"),
        ({"stage": np.array([1, 1, 0, 0], np.int32)}, "before that of"),
        ({"stage": np.array([0, 0, 2, 2], np.int32)}, "hold layers"),
        ({"executors": ((0,), (2,))}, "there are 2 executors"),
        ({"executors": ((0, 1), (1,))}, "has 1 replicas"),
        ({"executors": ((0,), (0,))}, "holds 10 bytes of 7"),
        ({"memory_bytes": np.array([0, 7])}, "takes 3 bytes"),
        ({"load_ns": np.array([100, 10])}, "takes 10 ns"),
        ({"bottleneck_ns": 9}, "fullest executor takes 10"),
        ({"lower_bound_ns": 11}, "above the bottleneck"),
        ({"memory_limit_bytes": 6}, "holds 7 bytes of 6"),
    ],
)
def test_a_broken_rule_is_told(change: dict[str, object], told: str) -> None:
    validate_stages(planned())
    with pytest.raises(InvalidPlanError, match=told):
        validate_stages(replace(planned(), **change))

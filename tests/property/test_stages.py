"""Stage plans of random small graphs: as good as the best of all splits, and valid; invalid ones are found out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from layer_graphs import best_by_hand, best_dealt_out, layer_graphs

from planner.errors import InfeasibleError, InvalidPlanError
from planner.model import LayerGraph, StagePlan
from planner.model.compiled import interpreted
from planner.models.planning import plan_stages
from planner.staging.blocks import Blocks, as_chain, blocks_of
from planner.staging.bounds import least_bottleneck
from planner.staging.devices import Devices
from planner.staging.ideal_dp import Split, ideal_dp
from planner.staging.ideals import ideals_of, prefixes_of
from planner.staging.linear_dp import topological_orders
from planner.staging.listing import listed, sets_of
from planner.staging.many_ideals import promising_split, relaxed_bound
from planner.staging.narrowing import narrowed
from planner.staging.reach import cuts_of, usable
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


@settings(deadline=None, max_examples=60)
@given(
    graph=layer_graphs(5),
    executors=st.integers(1, 3),
    more=st.integers(1, 3),
    memory=st.none() | st.integers(5, 30),
    overlap=st.booleans(),
)
def test_no_way_to_cut_and_deal_out_is_better(
    graph: LayerGraph, executors: int, more: int, memory: int | None, overlap: bool
) -> None:
    able = replace(graph, supported=np.ones(graph.n, dtype=bool))
    best = best_dealt_out(able, executors, executors + more, memory, overlap=overlap, bandwidth=BANDWIDTH)
    settings = {"executors": executors, "memory": memory, "bandwidth": BANDWIDTH, "overlap": overlap}
    try:
        plan = plan_stages(able, stages=executors + more, **settings)  # type: ignore[arg-type]
    except InfeasibleError:
        assert best is None
        return
    validate_stages(plan)
    assert plan.status == "optimal"
    assert plan.bottleneck_ns == pytest.approx(best, abs=1)


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


@st.composite
def pressed(draw: st.DrawFn) -> tuple[Blocks, Devices, Split]:
    """Draw blocks, with or without waists, executors with or without enough memory, and the best split, if there is."""
    graph = draw(layer_graphs(8))
    blocks = blocks_of(replace(graph, supported=np.ones(graph.n, dtype=bool)), BANDWIDTH)
    blocks = settled(blocks) if draw(st.booleans()) else blocks
    memory = draw(st.none() | st.integers(9, 40))
    devices = Devices(draw(st.integers(1, 4)), 0, memory, draw(st.integers(1, 3)), draw(st.booleans()))
    ideals = ideals_of(blocks, 10_000)
    assert ideals is not None
    exact, _ = ideal_dp(blocks, ideals, devices, at_most_ns=10**9, steps=10**7)
    assume(exact is not None)
    assert exact is not None
    return blocks, devices, exact


@settings(deadline=None, max_examples=60)
@given(given=pressed())
def test_where_all_ideals_may_be_cut_at_nothing_is_missed(given: tuple[Blocks, Devices, Split]) -> None:
    blocks, devices, exact = given
    ideals = listed(blocks, 10_000)
    assert ideals is not None
    with interpreted():
        found = promising_split(blocks, ideals, np.arange(ideals.n), devices, 10**9)
        assert relaxed_bound(ideals, devices, 10**9) <= exact.bottleneck_ns
    assert found is not None and found.bottleneck_ns == exact.bottleneck_ns == found.load_ns.max()


@settings(deadline=None, max_examples=60)
@given(given=pressed())
def test_what_the_relaxation_leaves_out_is_in_no_best_split(given: tuple[Blocks, Devices, Split]) -> None:
    blocks, devices, exact = given
    ideals = listed(blocks, 10_000)
    assert ideals is not None
    with interpreted():
        may = usable(cuts_of(ideals), devices, exact.bottleneck_ns)
    assert may is not None
    held = sets_of(ideals, np.arange(ideals.n), blocks.n)[:, 0]
    for stage in range(exact.stage.max(initial=0) + 2):
        cut = sum(1 << b for b in np.flatnonzero(exact.stage < stage).tolist())
        assert may[held == cut].all()


@settings(deadline=None, max_examples=40)
@given(given=pressed(), above=st.integers(0, 200))
def test_narrowing_finds_the_best_split_and_proves_it(given: tuple[Blocks, Devices, Split], above: int) -> None:
    blocks, devices, exact = given
    ideals = listed(blocks, 10_000)
    assert ideals is not None
    with interpreted():
        found, bound = narrowed(blocks, ideals, devices, 0, exact.bottleneck_ns + above)
    assert bound == exact.bottleneck_ns
    assert (found is None) == (above == 0)
    assert found is None or found.bottleneck_ns == exact.bottleneck_ns


@settings(deadline=None, max_examples=30)
@given(graph=layer_graphs(9))
def test_both_ways_to_list_ideals_list_the_same(graph: LayerGraph) -> None:
    blocks = settled(blocks_of(graph, BANDWIDTH))
    one, other = ideals_of(blocks, 10_000), listed(blocks, 10_000)
    assert one is not None and other is not None
    assert other.size[0] == 0 and other.size[-1] == blocks.n
    columns = ("time_ns", "memory_bytes", "sync_ns", "cut_ns")
    rows = [sorted(zip(*(getattr(each, name).tolist() for name in columns), strict=True)) for each in (one, other)]
    assert rows[0] == rows[1]
    assert listed(blocks, other.n - 1) is None


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

"""Splitting by hand: what is joined, what is weighed, what does not fit, and what is told of it."""

from __future__ import annotations

import numpy as np
import pytest

from planner.errors import InfeasibleError
from planner.model import LayerGraph
from planner.model.compiled import interpreted
from planner.models.planning import plan_stages
from planner.staging import Devices, blocks_of, least_bottleneck, split
from planner.staging.folding import fold
from planner.staging.ideal_dp import ideal_dp
from planner.staging.ideals import ideals_of
from planner.staging.listing import listed
from planner.staging.reductions import settled
from planner.validate_stages import validate_stages

GB = 1e9


def chain(times: list[int], **more: object) -> LayerGraph:
    n = len(times)
    return LayerGraph.from_arrays(time_ns=times, source=range(n - 1), target=range(1, n), **more)  # type: ignore[arg-type]


def wide(width: int, depth: int, seed: int = 0) -> LayerGraph:
    """Give branches side by side, between one layer and another."""
    draw = np.random.default_rng(seed)
    n = width * depth + 2
    source, target = [], []
    for branch in range(width):
        layers = [0, *range(1 + branch * depth, 1 + (branch + 1) * depth), n - 1]
        source += layers[:-1]
        target += layers[1:]
    times, sizes = draw.integers(1, 1000, n), draw.integers(1, 100, n)
    return LayerGraph.from_arrays(time_ns=times, output_bytes=sizes, source=source, target=target)


def test_layers_of_a_class_and_what_lies_between_them_are_one_block() -> None:
    layers = chain([1, 1, 1, 1, 1], color_class=[7, 8, 9, 7, 5])
    assert blocks_of(layers, GB).block.tolist() == [0, 0, 0, 0, 1]


def test_backward_layers_go_with_their_forward_layers() -> None:
    passes = LayerGraph.from_arrays(
        time_ns=[3, 3, 6, 6],
        output_bytes=[1, 0, 0, 1],
        backward=[False, False, True, True],
        color_class=[0, 1, 0, 1],
        source=[0, 1, 3],
        target=[1, 3, 2],
    )
    plan = plan_stages(passes, executors=2, bandwidth=GB)
    assert plan.stage.tolist() == [0, 1, 0, 1]
    assert plan.load_ns.tolist() == [11, 11], "the activation goes forth, and the gradient comes back"
    assert plan_stages(passes, executors=1, bandwidth=GB).bottleneck_ns == 18, "inside one executor nothing is sent"


def test_backward_layers_without_a_forward_layer_stand_as_in_a_mirror() -> None:
    lone = LayerGraph.from_arrays(
        time_ns=[1] * 5, backward=[0, 0, 1, 1, 1], color_class=[0, 1, 2, 1, 0], source=[0, 1, 3, 2], target=[1, 3, 2, 4]
    )
    blocks = blocks_of(lone, GB)
    assert [blocks.block[layer] for layer in (0, 2, 1)] == [0, 1, 2], "3 -> 2 -> 4 backward is 0 -> 2 -> 1 forward"


def test_an_output_is_paid_once_a_device_however_many_take_it() -> None:
    fan = LayerGraph.from_arrays(time_ns=[10, 10, 10], output_bytes=[5, 0, 0], source=[0, 0], target=[1, 2])
    plan = plan_stages(fan, executors=2, bandwidth=GB)
    assert sorted(plan.load_ns.tolist()) == [15, 25]


def test_sending_that_is_stated_needs_no_bandwidth() -> None:
    plan = plan_stages(chain([10, 10], send_ns=[3, 0], output_bytes=[10**9, 0]), executors=2)
    assert plan.load_ns.tolist() == [13, 13] and plan.bandwidth == float("inf")


def test_replicas_share_a_stage_and_pay_for_agreeing() -> None:
    plan = plan_stages(chain([2, 80, 2]), executors=6, replicate=True)
    assert plan.bottleneck_ns == 14 and plan.status == "optimal"
    assert sum(map(len, plan.executors)) == 6
    trained = plan_stages(chain([80], sync_bytes=[1000]), executors=4, bandwidth=GB, replicate=True)
    assert trained.executors == ((0,),), "4 bytes sent for each parameter are slower than the work of one"


def test_so_many_replicas_that_a_nanosecond_is_shared() -> None:
    plan = plan_stages(chain([5, 6]), executors=1000, replicate=True)
    validate_stages(plan)
    assert plan.bottleneck_ns == 1 and plan.status == "optimal"


def test_links_that_work_beside_executors_are_not_added() -> None:
    layers = chain([10, 10], output_bytes=[8, 0])
    assert plan_stages(layers, executors=2, bandwidth=GB, overlap=True).bottleneck_ns == 10
    assert plan_stages(layers, executors=2, bandwidth=GB).bottleneck_ns == 18


def test_what_only_a_host_runs_is_on_one() -> None:
    layers = chain([5, 5, 5], host_ns=[50, 20, 50], supported=[True, False, True])
    plan = plan_stages(layers, executors=2, hosts=1)
    assert plan.on_host.tolist() == [False, True, False] and plan.executors == ((0,), (0,), (1,))
    with pytest.raises(InfeasibleError, match=r"layers\['1'\]: runs on a host only"):
        plan_stages(layers, executors=3)


def test_layers_that_do_not_fit_are_named_with_their_bytes() -> None:
    with pytest.raises(InfeasibleError) as found:
        plan_stages(chain([1, 1, 1], memory_bytes=[10, 2000, 3000]), executors=9, memory=1000)
    assert [fault.path for fault in found.value.faults] == ["layers['1']", "layers['2']"]
    assert "2 kB (2,000 bytes); an executor has 1 kB" in str(found.value)
    with pytest.raises(InfeasibleError, match=r"leave 12 B \(12 bytes\) over, the layers '2', '3'"):
        plan_stages(chain([1] * 4, memory_bytes=[6] * 4), executors=2, memory=9)


def test_executors_hold_several_stages_where_one_each_does_not_fit() -> None:
    layers = chain([1] * 6, memory_bytes=[6, 6, 6, 4, 4, 4])
    plan = plan_stages(layers, executors=3, memory=10)
    validate_stages(plan)
    assert plan.n_stages > 3 and plan.peak_memory_bytes == 10 and "several stages" in plan.notes[0]


def test_more_stages_than_executors_are_dealt_out() -> None:
    plan = plan_stages(chain([10] * 8), executors=2, stages=4)
    validate_stages(plan)
    assert plan.n_stages == 4 and plan.bottleneck_ns == 40 and plan.status == "optimal"


def test_stages_are_dealt_out_in_the_best_way() -> None:
    load, memory = np.array([7, 7, 6, 6, 5, 5, 4, 4, 4]), np.zeros(9, np.int64)
    executor, proved = fold(load, memory, 3, None)
    assert executor is not None and proved and np.bincount(executor, weights=load).max() == 16
    assert fold(load, np.full(9, 2), 3, 5) == (None, True), "nine of 2 bytes are more than two on each of three"


def test_cuts_and_executors_are_chosen_together() -> None:
    """Cut into the most even stages, 8, 8 and 8, these are 16 on two executors; 12 and 12 are better."""
    plan = plan_stages(chain([4, 4, 4, 4, 4, 4]), executors=2, stages=3)
    validate_stages(plan)
    assert plan.bottleneck_ns == 12 and plan.status == "optimal"


def test_too_many_ideals_give_a_good_split_that_is_not_called_optimal() -> None:
    layers = wide(8, 6)
    plan = plan_stages(layers, executors=3, bandwidth=GB)
    validate_stages(plan)
    assert plan.status == "feasible" and plan.gap > 0 and "too many" in plan.notes[0]


def test_very_many_ideals_are_narrowed_down_to_those_that_the_best_split_may_cut_at() -> None:
    layers = wide(6, 5)
    plan = plan_stages(layers, executors=3, bandwidth=GB / 25)
    validate_stages(plan)
    blocks = blocks_of(layers, GB / 25)
    ideals = listed(blocks, 300_000)
    assert ideals is not None and ideals.n == 6**6 + 2
    assert plan.status == "optimal" and plan.lower_bound_ns > least_bottleneck(blocks, Devices(3))[0]


def test_cheap_links_and_many_executors_leave_too_many_ideals_and_a_bound_that_knows_of_traffic() -> None:
    layers = wide(6, 5)
    plan = plan_stages(layers, executors=12, bandwidth=GB)
    validate_stages(plan)
    assert 0 < plan.gap < 0.2 and "traffic" in plan.bound_reason


def test_memory_that_is_tight_is_counted_at_every_cut() -> None:
    """Three modules of four branches, most of whose ideals are in no split that fits."""
    modules, width, depth = 3, 4, 7
    size = width * depth + 1
    source, target = [], []
    for m in range(modules):
        for branch in range(width):
            inside = range(m * size + 1 + branch * depth, m * size + 1 + (branch + 1) * depth)
            way = [m * size, *inside, (m + 1) * size]
            source += way[:-1]
            target += way[1:]
    n = modules * size + 1
    draw = np.random.default_rng(3)
    layers = LayerGraph.from_arrays(
        time_ns=draw.integers(100, 1000, n),
        memory_bytes=draw.integers(10, 100, n),
        output_bytes=draw.integers(10, 100, n),
        source=source,
        target=target,
    )
    room = int(layers.memory_bytes.sum() * 1.05 / 5)
    plan = plan_stages(layers, executors=5, memory=room, bandwidth=GB)
    validate_stages(plan)
    assert plan.status == "optimal" and plan.n_stages == 5
    assert plan.lower_bound_ns > 1.02 * least_bottleneck(blocks_of(layers, GB), Devices(5, memory_bytes=room))[0]


def test_very_many_layers_are_split_too() -> None:
    layers = chain([7] * 5000, output_bytes=[1] * 5000)
    plan = plan_stages(layers, executors=8, bandwidth=GB)
    validate_stages(plan)
    assert plan.gap < 0.01


def test_loops_do_the_same_compiled_and_as_they_are_written() -> None:
    layers = wide(3, 5, seed=1)
    blocks = settled(blocks_of(layers, GB))
    ideals = ideals_of(blocks, 10_000)
    assert ideals is not None and ideals.n == 6**3 + 2
    devices = Devices(4, 1, None, 2)
    compiled, _ = ideal_dp(blocks, ideals, devices, at_most_ns=10**9, steps=10**9)
    with interpreted():
        written, _ = ideal_dp(blocks, ideals, devices, at_most_ns=10**9, steps=10**9)
    assert compiled is not None and written is not None
    assert compiled.bottleneck_ns == written.bottleneck_ns and (compiled.stage == written.stage).all()


def test_steps_that_do_not_suffice_are_told() -> None:
    blocks = blocks_of(chain([1] * 20), GB)
    ideals = ideals_of(blocks, 100)
    assert ideals is not None
    assert ideal_dp(blocks, ideals, Devices(3), at_most_ns=100, steps=10) == (None, False)


def test_layers_that_cost_nothing_make_no_more_ways_to_cut() -> None:
    n = 40  # 20 pairs of a parameter that costs nothing and the layer that takes it
    layers = LayerGraph.from_arrays(
        time_ns=[0, 5] * 20,
        source=[*range(0, n, 2), *range(1, n - 2, 2)],
        target=[*range(1, n, 2), *range(3, n, 2)],
    )
    plan = plan_stages(layers, executors=4)
    validate_stages(plan)
    assert plan.status == "optimal" and plan.bottleneck_ns == 25


def test_a_model_without_layers_has_no_stages() -> None:
    plan = plan_stages(LayerGraph.from_arrays(time_ns=[]), executors=2)
    validate_stages(plan)
    assert plan.n_stages == 0 and plan.bottleneck_ns == 0 and plan.status == "optimal"


def test_the_bound_counts_hosts_and_memory() -> None:
    layers = chain([10, 10], host_ns=[40, 40], memory_bytes=[1, 1])
    blocks = blocks_of(layers, GB)
    assert least_bottleneck(blocks, Devices(1, 0))[0] == 20
    assert least_bottleneck(blocks, Devices(1, 1))[0] in (15, 16)
    assert least_bottleneck(blocks, Devices(1, 1, memory_bytes=1))[0] in (39, 40)
    assert split(blocks, Devices(1, 1, memory_bytes=1), layers.names).bottleneck_ns == 40

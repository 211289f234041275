"""Packing independent tasks: against trying everything, and against being read."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.model.ordering import rising
from planner.packing import least_makespan, lpt, multifit, pack, repartition
from planner.packing.completion import bins, complete
from planner.packing.differencing import differences, in_two

TIMES = st.lists(st.integers(0, 12), min_size=1, max_size=7)


def optimum(times: list[int], slots: int) -> int:
    return min(max(loads(times, slot, slots)) for slot in itertools.product(range(slots), repeat=len(times)))


def loads(times: list[int], slot: object, slots: int) -> list[int]:
    return np.bincount(np.array(slot), weights=times, minlength=slots).astype(int).tolist()  # type: ignore[no-any-return]


@given(TIMES, st.integers(1, 4), st.integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_packing_is_between_its_bound_and_lpt_and_finds_small_optima(times: list[int], slots: int, seed: int) -> None:
    best = optimum(times, slots)
    packed = pack(times, slots, seed=seed, iterations=200)
    assert packed.lower_bound == least_makespan(np.array(times), slots) <= best == packed.makespan
    assert max(loads(times, packed.slot, slots)) == packed.makespan
    first = max(loads(times, lpt(times, np.ones(slots))[0], slots))
    assert best <= max(loads(times, multifit(np.array(times), slots), slots)) <= first


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(1, 9))
@settings(max_examples=100, deadline=None)
def test_whole_and_real_weights_are_packed_alike(weights: list[int], slots: int) -> None:
    whole, real = (lpt(np.array(weights, dtype=kind), np.ones(slots)) for kind in (np.int64, np.float64))
    assert whole[0].tolist() == real[0].tolist() and whole[1].tolist() == real[1].tolist()


@given(st.lists(st.integers(1, 60), min_size=2, max_size=9), st.integers(-1, 7))
@settings(max_examples=150, deadline=None)
def test_differencing_gives_the_difference_of_its_two_sides(weights: list[int], deviation: int) -> None:
    side = np.zeros(len(weights), np.int64)
    numbers = np.array(weights)
    difference = in_two(numbers, len(weights), deviation, differences(len(weights)), side)
    assert abs(int(numbers[side == 0].sum() - numbers[side == 1].sum())) == difference
    if deviation < 0 and len(weights) <= 4:
        least = min(abs(sum(weights) - 2 * sum(part)) for k in range(5) for part in itertools.combinations(weights, k))
        assert difference == least or len(weights) == 4


@given(TIMES, st.integers(1, 3), st.integers(1, 30))
@settings(max_examples=200, deadline=None)
def test_bin_completion_finds_a_way_if_and_only_if_there_is_one(times: list[int], count: int, size: int) -> None:
    items = np.sort(np.array(times))[::-1].copy()
    bin_of = np.zeros(len(items), np.int64)
    found = complete(items, len(items), count, size, 10**6, bins(len(items), count), bin_of)
    assert found == (optimum(times, count) <= size)
    if found:
        assert max(loads(items.tolist(), bin_of, count)) <= size


def test_repartition_never_gets_worse_and_a_seed_gives_the_same() -> None:
    draw = np.random.default_rng(3)
    times = draw.integers(1, 1000, 60)
    start = draw.integers(0, 7, 60)
    before = max(loads(times.tolist(), start, 7))
    first, again, other = (repartition(times, start, 7, enough=0, seed=seed, count=60)[0] for seed in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()
    assert max(loads(times.tolist(), first, 7)) < before
    assert repartition(times, start, 7, enough=before, seed=1, count=60)[1] == 0


@pytest.mark.parametrize(("n", "most"), [(1, 5), (100, 3), (100, 2**60), (40_000, 7), (40_000, 2**40)])
def test_numbers_are_put_in_order_and_equal_ones_stay(n: int, most: int) -> None:
    values = np.random.default_rng(n).integers(0, most, n)
    assert rising(values).tolist() == np.argsort(values, kind="stable").tolist()


def test_bad_times_are_refused() -> None:
    for times, slots in (([-1, 2], 2), ([1], 0)):
        with pytest.raises(ValueError, match="expected times of 0 or more, and at least one slot"):
            pack(times, slots)

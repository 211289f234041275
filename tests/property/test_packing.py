"""Packing independent tasks: against trying everything, and against being read."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from planner.model.ordering import rising
from planner.packing import (
    assign,
    earliest_completion,
    iterated_greedy,
    karmarkar_karp,
    least_makespan,
    lp_rounding,
    lpt,
    multifit,
    pack,
    repartition,
)
from planner.packing.completion import bins, complete
from planner.packing.differencing import differences, in_two

TIMES = st.lists(st.integers(0, 12), min_size=1, max_size=7)


def optimum(times: list[int], slots: int) -> int:
    return min(max(loads(times, slot, slots)) for slot in itertools.product(range(slots), repeat=len(times)))


def loads(times: list[int], slot: object, slots: int) -> list[int]:
    return np.bincount(np.array(slot), weights=times, minlength=slots).astype(int).tolist()  # type: ignore[no-any-return]


@given(TIMES, st.integers(1, 4), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_packing_is_between_its_bound_and_lpt_and_finds_small_optima(times: list[int], slots: int, seed: int) -> None:
    best = optimum(times, slots)
    packed = pack(times, slots, seed=seed, iterations=200)
    assert packed.lower_bound == least_makespan(np.array(times), slots) <= best == packed.makespan
    assert max(loads(times, packed.slot, slots)) == packed.makespan
    first = max(loads(times, lpt(times, np.ones(slots))[0], slots))
    assert best <= max(loads(times, multifit(np.array(times), slots), slots)) <= first


@given(TIMES, st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_differencing_gives_every_task_a_slot_and_is_within_its_ratio(times: list[int], slots: int) -> None:
    """At most 4/3 − 1/(3 m) times the optimum: W. Michiels et al. 2003, theorem 3."""
    longest = max(loads(times, karmarkar_karp(np.array(times), slots), slots))
    best = optimum(times, slots)
    assert best <= longest <= (4 / 3 - 1 / (3 * slots)) * best + 1e-9


@st.composite
def unrelated(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw times, allowed slots, and when the slots are free."""
    n, slots = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    cells = st.lists(st.integers(0, 12), min_size=n * slots, max_size=n * slots)
    allowed = np.array(draw(cells)).reshape(n, slots) > 3
    allowed[np.arange(n), draw(st.integers(0, slots - 1))] = True
    ready = draw(st.lists(st.integers(0, 9), min_size=slots, max_size=slots))
    return np.array(draw(cells)).reshape(n, slots), allowed, np.array(ready)


ALL_THREE_GO_ON = (  # from the best that no two can better, each has to go one slot on
    np.array([[10, 9, 3], [8, 0, 3], [5, 4, 0]]),
    np.array([[True, True, True], [True, False, True], [True, True, False]]),
    np.array([2, 0, 6]),
)


@given(unrelated(), st.integers(0, 3))
@example(ALL_THREE_GO_ON, 0)
@settings(max_examples=60, deadline=None)
def test_assigning_finds_small_optima_where_tasks_may_run(
    instance: tuple[np.ndarray, np.ndarray, np.ndarray], seed: int
) -> None:
    times, allowed, ready = instance
    n, slots = times.shape
    ways = (w for w in itertools.product(range(slots), repeat=n) if allowed[np.arange(n), list(w)].all())
    best = min(int(np.max(ready + _loaded(times, way))) for way in ways)
    assigned = assign(times, allowed=allowed, ready=ready, seed=seed, iterations=20_000)
    assert allowed[np.arange(n), assigned.slot].all()
    assert (ready + _loaded(times, assigned.slot)).max() == assigned.makespan == best >= assigned.lower_bound
    slot, _ = earliest_completion(times, allowed, ready)
    greedy = iterated_greedy(times, allowed, ready, slot, enough=0, seed=seed, count=100)
    assert allowed[np.arange(n), greedy].all()
    assert best <= (ready + _loaded(times, greedy)).max() <= (ready + _loaded(times, slot)).max()
    relaxed = lp_rounding(times, allowed, ready)
    assert relaxed is not None
    assert relaxed.bound <= best and allowed[np.arange(n), relaxed.slot].all()


def _loaded(times: np.ndarray, slot: object) -> np.ndarray:
    chosen = np.array(slot)
    return np.bincount(chosen, weights=times[np.arange(len(times)), chosen], minlength=times.shape[1]).astype(int)


def test_assigning_is_the_same_for_a_seed_and_says_what_it_does_not_take() -> None:
    times = np.random.default_rng(0).integers(1000, 9999, (150, 15))
    found = [assign(times, seed=seed, iterations=40_000).slot.tolist() for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]
    with pytest.raises(ValueError, match="for every task a slot"):
        assign(times, allowed=np.zeros(times.shape, dtype=bool))


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_whole_and_real_weights_are_packed_alike(weights: list[int], slots: int) -> None:
    whole, real = (lpt(np.array(weights, dtype=kind), np.ones(slots)) for kind in (np.int64, np.float64))
    assert whole[0].tolist() == real[0].tolist() and whole[1].tolist() == real[1].tolist()


@given(st.lists(st.integers(1, 60), min_size=2, max_size=9), st.integers(-1, 7))
@settings(max_examples=60, deadline=None)
def test_differencing_gives_the_difference_of_its_two_sides(weights: list[int], deviation: int) -> None:
    side = np.zeros(len(weights), np.int64)
    numbers = np.array(weights)
    difference = in_two(numbers, len(weights), deviation, differences(len(weights)), side)
    assert abs(int(numbers[side == 0].sum() - numbers[side == 1].sum())) == difference
    if deviation < 0 and len(weights) <= 4:
        least = min(abs(sum(weights) - 2 * sum(part)) for k in range(5) for part in itertools.combinations(weights, k))
        assert difference == least or len(weights) == 4


@given(TIMES, st.integers(1, 3), st.integers(1, 30))
@settings(max_examples=80, deadline=None)
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

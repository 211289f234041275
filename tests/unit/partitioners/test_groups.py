"""Keys into partitions: heavy ones alone and first, enough partitions, and bounds that hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.partitioners.groups import Grouping, Items, group_items
from planner.partitioners.spark_layouts import in_order


def items(weights: list[float] | np.ndarray, *, rows: int = 1_000) -> Items:
    weight = np.asarray(weights, dtype=np.float64)
    ones = np.ones(len(weight), dtype=np.int64)
    return Items(weight, ones * rows, ones, ones > 0)


def zipf(n: int, s: float) -> np.ndarray:
    return 1 / np.arange(1, n + 1) ** s


def loads(given: Items, grouping: Grouping) -> np.ndarray:
    """Add the partitions up anew, from where each item went."""
    load = np.zeros(grouping.n)
    for weight, partitions in zip(given.weight, grouping.partitions, strict=True):
        load[partitions] += weight / len(partitions)
    return load


@pytest.mark.parametrize("s", [0, 0.3, 0.5, 0.8, 1.0, 1.2, 2.0])
@pytest.mark.parametrize(("n", "slots"), [(200, 8), (1_000, 8), (20_000, 8), (200, 2), (5_000, 100)])
def test_the_predicted_makespan_is_close_to_the_bound(s: float, n: int, slots: int) -> None:
    grouping = group_items(items(zipf(n, s)), np.ones(slots))
    assert grouping.makespan <= 1.05 * grouping.lower_bound
    assert grouping.n <= 8 * slots


def test_a_hot_key_is_alone_and_first() -> None:
    weights = np.ones(101)
    weights[50] = 1_000.0
    grouping = group_items(items(weights), np.ones(8))
    assert grouping.partitions[50].tolist() == [0]
    assert grouping.keys[0] == 1
    assert (grouping.lower_bound, grouping.bound_reason) == (1_000.0, "one key")
    assert grouping.makespan == 1_000.0


def test_wrong_weights_cost_little() -> None:
    """Costs that are off by a log-normal factor are evened out by the small partitions at the end."""
    rng, weights = np.random.default_rng(0), zipf(200, 0.5)
    grouping = group_items(items(weights), np.ones(8))
    above = []
    for _ in range(50):
        true = weights * rng.lognormal(0, 0.5, len(weights))
        load = np.bincount([p[0] for p in grouping.partitions], weights=true)
        above.append(in_order(load, np.ones(8)) / max(true.max(), true.sum() / 8))
    assert np.mean(above) < 1.08


def test_a_slow_executor_does_not_hold_the_others_up() -> None:
    speeds = np.array([0.25, 1, 1, 1, 1, 1, 1, 1])
    grouping = group_items(items(zipf(2_000, 0.3)), speeds)
    worst = max(in_order(grouping.weight, np.roll(speeds, shift)) for shift in range(8))
    assert worst <= 1.15 * grouping.lower_bound


def test_a_key_is_split_only_where_that_is_allowed() -> None:
    given = items([1_000.0, *np.ones(100)])
    whole, spread = (group_items(given, np.ones(8), split=split) for split in (False, True))
    assert max(map(len, whole.partitions)) == 1
    assert len(spread.partitions[0]) > 8
    assert max(map(len, spread.partitions[1:])) == 1
    assert spread.makespan < 1.1 * 1_100 / 8 < whole.makespan
    few_rows = group_items(items([1_000.0, *np.ones(100)], rows=3), np.ones(8), split=True)
    assert len(few_rows.partitions[0]) == 3, "no more pieces than rows"


def test_so_many_partitions_as_were_asked_for() -> None:
    assert group_items(items(zipf(100, 1)), np.ones(8), partitions=11).n == 11
    assert group_items(items(zipf(5, 1)), np.ones(8), partitions=11).n == 5


def test_nothing_and_nothing_but_zeros() -> None:
    empty = group_items(items([]), np.ones(4))
    assert (empty.n, empty.makespan, empty.lower_bound) == (1, 0.0, 0.0)
    assert group_items(items(np.zeros(100)), np.ones(4)).n >= 4


@settings(deadline=None)
@given(
    weights=st.lists(st.floats(0, 1e12), max_size=200),
    speeds=st.lists(st.floats(0.1, 10), min_size=1, max_size=12),
    split=st.booleans(),
)
def test_every_item_is_somewhere_and_every_number_is_true(
    weights: list[float], speeds: list[float], split: bool
) -> None:
    given, speed = items(weights), np.array(speeds)
    grouping = group_items(given, speed, split=split)
    placed = np.concatenate([*grouping.partitions, np.zeros(0, dtype=np.int64)])
    assert (np.bincount(placed.astype(int), minlength=1) > 0).all() or not weights
    assert len(grouping.partitions) == given.n
    assert np.all(np.diff(grouping.weight) <= 0), "heaviest first"
    assert grouping.weight.sum() == pytest.approx(given.weight.sum())
    assert grouping.makespan >= grouping.lower_bound * (1 - 1e-9)
    if not split:
        assert loads(given, grouping) == pytest.approx(grouping.weight)
    if len(weights) >= len(speeds):
        assert grouping.n >= len(speeds), "never fewer partitions than slots when the keys allow it"

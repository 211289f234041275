"""Ranges: optimal cuts, bounds that hold, and Spark's own cuts as Spark makes them."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.partitioners.ranges import Atoms, cut_ranges, spark_range_ends


def atoms_of(weights: list[int], values: list[int] | None = None, heaviest: int | None = None) -> Atoms:
    weight = np.array(weights, dtype=np.float64)
    counts = np.array(values or [1] * len(weights), dtype=np.int64)
    return Atoms(
        weight,
        np.array(weights, dtype=np.int64),
        counts,
        float(weight.max(initial=0) if heaviest is None else heaviest),
    )


def best(weights: list[int], partitions: int) -> int:
    """Try all cuts."""
    n = len(weights)
    cuts = itertools.combinations(range(1, n), min(partitions, n) - 1)
    return min(max(sum(weights[a:b]) for a, b in itertools.pairwise((0, *cut, n))) for cut in cuts)


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=9).filter(any), st.integers(1, 5))
def test_no_cuts_are_better(weights: list[int], partitions: int) -> None:
    ranges = cut_ranges(atoms_of(weights), partitions)
    assert ranges.weight.max() == best(weights, partitions) == ranges.lower_bound
    assert ranges.weight.sum() == sum(weights) and ranges.values.sum() == len(weights)
    assert all(layout.largest >= ranges.weight.max() for layout in ranges.layouts)
    assert ranges.layouts[0].largest == ranges.weight.max()


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=12).filter(any), st.integers(1, 4), st.data())
def test_the_bound_holds_where_runs_are_cut(weights: list[int], partitions: int, data: st.DataObject) -> None:
    inner = data.draw(st.sets(st.integers(1, max(1, len(weights) - 1))))
    edges = sorted({0, len(weights), *inner} - ({1} if len(weights) == 1 else set())) if len(weights) > 1 else [0, 1]
    runs = [weights[a:b] for a, b in itertools.pairwise(edges)]
    ranges = cut_ranges(atoms_of([sum(run) for run in runs], [len(run) for run in runs], max(weights)), partitions)
    if len(ranges.weight) == min(partitions, len(weights)):
        assert ranges.lower_bound <= best(weights, partitions) <= ranges.weight.max()


def determine_bounds(rows: list[int], partitions: int) -> list[int]:
    """Transcribe Spark's loop over the rows of a sample: the values that end a partition."""
    step, passed, target, previous, bounds = sum(rows) / partitions, 0.0, sum(rows) / partitions, None, []
    for value, _ in ((value, row) for value, many in enumerate(rows) for row in range(many)):
        passed += 1
        if passed >= target and len(bounds) < partitions - 1 and (previous is None or value > previous):
            bounds.append(value)
            target += step
            previous = value
    return bounds


@settings(deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=20), st.sampled_from([1, 2, 4, 8]))
def test_spark_cuts_as_it_does(rows: list[int], partitions: int) -> None:
    ends = spark_range_ends(np.array(rows, dtype=np.float64), partitions).tolist()
    expected = [value + 1 for value in determine_bounds(rows, partitions)]
    assert ends == (expected if expected and expected[-1] == len(rows) else [*expected, len(rows)])


def test_a_sample_is_worse_than_all_rows() -> None:
    ranges = cut_ranges(atoms_of([1] * 50_000), 50)
    planned, sampled, quantiles = ranges.layouts
    assert planned.skew == quantiles.skew == 1.0 and sampled.name == "repartitionByRange, sampled"
    assert 1.05 < sampled.skew < 1.4, "about one part in the square root of 300 rows a partition, and the worst of 50"


def test_quantiles_of_rows_do_not_know_what_rows_weigh() -> None:
    weight = np.r_[np.full(90, 1.0), np.full(10, 100.0)]
    atoms = Atoms(weight, np.ones(100, dtype=np.int64), np.ones(100, dtype=np.int64), 100.0)
    ranges = cut_ranges(atoms, 4)
    assert ranges.weight.max() <= 300 and ranges.layouts[-1].largest == 1_015


def test_nothing_and_more_partitions_than_values() -> None:
    empty = cut_ranges(atoms_of([]), 3)
    assert empty.cuts.tolist() == [0, 0] and empty.weight.tolist() == [0] and empty.lower_bound == 0
    few = cut_ranges(atoms_of([3, 1]), 9)
    assert few.cuts.tolist() == [0, 1, 2] and few.bound_reason == "one value"

"""What Spark would do by itself, without Spark; `tests/spark/test_layouts.py` holds it against the real one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.partitioners.spark_layouts import (
    adaptive_layout,
    coalesced,
    estimated_row_bytes,
    hash_layout,
    in_order,
    target_bytes,
)

MiB = 2**20
DEFAULTS: dict[str, Any] = {
    "advisory_bytes": 64 * MiB,
    "min_partition_bytes": MiB,
    "parallelism_first": True,
    "default_parallelism": 8,
}

sizes = st.lists(st.one_of(st.just(0), st.integers(0, 300)), max_size=40)


# ------------------------------------------------------------------------------------------------------ in order


@given(
    weights=st.lists(st.floats(0, 100), max_size=60),
    speeds=st.lists(st.floats(0.1, 10), min_size=1, max_size=8),
    overhead=st.sampled_from([0.0, 0.5]),
)
def test_each_task_starts_on_the_slot_that_is_free_first(
    weights: list[float], speeds: list[float], overhead: float
) -> None:
    free, end = [0.0] * len(speeds), 0.0
    for weight in weights:
        slot = free.index(min(free))
        free[slot] += overhead + weight / speeds[slot]
        end = max(end, free[slot])
    assert in_order(np.array(weights), np.array(speeds), overhead) == pytest.approx(end)


def test_the_order_is_kept_and_not_mended() -> None:
    heavy_last = np.array([1.0] * 8 + [8.0])
    assert in_order(heavy_last, np.ones(2)) == 12.0
    assert in_order(heavy_last[::-1], np.ones(2)) == 8.0


@pytest.mark.timeout(60)  # looking through all slots for each task would take an hour
def test_very_many_tasks_on_very_many_slots_take_no_time() -> None:
    weights = np.random.default_rng(0).random(200_000)
    end = in_order(weights, np.ones(100_000))
    assert weights.sum() / 100_000 <= end <= weights.sum() / 100_000 + weights.max()


# -------------------------------------------------------------------------------------------- hash partitioning


def test_empty_partitions_are_tasks_but_hold_nothing() -> None:
    weights = np.zeros(200)
    weights[[3, 90, 91]] = [2.0, 6.0, 1.0]
    layout = hash_layout(weights, np.ones(2))
    assert (layout.name, layout.partitions, layout.makespan, layout.skew) == ("hash partitioning", 3, 6.0, 2.0)
    late = hash_layout(weights, np.ones(2), task_overhead=0.1)
    assert late.makespan > 6.0 + 90 * 0.1 / 2
    assert hash_layout(np.zeros(200), np.ones(2)).skew == 1.0


# ------------------------------------------------------------------------------------------- adaptive execution


@pytest.mark.parametrize(
    ("total", "partitions", "advisory", "least", "expected"),
    [
        (10 * MiB, 8, 64 * MiB, MiB, 10 * MiB // 8),
        (2 * MiB, 8, 64 * MiB, MiB, MiB),
        (10_000 * MiB, 8, 64 * MiB, MiB, 64 * MiB),
        (10_000 * MiB, 8, MiB, 2 * MiB, 2 * MiB),
        (9, 2, 64 * MiB, 0, 5),
        (10, 0, 64 * MiB, 0, 10),
    ],
)
def test_the_target_is_between_its_limits(
    total: int, partitions: int, advisory: int, least: int, expected: int
) -> None:
    assert target_bytes(total, partitions, advisory, least) == expected


@pytest.mark.parametrize(
    ("size", "target", "least", "most", "expected"),
    [
        ([110, 30, 170, 15, 35], 128, 0, None, [(0, 1), (1, 2), (2, 3), (3, 5)]),
        ([50, 50, 50], 100, 0, None, [(0, 2), (2, 3)]),
        ([0, 0, 0, 0], 100, 0, None, [(0, 4)]),
        ([0, 0, 150, 0, 0, 150, 0], 100, 0, None, [(2, 3), (5, 6)]),
        ([100, 10, 300], 100, 50, None, [(0, 2), (2, 3)]),  # a small one goes to the smaller neighbour: before it
        ([100, 10, 95], 100, 50, None, [(0, 1), (1, 3)]),  # … or behind it
        ([100, 10], 100, 50, None, [(0, 2)]),  # or to the last one
        ([10, 200], 100, 50, None, [(0, 2)]),
        ([1, 1, 1, 1, 1], 100, 0, 2, [(0, 2), (2, 4), (4, 5)]),
        ([100, 10, 300], 100, 50, 1, [(0, 1), (1, 2), (2, 3)]),
    ],
)
def test_neighbours_are_read_together(
    size: list[int], target: int, least: int, most: int | None, expected: list[tuple[int, int]]
) -> None:
    assert list(coalesced(np.array(size), target, least, most)) == expected


@given(size=sizes, target=st.integers(1, 400), least=st.integers(0, 200), most=st.none() | st.integers(1, 10))
def test_every_partition_that_holds_something_is_read_once(
    size: list[int], target: int, least: int, most: int | None
) -> None:
    groups = coalesced(np.array(size, dtype=np.int64), target, least, most)
    assert groups, "even of nothing a task is made"
    read = [at for first, last in groups for at in range(first, last)]
    assert read == sorted(set(read))
    assert {at for at, part in enumerate(size) if part > 0} <= set(read)
    loads = [sum(size[first:last]) for first, last in groups]
    assert most is None or all(last - first <= most for first, last in groups)
    if least == 0:
        assert all(load <= target or last - first == 1 for load, (first, last) in zip(loads, groups, strict=True))
    if most is None and sum(size) >= least:
        assert min(loads) >= least, "none is smaller than the least"


def test_little_data_is_one_task_however_much_work_it_is() -> None:
    weights = np.arange(200.0)
    layout, groups = adaptive_layout(weights, np.full(200, 1000.0), np.ones(8), **DEFAULTS)
    assert (layout.name, layout.partitions, layout.makespan, layout.skew) == (
        "adaptive execution",
        1,
        weights.sum(),
        1.0,
    )
    assert groups == ((0, 200),)


@pytest.mark.parametrize(
    ("each", "slots", "tasks"),
    [(MiB, 1_000, 200), (MiB // 2, 1_000, 100), (100 * MiB, 8, 200), (10 * MiB, 8, 34), (10 * MiB, 40, 40)],
)
def test_as_many_tasks_as_the_least_and_the_advised_size_allow(each: int, slots: int, tasks: int) -> None:
    settings = DEFAULTS | {"default_parallelism": slots}
    layout, _ = adaptive_layout(np.ones(200), np.full(200, each * 1.0), np.ones(slots), **settings)
    assert layout.partitions == tasks


def test_settings_change_the_number_of_tasks() -> None:
    weights, size = np.ones(200), np.full(200, MiB / 10)
    by_parallelism, _ = adaptive_layout(weights, size, np.ones(8), **DEFAULTS)
    assert by_parallelism.partitions == 8
    by_size, _ = adaptive_layout(weights, size, np.ones(8), **(DEFAULTS | {"parallelism_first": False}))
    assert by_size.partitions == 1
    at_least, _ = adaptive_layout(weights, size, np.ones(8), **DEFAULTS, min_partitions=20)
    assert at_least.partitions == 20
    few, _ = adaptive_layout(weights, size, np.ones(8), **DEFAULTS, most_per_task=2)
    assert few.partitions == 100
    overhead, _ = adaptive_layout(weights, size, np.ones(8), **DEFAULTS, task_overhead=3.0)
    assert overhead.makespan == by_parallelism.makespan + 3.0


def test_work_follows_the_partitions_that_a_task_reads() -> None:
    weights = np.array([1.0, 2, 4, 8, 16, 0])
    size = np.array([0.4, 1, 1, 1, 1, 0]) * MiB
    layout, groups = adaptive_layout(weights, size, np.array([2.0, 1.0]), **(DEFAULTS | {"min_partition_bytes": 1}))
    assert groups == ((0, 1), (1, 2), (2, 3), (3, 4), (4, 6))
    assert layout.partitions == 5
    assert layout.makespan == in_order(weights[:5], np.array([2.0, 1.0]))
    assert layout.skew == pytest.approx(16 / (31 / 5))


def test_of_nothing_there_is_nothing() -> None:
    for n in (0, 5):
        layout, groups = adaptive_layout(np.zeros(n), np.zeros(n), np.ones(2), **DEFAULTS)
        assert (layout.partitions, layout.makespan, layout.skew) == (0, 0.0, 1.0)
        assert groups == ((0, n),)
    layout, _ = adaptive_layout(np.zeros(5), np.ones(5), np.ones(2), **DEFAULTS)
    assert (layout.partitions, layout.skew) == (1, 1.0), "rows that weigh nothing are read all the same"


# ------------------------------------------------------------------------------------------------ bytes of a row

MEASURED = [
    (["double"] * 20, 173.4),
    (["bigint"] * 20, 77.2),
    (["date", "double", "double", "boolean"], 14.8),
    (["bigint", "float", "timestamp"], 18.0),
    (["double"], 11.8),
    (["array<double>"], 90.3),
    (["array<int>"], 37.3),
    (["struct<a:int,b:double>"], 16.7),
    (["decimal(38,10)"], 15.6),
    (["decimal(10,2)"], 8.8),
    (["binary"], 23.5),
]
"""Bytes a row on PySpark 4.3 with LZ4: of random numbers, 100,000 rows and more."""


@pytest.mark.parametrize(("types", "measured"), MEASURED)
def test_guessed_bytes_are_of_the_right_order(types: list[str], measured: float) -> None:
    assert 0.5 < estimated_row_bytes(types) / measured < 2.0


def test_what_is_in_a_type_counts() -> None:
    base = estimated_row_bytes([])
    assert base > 0
    of = {name: estimated_row_bytes([name]) - base for name in ("int", "string", "void", "double")}
    assert of["void"] == 0
    assert estimated_row_bytes(["struct<a:int,b:int>"]) - base > 2 * of["int"]
    assert estimated_row_bytes(["array<array<double>>"]) > 50 * of["double"]
    assert estimated_row_bytes(["struct<double:int>"]) < estimated_row_bytes(["struct<int:double>"]), (
        "names do not count"
    )
    assert estimated_row_bytes(["string collate UNICODE_CI"]) - base == of["string"]
    assert estimated_row_bytes(["decimal(19,2)"]) > estimated_row_bytes(["decimal(18,2)"])
    assert estimated_row_bytes(["int", "string"]) - base == of["int"] + of["string"]


@given(st.lists(st.text(max_size=40) | st.sampled_from(["variant", "interval day to second", ">>", "array<", "<:,("])))
def test_types_of_any_name_have_a_size(types: list[str]) -> None:
    assert 0 < estimated_row_bytes(types) < 1e9

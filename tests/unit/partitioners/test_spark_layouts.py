"""What Spark would do by itself: list scheduling in the order of the ids, and joining by bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.partitioners.spark_layouts import adaptive_layout, estimated_row_bytes, hash_layout, in_order

SPARK = {"advisory_bytes": 64 * 2**20, "min_partition_bytes": 2**20, "parallelism_first": True}


def test_the_order_decides() -> None:
    last = np.array([1.0] * 8 + [8.0])
    assert in_order(last, np.ones(2)) == 12
    assert in_order(last[::-1], np.ones(2)) == 8
    assert in_order(np.array([4.0, 4.0]), np.array([1.0, 0.5])) == 8


@given(
    weights=st.lists(st.floats(0, 1e6), max_size=60),
    speeds=st.lists(st.floats(0.1, 10), min_size=1, max_size=9),
)
def test_the_makespan_lies_between_its_bounds(weights: list[float], speeds: list[float]) -> None:
    weight, speed = np.array(weights), np.array(speeds)
    makespan = in_order(weight, speed)
    assert makespan >= weight.sum() / speed.sum() * (1 - 1e-9)
    assert makespan <= weight.sum() / speed.min() * (1 + 1e-9)


def test_hash_partitioning_starts_no_empty_partition() -> None:
    layout = hash_layout(np.array([0.0, 3.0, 0.0, 1.0]), np.ones(2))
    assert (layout.partitions, layout.makespan, layout.skew) == (2, 3.0, 1.5)
    assert hash_layout(np.zeros(3), np.ones(2)).partitions == 0


def test_little_data_goes_into_one_task() -> None:
    """24 groups of a few kilobytes: adaptive execution puts them all into one partition."""
    weights = np.zeros(200)
    weights[::9] = 1.0
    layout = adaptive_layout(weights, weights * 5_000, np.ones(8), default_parallelism=8, **SPARK)
    assert (layout.partitions, layout.makespan) == (1, weights.sum())


@pytest.mark.parametrize(("each", "partitions"), [(2**20, 200), (2**19, 100), (100 * 2**20, 200)])
def test_neighbours_are_joined_up_to_the_target(each: int, partitions: int) -> None:
    size = np.full(200, float(each))
    layout = adaptive_layout(np.ones(200), size, np.ones(1_000), default_parallelism=1_000, **SPARK)
    assert layout.partitions == partitions
    assert layout.skew == 1


def test_parallelism_first_aims_at_one_partition_a_slot() -> None:
    size = np.full(200, 10.0 * 2**20)
    first = adaptive_layout(np.ones(200), size, np.ones(8), default_parallelism=8, **SPARK)
    assert first.partitions == pytest.approx(200 / 6, abs=1), "64 MiB hold six partitions of 10 MiB"
    wide = {**SPARK, "advisory_bytes": 2**40}
    assert adaptive_layout(np.ones(200), size, np.ones(8), default_parallelism=8, **wide).partitions == 8
    alone = {**wide, "parallelism_first": False}
    assert adaptive_layout(np.ones(200), size, np.ones(8), default_parallelism=8, **alone).partitions == 1


def test_wider_rows_are_estimated_larger() -> None:
    assert estimated_row_bytes(["bigint"]) < estimated_row_bytes(["bigint", "decimal(10,2)"])
    assert estimated_row_bytes(["int", "int"]) < estimated_row_bytes(["int", "string"])

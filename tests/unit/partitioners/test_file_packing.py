"""Files into partitions: every part once, bounds that hold, and Spark's own packing as Spark does it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner import InputError
from planner.io.file_parts import FileParts
from planner.io.locations import Location
from planner.partitioners.file_packing import SparkReading, plan_files, spark_reading_weights

READING = SparkReading(128 * 2**20, 4 * 2**20, 4)
MB = 10**6


def parquet_of(files: list[list[int]], rows: int = 10) -> FileParts:
    """Make files of row groups of these sizes."""
    sizes = [size for groups in files for size in groups]
    starts = [4 + sum(groups[:k]) for groups in files for k in range(len(groups))]
    return FileParts(
        location=Location(None, "/data"),
        parquet=True,
        paths=tuple(f"/data/{i}.parquet" for i in range(len(files))),
        file_bytes=np.array([sum(groups) + 100 for groups in files], dtype=np.int64),
        divisible=np.ones(len(files), dtype=np.bool_),
        file=np.repeat(np.arange(len(files)), [len(groups) for groups in files]).astype(np.int32),
        group=np.array([k for groups in files for k in range(len(groups))], dtype=np.int32),
        bytes=np.array(sizes, dtype=np.int64),
        start=np.array(starts, dtype=np.int64),
        rows=np.full(len(sizes), rows, dtype=np.int64),
    )


def whole(sizes: list[int], divisible: bool) -> FileParts:
    """Make files that are read whole."""
    n = len(sizes)
    return FileParts(
        location=Location("s3://bucket/logs", "bucket/logs"),
        parquet=False,
        paths=tuple(f"bucket/logs/{i}.csv" + ("" if divisible else ".gz") for i in range(n)),
        file_bytes=np.array(sizes, dtype=np.int64),
        divisible=np.full(n, divisible),
        file=np.arange(n, dtype=np.int32),
        group=np.full(n, -1, dtype=np.int32),
        bytes=np.array(sizes, dtype=np.int64),
        start=np.zeros(n, dtype=np.int64),
        rows=np.full(n, -1, dtype=np.int64),
    )


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 500), min_size=1, max_size=30), min_size=1, max_size=8),
    st.integers(1, 6),
    st.none() | st.integers(1, 20),
)
def test_every_row_group_is_read_once(files: list[list[int]], slots: int, partitions: int | None) -> None:
    parts = parquet_of(files)
    plan = plan_files(parts, weight="bytes", slots=slots, partitions=partitions, reading=READING)
    read = [(row["path"], group) for row in plan.assignment.to_pylist() for group in row["groups"]]
    assert sorted(read) == sorted((parts.paths[f], k) for f, groups in enumerate(files) for k in range(len(groups)))
    load = np.zeros(plan.n_partitions)
    for row in plan.assignment.to_pylist():
        assert row["groups"] == sorted(row["groups"])
        load[row["partition"]] += sum(files[parts.paths.index(row["path"])][k] for k in row["groups"])
    assert load.tolist() == pytest.approx(plan.partition_weight.tolist())
    assert plan.partition_weight.tolist() == sorted(plan.partition_weight.tolist(), reverse=True)
    assert plan.partition_parts.sum() == plan.n_parts == sum(map(len, files))
    assert plan.partition_files.sum() == plan.assignment.num_rows
    assert plan.lower_bound <= plan.makespan * (1 + 1e-9)
    assert partitions is None or plan.n_partitions <= partitions


def test_one_large_file_is_shared_by_all_slots_and_opened_a_few_times() -> None:
    parts = parquet_of([[MB] * 4_000, *([MB * 5] for _ in range(40))])
    plan = plan_files(parts, weight="bytes", slots=8, reading=READING)
    assert plan.gap < 0.01 and plan.findings == ()
    large = plan.assignment.to_pandas().query("path == '/data/0.parquet'")
    assert len(large) <= 8 * 16
    one_a_file = plan.layouts[1]
    assert one_a_file.makespan >= 4_000 * MB and plan.makespan < one_a_file.makespan / 7


def test_what_is_larger_than_a_fair_share_is_named_with_the_bound_it_sets() -> None:
    plan = plan_files(parquet_of([[600 * MB, 100 * MB], [100 * MB]]), weight="bytes", slots=4, reading=READING)
    [finding] = plan.findings
    assert plan.bound_reason == "one row group" and plan.lower_bound == 600 * MB == plan.heaviest[0].weight
    assert "/data/0.parquet, row group 0 (600 MB)" in finding.problem and "at least 3 ×" in finding.problem
    assert "smaller row groups" in finding.mend
    packed = plan_files(whole([90, 10, 10], False), weight="bytes", slots=3, reading=READING)
    assert "s3://bucket/logs/0.csv.gz" in packed.findings[0].problem and "before compressing" in packed.findings[0].mend
    text = plan_files(whole([90, 10, 10], True), weight="bytes", slots=3, reading=READING)
    assert "split it into several files" in text.findings[0].mend
    assert plan_files(parquet_of([[5, 1]]), weight="bytes", slots=1, reading=READING).findings == ()


def test_rows_are_weighed_where_they_are_known() -> None:
    plan = plan_files(parquet_of([[1, 1000], [50]], rows=7), weight="rows", slots=3, reading=READING)
    assert plan.partition_weight.tolist() == [7, 7, 7] and plan.total_rows == 21
    with pytest.raises(InputError, match="Parquet files only"):
        plan_files(whole([1], True), weight="rows", slots=1, reading=READING)


def packed_by_spark(sizes: list[int], divisible: bool, reading: SparkReading) -> list[int]:
    """Transcribe Spark's packing: bytes of each partition."""
    total = sum(size + reading.open_cost_bytes for size in sizes)
    most = min(reading.max_partition_bytes, max(reading.open_cost_bytes, total // reading.min_partitions))
    pieces = []
    for size in sizes:
        steps = range(0, size, most) if divisible else range(0, size, max(size, 1))
        pieces += [min(most, size - at) if divisible else size for at in steps]
    partitions, current, held = [], 0, []
    for piece in sorted(pieces, reverse=True):
        if current + piece > most and held:
            partitions.append(sum(held))
            current, held = 0, []
        current += piece + reading.open_cost_bytes
        held.append(piece)
    return [*partitions, sum(held)] if held else partitions


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=20).filter(any),
    st.booleans(),
    st.builds(SparkReading, st.integers(1, 100), st.integers(1, 20), st.integers(1, 5)),
)
def test_spark_packs_as_it_does(sizes: list[int], divisible: bool, reading: SparkReading) -> None:
    parts = whole(sizes, divisible)
    found = spark_reading_weights(parts, parts.bytes.astype(np.float64), reading)
    assert found.tolist() == pytest.approx(packed_by_spark(sizes, divisible, reading))


def test_spark_reads_a_row_group_with_the_piece_that_holds_its_middle() -> None:
    parts = parquet_of([[500, 500]])
    found = spark_reading_weights(parts, parts.bytes.astype(np.float64), SparkReading(280, 1, 4))
    assert found.tolist() == [500, 0, 500, 0], "four pieces of 275 bytes; row groups start in the first and the second"


def test_nothing_to_read() -> None:
    plan = plan_files(parquet_of([[]]), weight="bytes", slots=2, reading=READING)
    assert plan.n_parts == 0 and plan.makespan == 0 and plan.gap == 0 and plan.assignment.num_rows == 0

"""Ordered data on real executors: optimal cuts, every row in its range, one shuffle."""

from __future__ import annotations

import datetime
import decimal
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

from planner import InputError
from planner.partitioners import contiguous_cuts
from planner.spark import range_weights
from planner.spark.ranges import BalancedRanges, balance_ranges

NAN = math.nan
UTC = datetime.UTC
# Around the hour that is there twice when summer time ends in Berlin, each quarter of an hour, in UTC.
AUTUMN = [datetime.datetime(2023, 10, 29, 0, tzinfo=UTC) + datetime.timedelta(minutes=15 * i) for i in range(8)]
VALUES: dict[str, list[Any]] = {
    "tinyint": [-128, 127, 0, -1, None, 3],
    "bigint": [-(2**63), 2**63 - 1, 2**53 + 1, 2**53, 0, -7, None],
    "float": [0.1, -0.1, 0.0, -0.0, NAN, math.inf, -math.inf, None, 1e-45],
    "double": [0.1, -0.1, 0.0, -0.0, NAN, -NAN, math.inf, -math.inf, None, 5e-324, 1e308],
    "decimal(38,10)": [decimal.Decimal(text) for text in ("-1e27", "0.0000000001", "12345678901234567890.5", "0")],
    "string": ["", "a", "B", "b", "é", "日本", "🙂", "\uffff", "a\0b", 'it\'s \\ "quoted"', None, "z" * 200],
    "binary": [b"", b"\xff\xfe", b"\x00", b"a", None],
    "boolean": [True, False, None],
    "date": [datetime.date(1, 1, 1), datetime.date(9999, 12, 31), datetime.date(1970, 1, 1), datetime.date(1969, 1, 1)],
    "timestamp": [*AUTUMN, None, datetime.datetime(1900, 1, 1, 0, 0, 0, 1, tzinfo=UTC)],
    "timestamp_ntz": [datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31, 23, 59, 59, 999999), None]
    + [at.replace(tzinfo=None) for at in AUTUMN],
}


def placed(ranges: BalancedRanges, by: list[str]) -> list[tuple[int, int, int]]:
    """Give of each row the rank of its values as Spark sorts them, its partition and its id, in this order."""
    rows = ranges.partitioned().withColumn("partition", F.spark_partition_id())
    ranked = rows.select(F.dense_rank().over(Window.orderBy(*by)).alias("rank"), "partition", "id")
    return sorted((row["rank"], row["partition"], row["id"]) for row in ranked.collect())


def kept(ranges: BalancedRanges, n: int, by: list[str]) -> None:
    """Check that rows 0 to n − 1 are there, that partitions are in order, and that the plan counted them rightly."""
    found, plan = placed(ranges, by), ranges.plan
    partitions = [partition for _, partition, _ in found]
    assert partitions == sorted(partitions), "a later value never lies in an earlier partition"
    assert len({(rank, partition) for rank, partition, _ in found}) == plan.n_values, "no value lies in two"
    assert sorted(row for _, _, row in found) == list(range(n))
    assert [partitions.count(k) for k in range(plan.n_partitions)] == plan.partition_rows.tolist()


@pytest.mark.parametrize("kind", VALUES)
def test_every_type_is_cut_as_spark_orders_it(spark: SparkSession, kind: str) -> None:
    values = VALUES[kind] * 2
    name = "a b.`c`"
    rows = list(enumerate(values))
    df = spark.createDataFrame(rows, f"id int, `a b.``c``` {kind}")
    ranges = balance_ranges(df, name, partitions=len(values))
    assert ranges.plan.n_partitions == ranges.plan.n_values > 2, "a partition for each value"
    kept(ranges, len(rows), ["`a b.``c```"])


def test_times_are_cut_right_where_the_clock_is_turned_back(spark: SparkSession) -> None:
    df = spark.createDataFrame([(i, at) for i, at in enumerate(AUTUMN)], "id int, at timestamp")
    before = spark.conf.get("spark.sql.session.timeZone")
    spark.conf.set("spark.sql.session.timeZone", "Europe/Berlin")
    try:
        ranges = balance_ranges(df, "at", partitions=8)
        assert ranges.plan.firsts[:2] == ("2023-10-29 00:00:00Z", "2023-10-29 00:15:00Z")
        assert placed(ranges, ["at"]) == [(i + 1, i, i) for i in range(8)]
    finally:
        spark.conf.set("spark.sql.session.timeZone", before)


def test_text_may_hold_anything(spark: SparkSession) -> None:
    words = F.element_at(F.array(*map(F.lit, ["FF", "61", "C3", "", "E9FF"])), F.col("id").cast("int") + 1)
    df = spark.range(5).select("id", F.unhex(words).cast("string").alias("text"))
    ranges = balance_ranges(df, "text", partitions=5)
    assert ranges.plan.firsts == ("", "a", r"\xc3", r"\xe9\xff", r"\xff")
    kept(ranges, 5, ["text"])


def test_several_columns_are_cut_as_one(spark: SparkSession) -> None:
    texts, numbers = ["b", None, "a"], [1.5, NAN, None, -0.0, 0.0]
    rows = [(i, texts[i % 3], numbers[i % 5], AUTUMN[i % 2]) for i in range(60)]
    df = spark.createDataFrame(rows, "id int, s string, x float, at timestamp")
    ranges = balance_ranges(df, ["s", "x", "at"], partitions=30)
    assert ranges.plan.n_partitions == 24, "3 texts, 4 numbers (-0.0 is 0.0), 2 times"
    assert ranges.plan.firsts[0] == "null, null, 2023-10-29 00:00:00Z"
    kept(ranges, 60, ["s", "x", "at"])
    kept(balance_ranges(df, ["s", "x"], weight="id", partitions=5), 60, ["s", "x"])


def test_cuts_are_optimal_where_quantiles_of_a_sample_are_not(spark: SparkSession) -> None:
    df = spark.range(20_000).select("id", F.log2(F.col("id") + 1).cast("int").alias("level"), F.col("id").alias("cost"))
    plan = balance_ranges(df, "level", weight="cost", partitions=3).plan
    costs = [sum(range(2**k - 1, min(2 ** (k + 1) - 1, 20_000))) for k in range(15)]
    best = min(max(sum(costs[:a]), sum(costs[a:b]), sum(costs[b:])) for a in range(1, 14) for b in range(a + 1, 15))
    assert plan.largest == best == plan.lower_bound
    assert plan.gap == 0
    assert plan.partition_weight.sum() == sum(range(20_000))
    assert plan.weight == "sum of cost"


def test_one_shuffle_and_nothing_more(spark: SparkSession, capsys: pytest.CaptureFixture[str]) -> None:
    df = spark.range(1_000).select(F.col("id") % 100, "id").toDF("k", "id")
    ranges = balance_ranges(df, "k")
    assert ranges.plan.n_partitions == 6, "a partition for each of the session's slots"
    ranges.sorted().explain()
    told = capsys.readouterr().out
    assert len(re.findall("Exchange", told)) == 1, told
    assert ranges.sorted().columns == df.columns
    assert ranges.sorted().schema == df.schema
    assert ranges.partitioned().select(F.spark_partition_id()).distinct().count() == 6


def test_written_files_are_sorted_from_the_first_to_the_last(spark: SparkSession, tmp_path: Path) -> None:
    df = spark.range(5_000).select((F.rand(7) * 1000).cast("int").alias("at"), "id").repartition(4)
    balance_ranges(df, "at", partitions=5).sorted().write.parquet(str(tmp_path / "out"))
    files = sorted((tmp_path / "out").glob("*.parquet"))
    parts = [pq.read_table(file).column("at").to_pylist() for file in files]
    together = [value for part in parts for value in part]
    assert len(files) == 5 and len(together) == 5_000 and together == sorted(together)
    assert max(map(len, parts)) < 1_020, "equal shares, but for the rows of one value"


def test_rows_that_are_new_go_to_the_range_of_their_values(spark: SparkSession) -> None:
    folder = spark.createDataFrame([(i, i) for i in range(0, 40, 2)], "id int, k int")
    ranges = balance_ranges(folder, "k", partitions=4)
    more = spark.createDataFrame([(i, i) for i in range(-5, 60)], "id int, k int")
    later = BalancedRanges(more, ranges.plan, ranges._number)
    partitions = [partition for _, partition, _ in placed(later, ["k"])]
    assert partitions == sorted(partitions) and set(partitions) == {0, 1, 2, 3}


@pytest.mark.parametrize(("kind", "worth"), [("double", 4), ("string", 1)])
def test_very_many_values_are_weighed_in_runs(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, kind: str, worth: int
) -> None:
    monkeypatch.setattr(range_weights, "WORTH_GROUPING", worth)
    monkeypatch.setattr(range_weights, "MOST_VALUES", 500)
    monkeypatch.setattr(range_weights, "RUNS", 400)
    skewed = F.when(F.col("id") < 3_000, F.lit(77)).otherwise(F.hash("id"))
    df = spark.range(0, 20_000, 1, 4).select("id", skewed.cast(kind).alias("k"), (F.col("id") % 5 + 0.5).alias("w"))
    ranges = balance_ranges(df, "k", weight="w", partitions=4)
    plan, summed = ranges.plan, df.groupBy("k").agg(F.sum("w")).orderBy("k").collect()
    weights = np.array([2 * weight for _, weight in summed], dtype=np.int64)
    best = np.diff(np.append(0, np.cumsum(weights))[contiguous_cuts(weights, 4)]).max() / 2
    assert not plan.values_exact and "runs of consecutive ones" in plan.notes[0]
    assert plan.n_values == len(summed) and plan.n_rows == 20_000
    assert plan.lower_bound <= best <= plan.largest <= best * (1 + plan.gap) and plan.gap < 0.02
    kept(ranges, 20_000, ["k"])


def test_runs_are_not_cut_at_the_end_of_a_batch(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(range_weights, "MOST_VALUES", 500)
    monkeypatch.setattr(range_weights, "RUNS", 100)
    told = []
    cut = range_weights.Atoms
    monkeypatch.setattr(range_weights, "Atoms", lambda *given: told.append(cut(*given)) or told[-1])
    before = spark.conf.get("spark.sql.execution.arrow.maxRecordsPerBatch")
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "7")
    try:
        balance_ranges(spark.range(10_000), "id", partitions=1)
    finally:
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", before)
    assert told[0].values.tolist()[:3] == [100, 100, 100]
    assert len(told[0].values) <= 2 * 100 and told[0].values.sum() == 10_000


def test_small_frames_have_plans(spark: SparkSession) -> None:
    df = spark.createDataFrame([(0, "a", 0), (1, "a", 0)], "id int, k string, w int")
    one = balance_ranges(df, "k", partitions=5)
    assert one.plan.n_partitions == 1 and one.plan.cuts == () and one.plan.firsts == ("a",)
    assert "1 partition and not 5, because there are no more distinct values" in repr(one)
    kept(one, 2, ["k"])
    empty = balance_ranges(df.where("false"), ["k", "id"], weight="w")
    assert empty.plan.n_partitions == 1 and empty.plan.n_rows == 0
    assert empty.sorted().collect() == [] and "no rows" in repr(empty) and "<table>" in empty._repr_html_()
    nothing = balance_ranges(df, "id", weight="w", partitions=2)
    assert nothing.plan.weight == "rows" and "all weights are 0" in nothing.plan.notes[0]
    kept(nothing, 2, ["id"])


def test_a_session_is_left_as_it_was(spark: SparkSession) -> None:
    df = spark.range(100)
    before = spark.conf.getAll
    kept(balance_ranges(df, "id", partitions=7), 100, ["id"])
    assert spark.conf.getAll == before
    spark.conf.set("spark.sql.adaptive.enabled", "false")
    spark.conf.set("spark.sql.shuffle.partitions", "3")
    try:
        kept(balance_ranges(df, "id", partitions=7), 100, ["id"])
    finally:
        spark.conf.set("spark.sql.adaptive.enabled", "true")
        spark.conf.unset("spark.sql.shuffle.partitions")


def test_what_is_wrong_is_said_at_once(spark: SparkSession) -> None:
    df = spark.createDataFrame([(1, "a", [1], 1.0)], "id int, name string, list array<int>, cost double")
    with pytest.raises(InputError) as raised:
        balance_ranges(df, ["nam", "id"], weight="csot", partitions=0, slots=-2)
    told = str(raised.value)
    for part in ("did you mean 'name'", "weight: 'csot'", "did you mean 'cost'", "partitions: is 0", "slots: is -2"):
        assert part in told, told
    for by, weight, said in [
        (["id", "ID"], None, "given twice"),
        ([], None, "expected the name of a column"),
        ("list", None, "array<int>; expected numbers, text"),
        ("id", "name", "'name' is of type string; expected numbers"),
        ("id", 3, "expected None (rows) or the name of a column"),
    ]:
        with pytest.raises(InputError) as raised:
            balance_ranges(df, by, weight=weight)
        assert said in str(raised.value)


def test_weights_that_are_none_are_counted_in_one_error(spark: SparkSession) -> None:
    weights = [1.0, -1.0, NAN, None, None, math.inf, -math.inf]
    df = spark.createDataFrame(list(enumerate(weights)), "id int, cost double")
    with pytest.raises(InputError) as raised:
        balance_ranges(df, "id", weight="cost")
    [fault] = raised.value.faults
    assert fault.path == "weight"
    assert "null in 2, NaN in 1, infinite in 2, negative in 1 of 7 rows" in fault.problem

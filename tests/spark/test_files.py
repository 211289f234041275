"""Folders of unequal files on real executors: the rows of Spark's own reader, in planned partitions."""

from __future__ import annotations

import datetime
import decimal
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.errors import PythonException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from planner import InputError
from planner.io.locations import Location
from planner.spark.files import balance_files

NOON = datetime.datetime(2024, 3, 31, 12, 0, 0, 123456)


def table(n: int, start: int = 0) -> pa.Table:
    """Make rows of many types, with nulls among them."""
    some = [None if i % 7 == 3 else i + start for i in range(n)]

    def of(make: Any) -> list[Any]:
        return [None if i is None else make(i) for i in some]

    return pa.table(
        {
            "id": pa.array(range(start, start + n), pa.int64()),
            "small": pa.array(of(lambda i: i % 100), pa.int8()),
            "unsigned": pa.array(of(lambda i: 2**32 - 1 - i), pa.uint32()),
            "x": pa.array(of(lambda i: float("nan") if i % 5 == 0 else -0.0 if i % 5 == 1 else i / 3), pa.float64()),
            "text": pa.array(of(lambda i: f"é-{i}-日本" if i % 2 else ""), pa.string()).dictionary_encode(),
            "long": pa.array(of(str), pa.large_string()),
            "raw": pa.array(of(lambda i: bytes([i % 256, 0])), pa.binary()),
            "price": pa.array(of(lambda i: decimal.Decimal(i).scaleb(-2)), pa.decimal128(12, 2)),
            "huge": pa.array(of(lambda i: decimal.Decimal(-i).scaleb(20)), pa.decimal128(38, 0)),
            "day": pa.array(
                of(lambda i: datetime.date(1970, 1, 1) + datetime.timedelta(days=i * 37 - 20_000)), pa.date32()
            ),
            "at": pa.array(of(lambda i: NOON + datetime.timedelta(hours=i)), pa.timestamp("us", "UTC")),
            "local": pa.array(of(lambda i: NOON + datetime.timedelta(minutes=i)), pa.timestamp("us")),
            "flag": pa.array(of(lambda i: i % 2 == 0), pa.bool_()),
            "list": pa.array(of(lambda i: [None, i, i + 1][: i % 4]), pa.list_(pa.int32())),
            "map": pa.array(of(lambda i: [(f"k{i}", i), ("", None)]), pa.map_(pa.string(), pa.int64())),
            "nested": pa.array(
                of(lambda i: {"a": i, "b": [{"c": str(i), "d": NOON}, None] if i % 3 else None}),
                pa.struct(
                    [
                        ("a", pa.int32()),
                        ("b", pa.list_(pa.struct([("c", pa.string()), ("d", pa.timestamp("us", "UTC"))]))),
                    ]
                ),
            ),
            "a.b `c`": pa.array(some, pa.int64()),
        }
    )


def same(found: DataFrame, expected: DataFrame) -> None:
    """Check that two frames have the same schema, and the same rows in any order."""
    assert found.schema == expected.schema
    assert Counter(map(repr, found.collect())) == Counter(map(repr, expected.collect()))


def partitions_of(frame: DataFrame) -> dict[int, int]:
    """Count the rows of each partition."""
    rows = frame.groupBy(F.spark_partition_id().alias("partition")).count().collect()
    return {row["partition"]: row["count"] for row in rows}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder of one large file of many row groups, and of small ones, one without any rows."""
    where = tmp_path / "a folder with ünusual #names% [here] {x}"
    (where / "inner").mkdir(parents=True)
    pq.write_table(table(600), where / "large.parquet", row_group_size=50)
    for i in range(4):
        pq.write_table(table(20, start=1_000 * (i + 1)), where / "inner" / f"small {i}.parquet")
    pq.write_table(table(0), where / "none.parquet")
    (where / "_SUCCESS").write_text("")
    (where / ".hidden.parquet").write_text("no Parquet")
    return where


def test_rows_are_those_of_spark(spark: SparkSession, folder: Path) -> None:
    files = balance_files(spark, folder, weight="rows", partitions=7)
    plan = files.plan
    assert plan.n_files == 5 and plan.n_parts == 16 and plan.total_rows == 680
    same(files.read(), spark.read.option("recursiveFileLookup", "true").parquet(Location.of(folder).hadoop()))
    counted = partitions_of(files.read())
    assert [counted[k] for k in range(7)] == plan.partition_weight.tolist() == sorted(counted.values(), reverse=True)
    assert plan.skew < 1.1 and plan.makespan < plan.layouts[1].makespan, "better than one task a file"


def test_only_the_columns_that_are_asked_for(spark: SparkSession, folder: Path) -> None:
    files = balance_files(spark, folder, slots=3)
    own = spark.read.option("recursiveFileLookup", "true").parquet(Location.of(folder).hadoop())
    same(files.read(columns=["nested", "ID", "a.b `c`"]), own.select("nested", "id", "`a.b ``c```"))
    with pytest.raises(InputError, match=r"'pric' is no column; did you mean 'price'"):
        files.read(columns=["pric"])


def test_work_in_python_is_done_where_it_is_read(spark: SparkSession, folder: Path) -> None:
    files = balance_files(spark, folder, weight="rows", partitions=4)

    def total(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows = [(batch.num_rows, sum(batch.column("id").to_pylist()), batch.num_columns) for batch in batches]
        counted, added, columns = (sum(column) for column in zip(*rows, strict=True))
        yield pa.RecordBatch.from_pydict({"rows": [counted], "total": [added], "columns": [columns // len(rows)]})

    found = files.map_in_arrow(total, "rows long, total long, columns long", columns=["id", "text"]).collect()
    assert [row["rows"] for row in found] == files.plan.partition_weight.tolist()
    assert sum(row["total"] for row in found) == files.read(columns=["id"]).agg(F.sum("id")).collect()[0][0]
    assert {row["columns"] for row in found} == {2}


def test_what_spark_itself_writes(spark: SparkSession, tmp_path: Path) -> None:
    df = spark.range(200).select(
        "id",
        F.timestamp_micros(F.col("id") * 10**9).alias("at"),
        F.when(F.col("id") % 3 > 0, F.col("id").cast("string")).alias("text"),
        F.struct(F.col("id").alias("n"), F.array("id").alias("list")).alias("nested"),
        (F.col("id") % 2).cast("int").alias("part"),
        F.when(F.col("id") % 3 > 0, F.lit("x/y=% é")).alias("name"),
    )
    before = spark.conf.get("spark.sql.parquet.outputTimestampType")
    for kind in ("INT96", "TIMESTAMP_MICROS"):
        where = (tmp_path / kind).as_uri()
        spark.conf.set("spark.sql.parquet.outputTimestampType", kind)
        df.coalesce(1).write.partitionBy("part", "name").parquet(where)
        files = balance_files(spark, where, partitions=4)
        same(files.read(), spark.read.parquet(where))
    spark.conf.set("spark.sql.parquet.outputTimestampType", before)
    same(files.read(columns=["name", "id"]), spark.read.parquet(where).select("name", "id"))


def test_types_that_spark_does_not_read_are_read_as_near_as_can_be(spark: SparkSession, tmp_path: Path) -> None:
    at = pa.array([1_700_000_000_123_456_789, None], pa.timestamp("ns"))
    pq.write_table(pa.table({"at": at, "id": [1, 2]}), tmp_path / "nanoseconds.parquet")
    found = balance_files(spark, tmp_path, slots=2).read()
    assert found.dtypes == [("at", "timestamp_ntz"), ("id", "bigint")]
    expected = datetime.datetime(2023, 11, 14, 22, 13, 20, 123456)
    assert sorted((row["id"], row["at"]) for row in found.collect()) == [(1, expected), (2, None)]


def test_columns_that_some_files_lack_are_null_and_named(spark: SparkSession, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [1], "more": ["x"]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"id": [2]}), tmp_path / "b.parquet")
    pq.write_table(pa.table({"MORE": ["z"], "id": [3], "extra": [1.0]}), tmp_path / "c.parquet")
    files = balance_files(spark, tmp_path, slots=2)
    told = " ".join(finding.problem for finding in files.findings)
    assert "column 'more' is missing in 1 of the files" in told and "b.parquet" in told
    assert "column 'extra' is only in 1 of the files" in told and "c.parquet" in told
    assert sorted(map(tuple, files.read(columns=["id", "more"]).collect())) == [(1, "x"), (2, None), (3, "z")]
    same(files.read(), spark.read.parquet(tmp_path.as_uri()))


def test_other_files_are_read_by_a_function(spark: SparkSession, tmp_path: Path) -> None:
    sizes = [4_000, 300, 20, 1]
    for i, n in enumerate(sizes):
        frame = pd.DataFrame({"file": i, "n": np.arange(n)})
        frame.to_csv(tmp_path / f"{i}.csv.gz", index=False)
    (tmp_path / "empty.csv.gz").write_bytes(b"")
    files = balance_files(spark, tmp_path, partitions=2, slots=2)
    [large, empty] = files.findings
    assert "0.csv.gz" in large.problem and "fair share" in large.problem and "split it before compressing" in large.mend
    assert "empty.csv.gz" in empty.problem
    assert files.plan.bound_reason == "one file" and "one file alone" in repr(files)

    def in_pieces(path: str) -> Iterator[pd.DataFrame]:
        yield from pd.read_csv(path, chunksize=1_000)

    for func in (pd.read_csv, in_pieces):
        found = files.read(func, "file int, n long")
        assert Counter(row["file"] for row in found.collect()) == dict(enumerate(sizes))
        assert partitions_of(found) == {0: 4_000, 1: 321}, "the heaviest alone, and first"


def test_a_function_that_raises_is_named_with_its_file(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "good.jsonl").write_text(json.dumps({"id": 1}) + "\n")
    (tmp_path / "bad.jsonl.gz").write_bytes(gzip.compress(b"{no json}"))

    def parse(path: str) -> pd.DataFrame:
        return pd.read_json(path, lines=True)

    with pytest.raises(PythonException, match=r"parse raised ValueError on .*bad\.jsonl\.gz"):
        balance_files(spark, tmp_path, slots=1).read(parse, "id long").collect()


def test_a_file_that_is_gone_is_named(spark: SparkSession, folder: Path) -> None:
    files = balance_files(spark, folder, slots=2)
    found = files.read()
    (folder / "inner" / "small 2.parquet").unlink()
    with pytest.raises(PythonException, match=r"reading .*small 2\.parquet failed"):
        found.select("id").collect()


def test_nothing_to_read_is_an_empty_frame(spark: SparkSession, tmp_path: Path) -> None:
    pq.write_table(table(0), tmp_path / "none.parquet")
    files = balance_files(spark, tmp_path)
    assert files.plan.n_parts == 0 and files.plan.makespan == 0 and "no gain expected" in repr(files)
    assert files.read().collect() == [] and files.read().schema == spark.read.parquet(str(tmp_path)).schema


def test_what_is_wrong_is_said_at_once(spark: SparkSession, tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InputError) as raised:
        balance_files(spark, tmp_path, weight="size", partitions=0, slots=True)  # type: ignore[arg-type]
    assert [fault.path for fault in raised.value.faults] == ["partitions", "slots", "weight"]
    with pytest.raises(InputError, match="read without a function"):
        balance_files(spark, folder).read(pd.read_parquet, "id long")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("text")
    texts = balance_files(spark, tmp_path / "texts")
    with pytest.raises(InputError) as raised:
        texts.read(columns=["a"])
    assert [fault.path for fault in raised.value.faults] == ["func", "schema", "columns"]
    with pytest.raises(InputError, match="and these are others: use read"):
        texts.map_in_arrow(iter, "id long")
    with pytest.raises(InputError, match="told by the footers of Parquet files only"):
        balance_files(spark, tmp_path / "texts", weight="rows")

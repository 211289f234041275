"""Rows of a DataFrame through resident stages on a real Spark, also when an executor is killed meanwhile."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.errors import PythonException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from planner.errors import InputError, RunError
from planner.models import read_model
from planner.spark import stream, streaming
from planner.streaming import Batch, chain
from planner.streaming.files import scratch

pytestmark = [pytest.mark.spark, pytest.mark.timeout(240)]


def words(spark: SparkSession, rows: int, partitions: int) -> DataFrame:
    """Texts, and columns of other types that nobody asks for."""
    return spark.range(0, rows, 1, partitions).select(
        "id",
        F.concat_ws(" ", F.lit("row"), F.col("id").cast("string")).alias("text"),
        F.when(F.col("id") % 3 == 0, F.col("id")).alias("third"),
        F.timestamp_seconds(F.col("id")).alias("at"),
        F.array(F.struct(F.col("id").alias("n"))).alias("nested"),
    )


def chain_of_three() -> list[Any]:
    """Callables that travel by value."""

    def tokenise(batch: Batch) -> Batch:
        tokens = np.empty(len(batch["text"]), dtype=object)
        tokens[:] = [np.array([len(word) for word in text.split()]) for text in batch["text"]]
        return {"tokens": tokens}

    class Embed:
        def __init__(self) -> None:
            self.table = np.arange(100.0)

        def __call__(self, batch: Batch) -> Batch:
            return {"vectors": np.stack([[self.table[tokens].sum(), len(tokens)] for tokens in batch["tokens"]])}

    def score(batch: Batch) -> Batch:
        return {"score": batch["vectors"].sum(axis=1), "vector": batch["vectors"].astype(np.float32)}

    return [tokenise, Embed, score]


def test_a_chain_of_callables_adds_columns_and_keeps_rows_and_their_order(spark: SparkSession) -> None:
    frame = words(spark, 500, 4)
    sample = {"text": np.array(["row 1"] * 16, dtype=object)}
    planned = read_model(chain_of_three(), batch=sample).plan(executors=3)
    result = planned.stream(spark, frame, columns=["text"], batch=16)
    out = result.frame
    assert out.columns == [*frame.columns, "score", "vector"]
    assert out.select(frame.columns).schema == frame.schema
    assert out.select(frame.columns).collect() == frame.collect(), "as they were, one after the other"
    rows = out.select("id", "score", "vector").collect()
    expected = [3.0 + len(str(row.id)) + 2 for row in rows]
    assert [row.score for row in rows] == expected
    assert all(sum(row.vector) == score for row, score in zip(rows, expected, strict=True))
    assert out.rdd.getNumPartitions() == 4
    assert (result.load.rows, result.load.batches) == (500, 4 * 8)
    assert "the bottleneck is" in repr(result)


def test_no_rows_give_a_frame_with_the_columns(spark: SparkSession) -> None:
    def measure(batch: Batch) -> Batch:
        return {"length": np.array([len(text) for text in batch["text"]], dtype=np.int32)}

    out = stream(spark, words(spark, 10, 2).filter("id < 0"), [chain("all", [measure])], columns=["text"]).frame
    assert out.count() == 0 and out.schema["length"].dataType.simpleString() == "int"


def test_a_stage_that_raises_is_told_with_its_traceback(spark: SparkSession) -> None:
    def broken(batch: Batch) -> Batch:
        raise ValueError(f"no {batch['id'][0]}")

    with pytest.raises(RunError, match=r"broken, batch 0.*ValueError: no 0") as caught:
        stream(spark, words(spark, 8, 1), [chain("broken", [broken])], columns=["id"])
    assert "in broken\nValueError: no 0" in caught.value.failed[0].traceback


def test_wrong_arguments_are_all_told_before_anything_runs(spark: SparkSession) -> None:
    with pytest.raises(InputError) as caught:
        stream(spark, words(spark, 8, 1), [chain("a", [dict])], columns=["txt", "id"], batch=0)
    assert [fault.path for fault in caught.value.faults] == ["columns[0]", "batch"]
    with pytest.raises(InputError, match="expected a list of at least one column"):
        stream(spark, words(spark, 8, 1), [chain("a", [dict])], columns="text")
    with pytest.raises(InputError, match="stages: there is none"):
        stream(spark, words(spark, 8, 1), [], columns=["text"])
    with pytest.raises(InputError) as caught:
        stream(spark, None, [chain("a", [dict])], columns=[5, F.col("id"), "id", "id"], batch=2.5, homes=[(1,)])
    assert [fault.path for fault in caught.value.faults] == [
        "df",
        "columns[0]",
        "columns[1]",
        "columns[3]",
        "batch",
        "homes",
    ]
    lock = threading.Lock()

    def locked(batch: Batch) -> Batch:
        with lock:
            return batch

    with pytest.raises(
        InputError, match=r"stages\[0\], locked: cannot be sent to executors \(TypeError: cannot pickle"
    ):
        stream(spark, words(spark, 8, 1), [chain("locked", [locked])], columns=["text"])


def left_by_streams(spark: SparkSession) -> set[str]:
    """Give the folders of rows that are on the executors' disks."""

    def kept(_: int) -> list[str]:
        return [str(path) for path in scratch().glob("planner-stream-*")]

    return {name for names in spark.sparkContext.parallelize(range(6), 6).map(kept).collect() for name in names}


def wait_for_no_more(spark: SparkSession, before: set[str]) -> None:
    until = time.monotonic() + 20
    while spark.sparkContext.statusTracker().getActiveJobsIds() or left_by_streams(spark) - before:
        assert time.monotonic() < until, "a job still runs, or rows are still on a disk"
        time.sleep(0.2)


def test_rows_that_cannot_be_computed_leave_nothing_behind(spark: SparkSession) -> None:
    def broken(records: Any) -> Any:
        for record in records:
            if record.column(0)[0].as_py() == 0:
                time.sleep(0.3)  # the other partition has been written by then
                raise ValueError("of the user")
            yield record

    before = left_by_streams(spark)
    with pytest.raises(PythonException, match="ValueError: of the user"):
        stream(spark, spark.range(0, 8, 1, 2).mapInArrow(broken, "id long"), [chain("a", [dict])], columns=["id"])
    wait_for_no_more(spark, before)


def test_a_ctrl_c_while_rows_are_written_leaves_nothing_behind(spark: SparkSession, tmp_path: Path) -> None:
    begun, before = tmp_path / "begun", left_by_streams(spark)

    def slow(records: Any) -> Any:
        for record in records:
            yield record
            begun.touch()
            time.sleep(60)

    def interrupt() -> None:
        while not begun.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        stream(spark, spark.range(0, 8, 1, 1).mapInArrow(slow, "id long"), [chain("a", [dict])], columns=["id"])
    wait_for_no_more(spark, before)


def test_names_with_dots_are_names(spark: SparkSession) -> None:
    frame = spark.range(0, 5, 1, 1).select(F.col("id").alias("a.b"), F.lit("x").alias("a"))
    out = stream(spark, frame, [chain("a", [lambda batch: {"y.z": batch["a.b"] * 2}])], columns=["a.b"]).frame
    assert out.columns == ["a.b", "a", "y.z"]
    assert [tuple(row) for row in out.collect()] == [(i, "x", 2 * i) for i in range(5)]


def test_rows_are_not_lost_when_spark_has_them_read_where_they_are_not(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reader, spool, spooled = streaming._reader, streaming._spool, []

    def elsewhere(schema: bytes) -> Any:
        read = reader(schema)

        def reading(listed: Any) -> Any:
            if len(list(tmp_path.iterdir())) < 4:  # as often as Spark tries a task
                Path(tempfile.mkdtemp(dir=tmp_path), "rows").read_bytes()
            return read(listed)

        return reading

    monkeypatch.setattr(streaming, "_reader", elsewhere)
    monkeypatch.setattr(streaming, "_spool", lambda *given: spooled.append(given) or spool(*given))
    out = stream(spark, spark.range(0, 6, 1, 1), [chain("a", [lambda batch: {"y": batch["id"]}])], columns=["id"])
    assert [row.y for row in out.frame.collect()] == list(range(6))
    assert len(list(tmp_path.iterdir())) == 4 and len(spooled) == 1, "nothing was computed again"


@pytest.mark.losses
def test_a_killed_executor_costs_no_row_and_none_comes_twice(spark: SparkSession, tmp_path: Path) -> None:
    marker = tmp_path / "killed"

    def executor_process() -> int:
        pid = os.getpid()
        while b"CoarseGrainedExecutorBackend" not in Path(f"/proc/{pid}/cmdline").read_bytes():
            status = Path(f"/proc/{pid}/status").read_text()
            pid = int(next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:")))
        return pid

    def first(batch: Batch) -> Batch:
        time.sleep(0.02)
        return {"id": batch["id"], "x": batch["id"] * 2.0}

    def deadly(batch: Batch) -> Batch:
        if 300 <= batch["id"][0] < 1000 and not marker.exists():
            marker.touch()
            os.kill(executor_process(), signal.SIGKILL)
            time.sleep(60)
        return batch

    def last(batch: Batch) -> Batch:
        return {"y": batch["x"] + 1}

    stages = [chain("first", [first]), chain("deadly", [deadly]), chain("last", [last])]
    result = stream(spark, spark.range(0, 600, 1, 3), stages, columns=["id"], batch=5)
    rows = result.frame.collect()
    assert [row.id for row in rows] == list(range(600))
    assert [row.y for row in rows] == [2.0 * i + 1 for i in range(600)]
    assert marker.exists() and result.load.lost and result.load.replays > 0


def test_an_onnx_model_runs_in_parts(spark: SparkSession, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    from planner.submodels import LoadedStage, transformer

    path = transformer(tmp_path / "model.onnx", layers=3, width=32, heads=2, vocabulary=100)
    model = read_model(path, sizes={"batch": 8, "sequence": 8}, runs=2)
    planned = model.plan(executors=3)
    tokens = F.transform(F.sequence(F.lit(0), F.lit(7)), lambda place: (place * 7 + F.col("id")) % 100)
    frame = spark.range(0, 50, 1, 2).select("id", tokens.alias("ids"), F.array_repeat(F.lit(1), 8).alias("mask"))
    result = planned.stream(spark, frame, columns=["ids", "mask"], batch=8)
    rows = result.frame.collect()
    assert [row.id for row in rows] == list(range(50)) and len(result.load.stages) == planned.n_stages == 3
    given = {name: np.array([row[name] for row in rows], dtype=np.int64) for name in ("ids", "mask")}
    whole = LoadedStage(path)(given)["embedding"]
    np.testing.assert_allclose([row.embedding for row in rows], whole, atol=1e-5)
    again = model.corrected(planned, result.load)
    assert again.plan(executors=3).n_stages == 3, "the cut may move between runs"

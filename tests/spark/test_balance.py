"""``balance`` on real executors: placed as planned, in one shuffle, with the results of plain Spark."""

from __future__ import annotations

import datetime as dt
import decimal
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.errors import PythonException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from planner import InputError, PreflightError, RunError
from planner.spark import balance
from planner.spark.balance import check_version
from planner.spark.executors import live_executors
from planner.spark.session import session

pytestmark = pytest.mark.spark

SUMS = "store string, n long, total long"


def summed(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"store": frame.store.iloc[:1], "n": [len(frame)], "total": [frame.v.sum()]})


@pytest.fixture(scope="module")
def skewed(spark: SparkSession) -> DataFrame:
    """Give 20,000 rows over 60 stores, the first of which has a quarter of them."""
    rng, share = np.random.default_rng(0), 1 / np.arange(1, 61) ** 1.2
    stores = rng.choice(60, 20_000, p=share / share.sum())
    frame = pd.DataFrame({"store": [f"s{i}" for i in stores], "v": rng.integers(0, 100, 20_000)})
    return spark.createDataFrame(frame)


def rows_of(frame: DataFrame) -> list[str]:
    """Give rows as text that tells −0.0 from 0.0 and finds NaN equal to itself, in any order."""
    return sorted(map(repr, frame.collect()))


def exchanges(frame: DataFrame) -> list[str]:
    """Read the shuffles off the physical plan."""
    plan: Any = frame._jdf.queryExecution().executedPlan().toString()
    return re.findall(r"(?<!Broadcast)Exchange (\w+)", plan)


# ---------------------------------------------------------------------------------------------------- placement


def test_one_shuffle_and_not_two(skewed: DataFrame) -> None:
    stores = balance(skewed, "store")
    other = skewed.sparkSession.createDataFrame([("s0", 1)], "store string, w long")
    placed = exchanges(stores.apply_in_pandas(summed, SUMS))
    assert placed == ["shufflepartitionidpassthrough"]
    pairs = stores.cogroup(other).apply_in_pandas(lambda left, right: left, skewed.schema)
    assert exchanges(pairs) == ["shufflepartitionidpassthrough"] * 2
    assert exchanges(stores.map_in_arrow(lambda batches: batches, skewed.schema)) == ["shufflepartitionidpassthrough"]


@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"spark.sql.adaptive.enabled": "false"},
        {"spark.sql.adaptive.advisoryPartitionSizeInBytes": "1g", "spark.sql.shuffle.partitions": "7"},
        {"spark.sql.autoBroadcastJoinThreshold": "-1", "spark.sql.adaptive.autoBroadcastJoinThreshold": "-1"},
    ],
)
def test_rows_lie_where_they_were_planned_whatever_the_settings(skewed: DataFrame, setting: dict[str, str]) -> None:
    spark = skewed.sparkSession
    before = {name: spark.conf.get(name, None) for name in setting}
    for name, value in setting.items():
        spark.conf.set(name, value)
    try:
        stores = balance(skewed, "store")
        numbered = stores.repartitioned().withColumn("p", F.spark_partition_id())
        where = numbered.groupBy("store").agg(F.collect_set("p").alias("p"), F.count("*").alias("n"))
        found = {row.store: (row.p, row.n) for row in where.collect()}
        assert all(len(partitions) == 1 for partitions, _ in found.values()), "no key in two partitions"
        for key in stores.plan.heaviest:
            assert found[key.key] == ([key.partition], key.rows)
        rows = Counter[int]()
        for (partition,), n in found.values():
            rows[partition] += n
        assert [rows[p] for p in range(stores.plan.n_partitions)] == stores.plan.partition_rows.tolist()
        assert {name: spark.conf.get(name, None) for name in setting} == setting, "settings stay untouched"
    finally:
        for name, old in before.items():
            spark.conf.unset(name) if old is None else spark.conf.set(name, old)


def test_the_plan_is_shown_with_what_spark_would_do(skewed: DataFrame) -> None:
    stores = balance(skewed, "store")
    plan = stores.plan
    assert (plan.n_keys, plan.keys_exact, plan.n_rows, plan.slots, plan.unit) == (60, True, 20_000, 6, "rows")
    assert plan.heaviest[0].key == "s0"
    assert plan.heaviest[0].partition == 0
    assert plan.n_partitions >= plan.slots
    assert {layout.name for layout in plan.layouts} == {"planned", "hash partitioning", "adaptive execution"}
    assert "s0" in repr(stores)
    assert "<svg" in stores._repr_html_() or "<table" in stores._repr_html_()


def test_what_hash_partitioning_would_do_is_what_it_does(skewed: DataFrame) -> None:
    plan = balance(skewed, "store").plan
    hashed = next(layout for layout in plan.layouts if layout.name == "hash partitioning")
    real = skewed.repartition(200, "store").groupBy(F.spark_partition_id()).count().toPandas()["count"]
    assert hashed.partitions == len(real)
    assert hashed.skew == pytest.approx(real.max() / real.mean())


# ------------------------------------------------------------------------------------------------------- forms


def test_every_form_gives_what_plain_spark_gives(skewed: DataFrame) -> None:
    stores, plain = balance(skewed, "store"), skewed.groupBy("store")

    def with_key(key: tuple[Any, ...], frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"store": [key[0]], "n": [len(frame)], "total": [frame.v.sum()]})

    def parts(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            yield batch.assign(n=batch.v * 2)[["store", "n"]]

    def arrow(table: pa.Table) -> pa.Table:
        return table.append_column("columns", [[",".join(table.column_names)] * len(table)])

    def arrow_with_key(key: tuple[pa.Scalar, ...], table: pa.Table) -> pa.Table:
        return pa.table({"store": [key[0].as_py()], "n": [len(table)]})

    def arrow_parts(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield batch.select(["store"])

    def keyed_parts(key: tuple[Any, ...], batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        yield pd.DataFrame({"store": [key[0]], "n": [sum(map(len, batches))]})

    pandas = [(summed, SUMS), (with_key, SUMS), (parts, "store string, n long"), (keyed_parts, "store string, n long")]
    for func, schema in pandas:
        assert rows_of(stores.apply_in_pandas(func, schema)) == rows_of(plain.applyInPandas(func, schema))
    arrows = [(arrow, "store string, v long, columns string"), (arrow_with_key, "store string, n long")]
    for func, schema in [*arrows, (arrow_parts, "store string")]:
        assert rows_of(stores.apply_in_arrow(func, schema)) == rows_of(plain.applyInArrow(func, schema))
    assert rows_of(stores.map_in_arrow(lambda batches: batches, skewed.schema)) == rows_of(skewed)
    assert rows_of(stores.repartitioned()) == rows_of(skewed)


def test_cogroup_gives_what_plain_spark_gives(skewed: DataFrame) -> None:
    other = skewed.sparkSession.createDataFrame([(f"s{i}", i) for i in range(50, 70)], "store string, w long")

    def both(key: tuple[Any, ...], left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"store": [key[0]], "n": [len(left)], "w": [right.w.sum()], "c": [str([*left, *right])]})

    schema = "store string, n long, w long, c string"
    planned = balance(skewed, "store").cogroup(other).apply_in_pandas(both, schema)
    plain = skewed.groupBy("store").cogroup(other.groupBy("store")).applyInPandas(both, schema)
    assert rows_of(planned) == rows_of(plain)

    def tables(left: pa.Table, right: pa.Table) -> pa.Table:
        return pa.table({"n": [len(left)], "m": [len(right)]})

    planned = balance(skewed, "store").cogroup(other).apply_in_arrow(tables, "n long, m long")
    plain = skewed.groupBy("store").cogroup(other.groupBy("store")).applyInArrow(tables, "n long, m long")
    assert rows_of(planned) == rows_of(plain)
    with pytest.raises(InputError, match=r"other: 'store' is bigint; expected string"):
        balance(skewed, "store").cogroup(other.withColumn("store", F.lit(1).cast("long")))


def test_agg_splits_a_hot_key_and_puts_it_together(skewed: DataFrame) -> None:
    def combined(frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"store": frame.store.iloc[:1], "n": [frame.n.sum()], "total": [frame.total.sum()]})

    distinct = skewed.withColumn("id", F.monotonically_increasing_id())
    stores = balance(distinct, "store")
    assert stores.plan.heaviest[0].pieces == 1
    result = stores.agg(summed, SUMS, combine=combined)
    assert rows_of(result) == rows_of(skewed.groupBy("store").applyInPandas(summed, SUMS))
    pieces = stores.plan.heaviest[0].pieces
    assert pieces > 1
    assert stores.plan.makespan < balance(distinct, "store").plan.makespan
    keys = stores.load().to_pandas()
    hot = keys[keys.key == "s0"]
    assert len(hot) == pieces, "every piece was measured, on its own partition"
    assert hot.rows.max() < 2.5 * hot.rows.mean(), "and they are about equal"

    def broken(frame: pd.DataFrame) -> pd.DataFrame:
        raise ZeroDivisionError(frame.store.iloc[0])

    with pytest.raises(PythonException, match=r"the function failed for the key store='s\d+' .*ZeroDivisionError"):
        stores.agg(summed, SUMS, combine=broken).collect()
    with pytest.raises(RunError) as caught, session():  # as jobs do, which end with exit code 1 and no Java
        stores.agg(summed, SUMS, combine=broken).collect()
    said = str(caught.value)
    assert said.startswith("the function failed for the key store=") and "ZeroDivisionError" in said
    assert "raise ZeroDivisionError(frame.store.iloc[0])" in said and ".java" not in said and ".scala" not in said


KEYS: dict[str, st.SearchStrategy[Any]] = {
    "string": st.sampled_from(["a", "b", "", "ä", "日本", "a\x00b", None]),
    "long": st.sampled_from([0, 1, -1, 2**62, 2**62 + 1, None]),
    "double": st.sampled_from([0.0, -0.0, float("nan"), float("inf"), 1.5, None]),
    "boolean": st.sampled_from([True, False, None]),
    "decimal(20,4)": st.sampled_from([decimal.Decimal("1.5000"), decimal.Decimal("-1"), decimal.Decimal(0), None]),
    "timestamp": st.sampled_from([dt.datetime(2024, 10, 27, 2, 30), dt.datetime(1970, 1, 1), None]),
    "date": st.sampled_from([dt.date(2024, 2, 29), dt.date(1, 1, 1), None]),
    "binary": st.sampled_from([b"", b"\x00\xff", None]),
    "struct<x:double,y:string>": st.sampled_from([(0.0, "a"), (-0.0, "a"), (float("nan"), None), (None, "b"), None]),
    "array<int>": st.sampled_from([[], [1], [1, None], None]),
}


@st.composite
def frames(draw: st.DrawFn) -> tuple[list[tuple[Any, ...]], str, list[str]]:
    kinds = draw(st.lists(st.sampled_from(sorted(KEYS)), min_size=1, max_size=2))
    n = draw(st.sampled_from([0, 1, 5, 40]))
    rows = [(*(draw(KEYS[kind]) for kind in kinds), i) for i in range(n)]
    names = [f"k {i}" for i in range(len(kinds))]
    return rows, ", ".join(f"`{name}` {kind}" for name, kind in zip(names, kinds, strict=True)) + ", id long", names


@pytest.mark.timeout(600)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(frames())
def test_any_frame_gives_the_same_bits(spark: SparkSession, drawn: tuple[list[Any], str, list[str]]) -> None:
    rows, schema, names = drawn
    spark = spark.newSession()
    spark.conf.set("spark.sql.session.timeZone", "UTC")  # Spark itself refuses its own Arrow times in other zones
    spark.conf.set("spark.sql.shuffle.partitions", "7")
    df = spark.createDataFrame(rows, schema)

    def whole(key: tuple[Any, ...], frame: pd.DataFrame) -> pd.DataFrame:
        shown = str(key).replace("-0.0", "0.0")  # which zero stands for both depends on which row came first
        return frame.sort_values("id").assign(n=len(frame), key=shown)

    def table(group: pa.Table) -> pa.Table:
        return group.sort_by("id").append_column("n", [[len(group)] * len(group)])

    groups, plain = balance(df, names), df.groupBy(*(f"`{name}`" for name in names))
    assert groups.plan.n_keys == plain.count().count()
    more = f"{schema}, n long, key string"
    assert rows_of(groups.apply_in_pandas(whole, more)) == rows_of(plain.applyInPandas(whole, more))
    more = f"{schema}, n long"
    assert rows_of(groups.apply_in_arrow(table, more)) == rows_of(plain.applyInArrow(table, more))

    def ids(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[["id"]]

    def together(frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"ids": [str(sorted(frame.id))]})

    aggregated = groups.agg(ids, "ids string", combine=together, partial_schema="id long")
    assert rows_of(aggregated) == rows_of(plain.applyInPandas(lambda f: together(ids(f)), "ids string"))


def test_executors_need_nothing_of_ours(skewed: DataFrame) -> None:
    """What travels is by value: it can be read where no planner is."""
    import subprocess

    from pyspark.cloudpickle import dumps

    from planner.spark.measured_calls import grouped

    call = grouped(
        summed, frames=1, arrow=False, columns_before=1, parts_before=2, by=["store"], columns=["store", "n", "total"]
    )
    code = """
import pickle, sys
sys.modules["planner"] = None
call = pickle.loads(sys.stdin.buffer.read())
import pandas as pd
print(call((0, 1, "a"), pd.DataFrame({"p": [0], "store": ["a"], "v": [3]})).to_dict("records"))
"""
    here = Path(__file__).parent
    said = subprocess.run([sys.executable, "-c", code], input=_by_value(call, dumps), capture_output=True, cwd=here)
    assert said.returncode == 0, said.stderr.decode()
    assert said.stdout.decode().strip() == "[{'store': 'a', 'n': 1, 'total': 3}]"


def _by_value(call: Any, dumps: Any) -> bytes:
    from pyspark import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        pickled: bytes = dumps(call)
        return pickled
    finally:
        cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


# ------------------------------------------------------------------------------------------------------- weights


def test_weights_in_every_form(skewed: DataFrame) -> None:
    counts = {row.store: (row.n, row.s) for row in skewed.groupBy("store").agg(
        F.count("*").alias("n"), F.sum("v").alias("s")).collect()}  # fmt: skip
    for weight, expected in [
        ("v", lambda n, s: s),
        ("n_rows**2", lambda n, s: n**2),
        ("sum(v) / 2 + sqrt(n_rows)", lambda n, s: s / 2 + n**0.5),
        (F.max("v") * 2 + F.count("*"), lambda n, s: None),
        (lambda key: key.n_rows**1.5, lambda n, s: n**1.5),
    ]:
        for key in balance(skewed, "store", weight=weight).plan.heaviest:
            if (wanted := expected(*counts[key.key])) is not None:
                assert key.weight == pytest.approx(wanted)
            assert key.rows == counts[key.key][0]


def test_many_keys_are_summarised(spark: SparkSession) -> None:
    """Light keys are summed in buckets; the hot ones among them are known exactly, and alone."""
    light = spark.range(300_000).select(F.col("id").alias("k"))
    hot = spark.range(100_000).select(F.lit(7).cast("long").alias("k"))
    df = light.union(hot)
    plan = balance(df, "k", slots=8).plan
    assert (plan.heaviest[0].key, plan.heaviest[0].rows, plan.heaviest[0].partition) == ("7", 100_001, 0)
    assert plan.n_rows == 400_000
    assert plan.makespan <= 1.02 * plan.lower_bound
    exact = balance(df, "k", slots=8, weight="n_rows").plan
    assert (exact.n_keys, exact.keys_exact) == (300_000, True)
    placed = balance(df, "k", slots=8).repartitioned().groupBy(F.spark_partition_id().alias("p")).count()
    rows = {row.p: row["count"] for row in placed.collect()}
    assert [rows.get(p, 0) for p in range(plan.n_partitions)] == plan.partition_rows.tolist()


def test_sampled_rows_place_every_key(skewed: DataFrame) -> None:
    stores = balance(skewed, "store", sample=0.2)
    assert stores.plan.n_rows == pytest.approx(20_000, rel=0.1)
    assert any("0.2 of the rows" in note for note in stores.plan.notes)
    assert rows_of(stores.apply_in_pandas(summed, SUMS)) == rows_of(skewed.groupBy("store").applyInPandas(summed, SUMS))


# ------------------------------------------------------------------------------------------------------ bad input


def test_bad_input_is_told_at_once(skewed: DataFrame) -> None:
    def told(*args: Any, **options: Any) -> str:
        with pytest.raises(InputError) as caught:
            balance(*args, **options)
        return str(caught.value)

    said = told(skewed, ["stroe", "nothing", "store", "store"], partitions=0, sample=2)
    assert "by: 'stroe' is no column; did you mean 'store'?" in said
    assert "'nothing' is no column" in said
    assert "'store' is given twice" in said
    assert "partitions: 0; expected" in said
    assert "sample: 2; expected" in said
    assert "more than one column 'v'" in told(skewed.select("*", "v"), "store")
    assert "expected a Spark DataFrame" in told(pd.DataFrame({"store": [1]}), "store")
    assert "slots: 0; expected" in told(skewed, "store", slots=0)
    assert "did you mean n_rows?" in told(skewed, "store", weight="nrows**2")
    assert "'store' is of type string; expected a column of numbers" in told(skewed, "store", weight="store")
    assert "outside of an aggregate" in told(skewed, "store", weight="v * 2")
    assert "no part of a weight" in told(skewed, "store", weight="[x for x in v]")
    assert "__import__" in told(skewed, "store", weight="__import__('os').system('true')")
    assert "expected a column, an expression" in told(skewed, "store", weight=7)
    lower = skewed.withColumn("store", F.expr("store collate UTF8_LCASE"))
    assert "collation UTF8_LCASE" in told(lower, "store")
    assert "is a map" in told(skewed.withColumn("m", F.create_map("store", "v")), "m")


@pytest.mark.parametrize(("value", "told"), [(-1.0, "-1"), (float("nan"), "NaN"), (None, "null")])
def test_weights_that_are_none(skewed: DataFrame, value: float | None, told: str) -> None:
    bad = skewed.withColumn("w", F.when(F.col("store") == "s3", F.lit(value)).otherwise(1.0))
    with pytest.raises(InputError, match=f"sum of w is {told} for a row of 's3'; expected a number of at least 0"):
        balance(bad, "store", weight="w")
    if value is not None:
        with pytest.raises(InputError, match=rf"the function raised for store='s\d+': ValueError: it gave {value}"):
            balance(skewed, "store", weight=lambda key: value)


def test_a_weight_function_that_raises_names_the_key(skewed: DataFrame) -> None:
    def weight(key: Any) -> float:
        return 1 / (0 if key.key == ("s5",) else 1)

    with pytest.raises(InputError, match="the function raised for store='s5': ZeroDivisionError"):
        balance(skewed, "store", weight=weight)


def test_a_function_that_raises_names_key_and_executor(skewed: DataFrame) -> None:
    def deep(frame: pd.DataFrame) -> pd.DataFrame:
        if frame.store.iloc[0] == "s3":
            raise KeyError("boom")
        return frame

    with pytest.raises(PythonException) as caught:
        balance(skewed, "store").apply_in_pandas(deep, skewed.schema).collect()
    said = str(caught.value)
    assert re.search(r"failed for the key store='s3' \(executor \d on .*, partition \d+, attempt \d\): KeyError", said)
    assert 'raise KeyError("boom")' in said, "with the traceback of the function"


def test_a_wrong_schema_is_told(skewed: DataFrame) -> None:
    stores = balance(skewed, "store")
    with pytest.raises(InputError, match=r"schema: 'store strin' cannot be read .*expected a StructType"):
        stores.apply_in_pandas(summed, "store strin")
    with pytest.raises(InputError, match="schema: 'long'; expected a StructType"):
        stores.apply_in_arrow(summed, "long")
    with pytest.raises(InputError, match=r"func: <lambda> takes 0 arguments; expected \(frame\) or \(key, frame\)"):
        stores.apply_in_pandas(lambda: None, SUMS)
    with pytest.raises(InputError, match="func: 3 is no function"):
        stores.apply_in_pandas(3, SUMS)
    with pytest.raises(PythonException, match=r"key store='s\d+'.*returned the columns .*; the schema has \['x'\]"):
        stores.apply_in_pandas(summed, "x long").collect()
    with pytest.raises(PythonException, match=r"it returned int; expected a pandas DataFrame"):
        stores.apply_in_pandas(lambda frame: 1, SUMS).collect()


@pytest.mark.parametrize("version", ["3.5.1", "4.0.0", "4.0.1.dev0"])
def test_an_old_pyspark_is_refused(version: str) -> None:
    with pytest.raises(PreflightError, match=r"has no DataFrame.repartitionById\n.*install PySpark 4.1 or newer"):
        check_version(version)
    check_version("4.1.0rc1")


# ---------------------------------------------------------------------------------------------------------- load


def test_the_load_tells_what_each_key_took(skewed: DataFrame) -> None:
    def slow(frame: pd.DataFrame) -> pd.DataFrame:
        hold = np.ones(20_000_000) if frame.store.iloc[0] == "s1" else None  # 160 MB
        time.sleep(0.3 if frame.store.iloc[0] == "s7" else 0.0)
        return summed(frame) if hold is None or hold.sum() else frame

    stores = balance(skewed, "store")
    result = stores.apply_in_pandas(slow, SUMS)
    with pytest.raises(PreflightError, match="nothing was measured"):
        stores.load()
    result.collect()
    load = stores.load()
    keys = load.to_pandas()
    assert len(keys) == 60
    slept = keys.set_index("key").loc["s7"]
    assert slept.wall_us >= 300_000
    assert slept.cpu_us < 250_000, "asleep"
    assert keys.rows.sum() == 20_000
    by_key = keys.set_index("key").peak_memory_bytes
    assert by_key["s1"] > by_key.drop("s1").median() + 100e6, "the peak is that of the key, not of all before it"
    assert load.partitions.num_rows == load.n_partitions == stores.plan.n_partitions
    assert set(load.partitions["executor"].to_pylist()) <= {each.id for each in live_executors(skewed.sparkSession)}
    assert load.executors()["rows"].sum() == 20_000
    assert 300_000 <= load.makespan_us < 30_000_000
    result.collect()
    again = stores.load()
    assert again.run != load.run
    assert again.keys.num_rows == 60, "the second action is measured apart"


def test_a_retried_partition_counts_once(skewed: DataFrame, tmp_path: Path) -> None:
    """The executor of a partition is killed under it; what was reported before and after adds up to one run."""
    spark = skewed.sparkSession
    marker = tmp_path / "killed"

    def deadly(frame: pd.DataFrame) -> pd.DataFrame:
        if frame.store.iloc[0] == "s9" and not marker.exists():
            marker.write_text("once")
            daemon = Path(f"/proc/{os.getppid()}/status").read_text()
            os.kill(int(daemon.split("PPid:")[1].split()[0]), signal.SIGKILL)
            time.sleep(30)
        return summed(frame)

    stores = balance(skewed, "store")
    result = stores.apply_in_pandas(deadly, SUMS)
    assert rows_of(result) == rows_of(skewed.groupBy("store").applyInPandas(summed, SUMS))
    assert marker.exists()
    load = stores.load()
    keys = load.to_pandas()
    assert sorted(keys.key) == sorted(f"s{i}" for i in range(60))
    assert keys.rows.sum() == 20_000
    assert max(load.partitions["attempt"].to_pylist()) >= 1
    until = time.monotonic() + 60  # the master starts another one, for the tests after this
    while spark.sparkContext._jsc.sc().statusStore().executorList(True).size() < 4 and time.monotonic() < until:
        time.sleep(0.2)


def test_history_makes_the_next_plan_better(spark: SparkSession, tmp_path: Path) -> None:
    """Costs have nothing to do with rows; the second plan knows them."""
    rng = np.random.default_rng(1)
    cost = {f"s{i}": float(c) for i, c in enumerate(rng.pareto(1.2, 40) * 0.01 + 0.002)}
    df = spark.createDataFrame([(key, i) for key in cost for i in range(5)], "store string, v long")

    def work(frame: pd.DataFrame) -> pd.DataFrame:
        time.sleep(cost[frame.store.iloc[0]])
        return summed(frame)

    history = str(tmp_path / "history")
    first = balance(df, "store", history=history)
    assert (first.plan.unit, first.plan.weight) == ("rows", "rows")
    first.apply_in_pandas(work, SUMS).collect()
    first.load()
    first.load()  # asked twice, written once
    second = balance(df, "store", history=history)
    assert (second.plan.unit, second.plan.weight) == ("s", "measured seconds")
    truth = balance(df.withColumn("c", F.udf(lambda key: cost[key] / 5, "double")("store")), "store", weight="c")
    assert {key.key for key in second.plan.heaviest[:3]} == {key.key for key in truth.plan.heaviest[:3]}
    where = {key.key: key.partition for key in second.plan.heaviest}
    assert where[max(cost, key=lambda key: cost[key])] == 0
    assert second.plan.lower_bound == pytest.approx(truth.plan.lower_bound, rel=0.25)
    new = balance(df.union(spark.createDataFrame([("new", 1)], df.schema)), "store", history=history)
    assert any("1 of the 41" in note for note in new.plan.notes)
    with pytest.raises(InputError):
        balance(df, "v", history=history)

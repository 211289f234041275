"""A client of a Spark Connect server, in a process of its own: a process has one kind of session.

Run with the server's address; prints ``held`` for each thing that holds, and ends with an error where one does not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from planner import Cluster, GraphBuilder, InputError, PreflightError, plan
from planner.spark import balance, run

SUMS = "store string, n long, total long"


def summed(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"store": frame.store.iloc[:1], "n": [len(frame)], "total": [frame.v.sum()]})


def combined(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"store": frame.store.iloc[:1], "n": [frame.n.sum()], "total": [frame.total.sum()]})


def parts(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    for batch in batches:
        yield batch[["store"]]


def counted(table: pa.Table) -> pa.Table:
    return pa.table({"n": [len(table)]})


def both(left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"n": [len(left)], "m": [len(right)]})


def rows_of(frame: DataFrame) -> list[str]:
    return sorted(map(repr, frame.collect()))


def refused(call: Any, kind: type[Exception], told: str) -> None:
    try:
        call()
    except kind as error:
        assert told in str(error), str(error)
    else:
        raise AssertionError(f"{told!r} was not told")


def main(address: str) -> None:
    spark = SparkSession.builder.remote(address).getOrCreate()
    rng, share = np.random.default_rng(0), 1 / np.arange(1, 41) ** 1.2
    stores = rng.choice(40, 5_000, p=share / share.sum())
    frame = pd.DataFrame({"store": [f"s{i}" for i in stores], "v": rng.integers(0, 100, 5_000)})
    df = spark.createDataFrame(frame)
    other = df.select("store", F.col("v").alias("w")).where("w > 50")
    groups, plain = balance(df, "store"), df.groupBy("store")
    assert (groups.plan.slots, groups.plan.n_keys, groups.plan.heaviest[0].key) == (2, 40, "s0")
    assert "s0" in repr(groups)
    pairs = [
        (groups.apply_in_pandas(summed, SUMS), plain.applyInPandas(summed, SUMS)),
        (groups.apply_in_pandas(parts, "store string"), plain.applyInPandas(parts, "store string")),
        (groups.apply_in_arrow(counted, "n long"), plain.applyInArrow(counted, "n long")),
        (groups.map_in_arrow(lambda batches: batches, df.schema), df),
        (groups.repartitioned(), df),
        (
            groups.cogroup(other).apply_in_pandas(both, "n long, m long"),
            plain.cogroup(other.groupBy("store")).applyInPandas(both, "n long, m long"),
        ),
        (groups.agg(summed, SUMS, combine=combined), plain.applyInPandas(summed, SUMS)),
    ]
    for number, (planned, expected) in enumerate(pairs):
        assert rows_of(planned) == rows_of(expected), number
        print("held", flush=True)
    for weight in ("n_rows**2", "v", lambda key: key.n_rows**1.5):
        assert balance(df, "store", weight=weight).plan.heaviest[0].weight > 0
        print("held", flush=True)
    refused(groups.load, PreflightError, "a Spark Connect session cannot report the load")
    refused(lambda: balance(df, "stroe"), InputError, "did you mean 'store'?")
    refused(lambda: balance(df, "store", weight=lambda key: 1 / 0), InputError, "ZeroDivisionError")
    refused(lambda: groups.apply_in_pandas(summed, "store strin"), InputError, "cannot be read")
    graph = GraphBuilder()
    graph.add("math:sqrt", 16, id="root", work=1)
    refused(lambda: run(plan(graph.build(), Cluster.uniform(1)), spark), PreflightError, "needs a classic SparkSession")
    print("held", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

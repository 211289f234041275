"""Graphs of dask on Spark's executors, what the Spark UI says of a run, and the forms in which its load leaves."""

from __future__ import annotations

import sys
from typing import Any

import cloudpickle
import dask.array as da
import numpy as np
import pyarrow.parquet as pq
import pytest
from dask import delayed
from prometheus_client.parser import text_string_to_metric_families
from pyspark import InheritableThread
from pyspark.sql import SparkSession

from planner import GraphBuilder, InputError, plan
from planner.interchange import from_dask
from planner.spark import RunResult, discover, run

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # executors cannot import tests


def _squares(blocks: int) -> Any:
    return da.from_array(np.arange(144.0).reshape(12, 12), chunks=12 // blocks)


def _increment(value: int) -> int:
    return value + 1


def test_a_dask_array_gives_the_same_on_sparks_executors(spark: SparkSession) -> None:
    table = _squares(3)
    array = ((table @ table.T + table) * 0.1).cumsum(axis=0)[:, ::2]
    planned = plan(from_dask(array), discover(spark), method="heft")
    result = run(planned, spark, progress="none")
    assert np.array_equal(result["result"], array.compute(scheduler="sync"))
    assert result.to_pandas().executor.nunique() > 1


def test_delayed_functions_and_arrays_together_give_the_same(spark: SparkSession) -> None:
    one = delayed(_increment)(1)
    named = {
        "one": one,
        "nested": delayed([delayed(_increment)(one), {"deep": (one, lambda: 5)[0]}]),
        "random": da.random.default_rng(7).normal(size=(8, 8), chunks=4).mean(axis=0),
    }
    result = run(plan(from_dask(named), discover(spark), method="heft"), spark, progress="none")
    assert result.values.keys() == named.keys()
    for name, collection in named.items():
        assert np.array_equal(result[name], collection.compute(scheduler="sync")), name


def _four() -> GraphBuilder:
    builder = GraphBuilder()
    first = builder.add("builtins:int", "3", id="<first> & only", work=1)
    for i in range(5):
        builder.add("operator:mul", first, i, id=f"times-{i}", work=1)
    return builder


def _job_of(spark: SparkSession, result: RunResult) -> Any:
    """Give what Spark's status store, from which its UI and REST are made, says of the job of a run."""
    store = spark.sparkContext._jsc.sc().statusStore()
    listed = store.jobsList(None)
    jobs = [listed.apply(i) for i in range(listed.size())]
    group = result.load.settings["job_group"]
    [job] = [
        job
        for job in jobs
        if job.jobGroup().isDefined() and job.jobGroup().get() == group and " tasks on " in job.description().get()
    ]
    return job


def test_the_spark_ui_names_the_queue_of_every_slot(spark: SparkSession) -> None:
    result = run(plan(_four().build(), discover(spark), method="heft"), spark, progress="none")
    told = _job_of(spark, result).description().get()
    head, *slots = told.split(" · ")
    assert head == "planner: 6 tasks on 6 slots" and len(slots) == 6
    store = spark.sparkContext._jsc.sc().statusStore()
    stage = _job_of(spark, result).stageIds().apply(0)
    listed = store.taskList(stage, 0, 100)
    ran = {listed.apply(i).index(): listed.apply(i).executorId() for i in range(listed.size())}
    for index, said in enumerate(slots):
        where, _, queue = said.partition(": ")
        assert where.startswith(f"index {index} is executor {ran[index]} slot ")
        tasks = result.load.tasks.to_pylist()
        planned = [
            t["task"] for t in tasks if where.endswith(f"executor {t['planned_executor']} slot {t['planned_slot']}")
        ]
        assert queue == (", ".join(planned) or "nothing")


def test_a_run_has_a_job_group_of_its_own_or_that_of_its_user(spark: SparkSession) -> None:
    context, seen = spark.sparkContext, []
    planned = plan(_four().build(), discover(spark), method="heft")

    def in_a_group(group: str | None) -> None:
        context.setLocalProperty("spark.jobGroup.id", group)  # type: ignore[arg-type]
        context.setLocalProperty("spark.job.description", "the user's own")
        result = run(planned, spark, progress="none")
        after = [context.getLocalProperty(f"spark.{name}") for name in ("jobGroup.id", "job.description")]
        seen.append((_job_of(spark, result).jobGroup().get(), result.load.settings["job_group"], after))

    for group in (None, "nightly"):
        thread = InheritableThread(target=in_a_group, args=(group,))
        thread.start()
        thread.join()
    (own, own_too, after_own), (theirs, theirs_too, after_theirs) = seen
    assert own == own_too and own.startswith("planner-") and after_own == [None, "the user's own"]
    assert theirs == theirs_too == "nightly" and after_theirs == ["nightly", "the user's own"]


def test_the_load_of_a_run_leaves_it(spark: SparkSession, tmp_path: Any) -> None:
    result = run(plan(_four().build(), discover(spark), method="heft"), spark, progress="none")
    result.export(tmp_path / "load.parquet")
    assert pq.read_table(tmp_path / "load.parquet").num_rows == 6
    [file] = result.export(tmp_path / "load.prom")
    families = {family.name: family for family in text_string_to_metric_families(file.read_text())}
    assert sum(sample.value for sample in families["planner_slot_tasks"].samples) == 6
    [info] = families["planner_run_info"].samples
    assert info.labels["application"] == spark.sparkContext.applicationId
    with pytest.raises(InputError, match="is no form of a load report"):
        result.export(tmp_path / "load.csv")

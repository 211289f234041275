"""Run by test_security.py in a process of its own: a run under TLS whose token is known, with all that Spark writes.

Arguments: folder, certificate, key, CA. Prints a line for each page of Spark's UI that was read.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
import urllib.request
from pathlib import Path
from typing import Any

from pyspark.find_spark_home import _find_spark_home
from pyspark.sql import SparkSession

import planner.runtime.drive
import planner.streaming.drive
from planner import Cluster, GraphBuilder, RunError, plan
from planner.runtime.wire import Line
from planner.spark import run, stream
from planner.streaming import chain

TOKEN = "tell-nobody-" + "0123456789abcdef" * 3 + "0123"


def _graph(fails: bool) -> Any:
    builder = GraphBuilder()
    big = builder.add("numpy:arange", 200_000, id="big")
    builder.add("numpy:sum", big, id="sum")
    builder.add("operator:mul", 6, 7, id="small")
    if fails:
        builder.add("builtins:int", "no number", id="fails")
    return builder.build()


def _doubled(batch: Any) -> Any:
    return {"x": batch["id"] * 2}


def _named(batch: Any) -> Any:
    return {"y": batch["x"]}


def _pages(spark: SparkSession, folder: Path) -> None:
    root, application = spark.sparkContext.uiWebUrl, spark.sparkContext.applicationId
    api = f"/api/v1/applications/{application}"
    paths = ["/jobs/", "/stages/", "/environment/", "/executors/", f"{api}/jobs", f"{api}/environment"]
    with urllib.request.urlopen(f"{root}{api}/stages?details=true") as answer:
        stages = json.load(answer)
    paths += [f"/stages/stage/?id={stage['stageId']}&attempt={stage['attemptId']}" for stage in stages]
    paths += [f"{api}/stages?details=true"]
    for i, path in enumerate(paths):
        with urllib.request.urlopen(f"{root}{path}") as answer:
            (folder / f"{i}.page").write_bytes(answer.read())
        print("read", path, flush=True)


def main(folder: Path, certificate: str, key: str, ca: str) -> None:
    """Run, fail, and read the pages."""
    logging.basicConfig(level=logging.DEBUG)  # of py4j as well
    planner.runtime.drive.new_token = planner.streaming.drive.new_token = lambda: TOKEN
    lines: list[Line] = []
    planner.streaming.drive.Line = lambda token, tls: lines.append(Line(token, tls)) or lines[-1]
    for name in ("events", "pages"):
        (folder / name).mkdir()
    spark = (
        SparkSession.builder.master("local-cluster[2,1,1024]")
        .config("spark.eventLog.enabled", "true")
        .config("spark.eventLog.dir", f"file://{folder}/events")
        .config("spark.eventLog.compress", "false")
        .config("spark.planner.tls.certificate", certificate)
        .config("spark.planner.tls.key", key)
        .config("spark.planner.tls.ca", ca)
        .config("spark.planner.tls.name", "planner")
        .config("spark.ui.enabled", "true")
        .config("spark.ui.port", "0")
        .config("spark.log.level", "INFO")
        .getOrCreate()
    )
    result = run(plan(_graph(False), Cluster.uniform(2)), spark, run_dir=folder / "done")
    assert result["sum"] == 200_000 * 199_999 // 2 and result["small"] == 42
    print(result, repr(result.load.settings), flush=True)
    try:
        run(plan(_graph(True), Cluster.uniform(2)), spark, run_dir=folder / "failed")
    except RunError as error:
        print("failed as it should", error, flush=True)
    stages = [chain("double", [_doubled]), chain("name", [_named])]
    streamed = stream(spark, spark.range(100), stages, columns=["id"])
    assert [row.y for row in streamed.frame.collect()] == list(range(0, 200, 2))
    assert lines[0].tls is not None and lines[0].tls.certificate == certificate
    print("streamed", streamed, flush=True)
    _pages(spark, folder / "pages")
    application = spark.sparkContext.applicationId
    spark.stop()
    shutil.copytree(Path(_find_spark_home(), "work", application), folder / "executors")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

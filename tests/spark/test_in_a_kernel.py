"""Runs in a notebook's kernel: progress is shown below the cell; an interrupted cell leaves a session that works."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kernels import Kernel, Message, kernel

SESSION = """
import os, sys, time
os.environ["PYSPARK_PYTHON"], os.environ["SPARK_LOCAL_IP"] = sys.executable, "127.0.0.1"
from pyspark.sql import SparkSession
from planner import Cluster, GraphBuilder, plan
from planner.spark import run

builder = SparkSession.builder.master("local-cluster[2,1,1024]").config("spark.ui.enabled", "false")
spark = builder.config("spark.log.level", "OFF").config("spark.ui.showConsoleProgress", "false").getOrCreate()

def naps(seconds):
    graph = GraphBuilder()
    for i in range(8):
        graph.add("time:sleep", seconds, id=f"nap-{i}", work=0.1 if i < 4 else 100)
    return plan(graph.build(), Cluster.uniform(2))

def jobs():
    until = time.monotonic() + 20
    while spark.sparkContext.statusTracker().getActiveJobsIds() and time.monotonic() < until:
        time.sleep(0.05)
    return len(spark.sparkContext.statusTracker().getActiveJobsIds())

0
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """Give a kernel with a Spark session of two executors of one slot each: a run needs all there is."""
    with kernel(tmp_path_factory.mktemp("kernel")) as started:
        started.value(SESSION)
        yield started
        started.run("spark.stop()")


def progress(shown: list[Message]) -> list[str]:
    """Give the texts of what was displayed, and updated in place."""
    return [
        m["content"]["data"]["text/plain"] for m in shown if m["msg_type"] in ("display_data", "update_display_data")
    ]


def test_progress_is_one_display_that_is_updated(session: Kernel) -> None:
    shown = session.run("result = run(naps(0.5), spark)")
    kinds = [message["msg_type"] for message in shown]
    assert kinds.count("display_data") == 1 and kinds.count("update_display_data") >= 2 and "error" not in kinds
    ids = {m["content"]["transient"]["display_id"] for m in shown if "display_data" in m["msg_type"]}
    assert len(ids) == 1
    first, *_, last = progress(shown)
    assert "/8 tasks, " in first and "left by the plan" in first
    assert last.startswith("8/8 tasks in ")
    html = [m["content"]["data"]["text/html"] for m in shown if "display_data" in m["msg_type"]]
    assert '<progress max="8" value="8"' in html[-1] and last in html[-1]
    assert not any("tasks," in m["content"]["text"] for m in shown if m["msg_type"] == "stream"), "and nothing else"


def test_an_interrupted_run_leaves_no_job_and_a_session_that_works(session: Kernel) -> None:
    begun = lambda message: "display_data" in message["msg_type"] and "2/2 slots busy" in str(message["content"])  # noqa: E731
    shown = session.run("run(naps(60), spark)", interrupt=begun, timeout=60)
    [error] = [message["content"]["ename"] for message in shown if message["msg_type"] == "error"]
    assert error == "KeyboardInterrupt"
    assert progress(shown)[-1].startswith("0/8 tasks in "), "how far it came"
    assert session.value("jobs()") == "0"
    assert session.value("run(naps(0.01), spark).load.status") == "'done'"
    assert session.value("spark.range(10).count()") == "10"


def test_a_run_that_is_interrupted_as_it_begins_leaves_nothing_either(session: Kernel) -> None:
    at_once = lambda message: "starting" in str(message["content"])  # noqa: E731
    shown = session.run("planned = naps(60)\nprint('starting', flush=True)\nrun(planned, spark)", interrupt=at_once)
    assert "KeyboardInterrupt" in [message["content"].get("ename") for message in shown]
    assert session.value("jobs()") == "0"
    assert session.value("run(naps(0.01), spark).load.status") == "'done'"

"""spark-submit as people type it: a real standalone cluster, the package as a zip, the jobs as they lie in jobs/."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pyspark
import pytest
from evaluator import evaluate

from conf.standalone import Standalone, standalone
from planner import Cluster
from planner.partitioners import decompose
from planner.recipes.corpus_graph import RESULT, corpus_graph
from planner.recipes.source_text import source_files
from planner.spark.defaults import SETTINGS

ROOT = Path(__file__).resolve().parents[2]
SUBMIT = Path(pyspark.__file__).parent / "bin" / "spark-submit"


def _environment(**more: str) -> dict[str, str]:
    # The driver and the executors get the package from the zip alone.
    bare = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return {**bare, "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable, **more}


@pytest.fixture(scope="module")
def planner_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("zip") / "planner.zip"
    subprocess.run([sys.executable, ROOT / "conf" / "package.py", target], check=True, cwd=ROOT)
    return target


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    """Give a standalone cluster of two workers with two cores each, as conf/standalone.py starts it for people."""
    with standalone(tmp_path_factory.mktemp("standalone")) as cluster:
        yield cluster


def _submit(cluster: Standalone, planner_zip: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    settings = ["--properties-file", ROOT / "conf" / "spark-defaults.conf", "--total-executor-cores", "4"]
    events = ["spark.eventLog.enabled=true", f"spark.eventLog.dir={(cluster.settings.parent / 'events').as_uri()}"]
    small = "spark.sql.shuffle.partitions=4"
    sent = [word for setting in (*events, small) for word in ("--conf", setting)] + ["--py-files", planner_zip]
    command = [SUBMIT, "--master", cluster.url, *settings, *sent, *words]
    environment = _environment(SPARK_CONF_DIR=str(ROOT / "conf"))
    return subprocess.run(
        list(map(str, command)), env=environment, cwd=planner_zip.parent, capture_output=True, text=True, timeout=240
    )


def _listed(cluster: Standalone, path: str = "") -> Any:
    """Ask the history server."""
    with urllib.request.urlopen(f"{cluster.history}/api/v1/applications{path}", timeout=10) as page:
        return json.load(page)


def test_the_corpus_job_on_a_standalone_cluster(cluster: Standalone, planner_zip: Path, tmp_path: Path) -> None:
    out = tmp_path / "corpus"
    done = _submit(cluster, planner_zip, ROOT / "jobs" / "corpus.py", "--limit", "60", "--out", out)
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(r"clean: cut by count: longest .*\(predicted\)", done.stdout, re.DOTALL)
    for told in ("lower bound", "Run done", "top terms", "60 modules"):
        assert told in done.stdout
    expected = evaluate(decompose(corpus_graph(source_files(limit=60)), Cluster.uniform(1)).graph)[RESULT]
    assert pq.read_table(out / "index.parquet").equals(expected)
    assert "<html" in (out / "report.html").read_text()
    run = json.loads((out / "run.json").read_text())
    assert run["status"] == "done"
    slots = pq.read_table(out / "slots.parquet").to_pandas()
    assert len(slots) == 4
    assert slots["ran_executor"].nunique() == 2
    assert (slots["ran_executor"] == slots["executor"]).all()


def test_a_graph_is_run_by_the_general_job_and_a_task_that_fails_gives_exit_code_1_and_no_page_of_java(
    cluster: Standalone, planner_zip: Path, tmp_path: Path
) -> None:
    tasks = [
        {"id": "three", "run": "builtins:int", "params": {"base": 4}, "args": ["3"]},
        {"id": "six", "run": "operator:mul", "args": [{"task": "three"}, 2], "after": ["three"]},
        {"id": "bad", "run": "builtins:int", "args": ["not a number"]},
    ]
    graph = tmp_path / "graph.json"
    graph.write_text(json.dumps({"format": "planner.graph/1", "tasks": tasks}))
    done = _submit(cluster, planner_zip, ROOT / "jobs" / "run.py", graph, "--run-dir", tmp_path / "run")
    assert done.returncode == 1
    [kept] = (tmp_path / "run" / "results").iterdir()
    assert json.loads(kept.read_text()) == 6
    assert pq.read_table(tmp_path / "run" / "slots.parquet").num_rows == 4, (
        "master and executors are those submitted to"
    )
    said = done.stdout + done.stderr  # spark-submit puts what Python writes to standard error into standard output
    assert "task 'bad' failed on executor" in said
    assert "ValueError: invalid literal" in said
    assert "at org.apache.spark" not in said


def test_a_dataframe_job_needs_no_more_than_the_file_that_the_cluster_wrote(
    cluster: Standalone, planner_zip: Path, tmp_path: Path
) -> None:
    """The file says where the master is, and which Python executors run."""
    words = ("--stores", "6", "--articles", "8", "--days", "200", "--out", tmp_path / "forecast")
    command = [SUBMIT, "--properties-file", cluster.settings, "--py-files", planner_zip]
    command += ["--conf", "spark.sql.shuffle.partitions=4"]
    done = subprocess.run(
        list(map(str, [*command, ROOT / "jobs" / "forecast.py", *words])),
        env={name: value for name, value in _environment().items() if not name.startswith(("PYSPARK", "SPARK_L"))},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Load of 6 keys by store" in done.stdout
    assert pq.read_table(tmp_path / "forecast" / "forecasts.parquet").num_rows == 6


def test_the_history_server_knows_what_was_submitted_and_with_which_settings(
    cluster: Standalone, planner_zip: Path, tmp_path: Path
) -> None:
    until = time.monotonic() + 60
    while not (ended := [one for one in _listed(cluster) if one["attempts"][-1]["completed"]]):
        assert time.monotonic() < until, "no application is listed as ended"
        time.sleep(0.5)
    assert all(one["name"].startswith("planner: ") for one in ended)
    environment = dict(_listed(cluster, f"/{ended[-1]['id']}/environment")["sparkProperties"])
    assert {key: environment[key] for key in SETTINGS} == {key: value for key, (value, _) in SETTINGS.items()}


def test_planner_run_on_local_threads_ended_by_ctrl_c(tmp_path: Path) -> None:
    tasks = [{"id": f"t{i}", "run": "time:sleep", "args": [60], "work": 60} for i in range(4)]
    graph = tmp_path / "graph.json"
    graph.write_text(json.dumps({"format": "planner.graph/1", "tasks": tasks}))
    options = ["--master", "local[4]", "--run-dir", str(tmp_path / "r")]
    command = [sys.executable, "-m", "planner", "run", str(graph), *options]
    with (tmp_path / "err").open("w") as err:
        process = subprocess.Popen(command, env=_environment(), cwd=ROOT, stdout=err, stderr=err, text=True)
    journal = tmp_path / "r" / "journal.jsonl"
    until = time.monotonic() + 90
    while not (journal.exists() and journal.read_text().count("hello") == 4):
        assert process.poll() is None and time.monotonic() < until, (tmp_path / "err").read_text()[-2000:]
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    struck = time.monotonic()
    while "ended" not in journal.read_text():
        assert time.monotonic() - struck < 30, "no task was waited for"
        time.sleep(0.02)
    assert process.wait(30) == 130
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert lines[-1]["status"] == "cancelled"
    assert not re.search("Traceback", (tmp_path / "err").read_text())

"""spark-submit as people type it: a real standalone cluster, the package as a zip, the jobs as they lie in jobs/."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pyspark
import pytest

ROOT = Path(__file__).resolve().parents[2]
SPARK_CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"
SUBMIT = Path(pyspark.__file__).parent / "bin" / "spark-submit"


def _environment(**more: str) -> dict[str, str]:
    # The driver and the executors get the package from the zip alone.
    bare = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return {**bare, "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable, **more}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def planner_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("zip") / "planner.zip"
    subprocess.run([sys.executable, ROOT / "conf" / "package.py", target], check=True, cwd=ROOT)
    return target


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of a standalone master with two workers, each a process of its own."""
    folder = tmp_path_factory.mktemp("standalone")
    port = _free_port()
    url = f"spark://127.0.0.1:{port}"
    cluster = "org.apache.spark.deploy"

    def sizes(i: int) -> list[str]:
        return ["--cores", "2", "--memory", "1g", "--work-dir", str(folder / f"work{i}")]

    commands = [
        [SPARK_CLASS, f"{cluster}.master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0"],
        *[
            [SPARK_CLASS, f"{cluster}.worker.Worker", "--host", "127.0.0.1", "--webui-port", "0", *sizes(i), url]
            for i in range(2)
        ],
    ]
    logs = [folder / f"{i}.log" for i in range(3)]
    started = []
    for command, log in zip(commands, logs, strict=True):
        with log.open("w") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, env=_environment(), start_new_session=True)
        started.append(process)
    until = time.monotonic() + 60
    while sum("Registering worker" in line for line in logs[0].read_text().splitlines()) < 2:
        assert time.monotonic() < until, logs[0].read_text()[-2000:]
        time.sleep(0.2)
    yield url
    for process in reversed(started):
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def _submit(master: str, planner_zip: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [
        SUBMIT,
        "--master",
        master,
        "--executor-cores",
        "2",
        "--total-executor-cores",
        "4",
        "--py-files",
        planner_zip,
        *words,
    ]
    return subprocess.run(
        list(map(str, command)), env=_environment(), cwd=planner_zip.parent, capture_output=True, text=True, timeout=240
    )


def test_the_corpus_job_on_a_standalone_cluster(master: str, planner_zip: Path, tmp_path: Path) -> None:
    out = tmp_path / "corpus"
    done = _submit(master, planner_zip, ROOT / "jobs" / "corpus.py", "--limit", "60", "--out", out)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "lower bound" in done.stdout
    assert pq.read_table(out / "index.parquet").num_rows == 60
    assert "<html" in (out / "report.html").read_text()
    run = json.loads((out / "run.json").read_text())
    assert run["status"] == "done"
    slots = pq.read_table(out / "slots.parquet").to_pandas()
    assert len(slots) == 4
    assert slots["ran_executor"].nunique() == 2
    assert (slots["ran_executor"] == slots["executor"]).all()


def test_a_graph_is_planned_and_run_by_the_general_jobs(master: str, planner_zip: Path, tmp_path: Path) -> None:
    tasks = [
        {"id": "three", "run": "builtins:int", "params": {"base": 4}, "args": ["3"]},
        {"id": "six", "run": "operator:mul", "args": [{"task": "three"}, 2], "after": ["three"]},
    ]
    graph = tmp_path / "graph.json"
    graph.write_text(json.dumps({"format": "planner.graph/1", "tasks": tasks}))
    done = _submit(master, planner_zip, ROOT / "jobs" / "run.py", graph, "--run-dir", tmp_path / "run")
    assert done.returncode == 0, done.stderr[-3000:]
    [kept] = (tmp_path / "run" / "results").iterdir()
    assert json.loads(kept.read_text()) == 6
    planned = _submit(master, planner_zip, ROOT / "jobs" / "plan.py", graph, "--json", "--executors", "2")
    assert planned.returncode == 0, planned.stderr[-3000:]
    assert json.loads(planned.stdout)["makespan"] >= 2


def test_a_failing_task_gives_exit_code_1_and_no_page_of_java(master: str, planner_zip: Path, tmp_path: Path) -> None:
    graph = tmp_path / "graph.json"
    task = {"id": "bad", "run": "builtins:int", "args": ["not a number"]}
    graph.write_text(json.dumps({"format": "planner.graph/1", "tasks": [task]}))
    done = _submit(master, planner_zip, ROOT / "jobs" / "run.py", graph)
    assert done.returncode == 1
    said = done.stdout + done.stderr  # spark-submit puts what Python writes to standard error into standard output
    assert "task 'bad' failed on executor" in said
    assert "ValueError: invalid literal" in said
    assert "at org.apache.spark" not in said


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

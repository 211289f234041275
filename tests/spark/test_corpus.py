"""The main job on real executors: the same index as the plain computation, to the last digit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from evaluator import evaluate
from pyspark.sql import SparkSession

from planner import Cluster, plan
from planner.partitioners import decompose
from planner.recipes.corpus_graph import RESULT, corpus_graph
from planner.recipes.source_text import source_files
from planner.spark import run

ROOT = Path(__file__).resolve().parents[2]
FILES = source_files(limit=90)


def submit(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Call spark-submit as a user does, with the package in a zip."""
    archive = cwd / "planner.zip"
    subprocess.run([sys.executable, str(ROOT / "conf" / "package.py"), str(archive)], check=True, capture_output=True)
    script = Path(sys.executable).parent / "spark-submit"
    env = {**os.environ, "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    env |= {"SPARK_LOCAL_IP": "127.0.0.1", "PYTHONPATH": ""}
    command = [str(script), "--master", "local-cluster[2,1,1024]", "--py-files", str(archive), *words]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=250)


@pytest.mark.parametrize("slots", [1, 3, 6])
def test_every_number_of_slots_gives_the_plain_result(spark: SparkSession, slots: int) -> None:
    expected = evaluate(decompose(corpus_graph(FILES), Cluster.uniform(1)).graph)[RESULT]
    planned = plan(corpus_graph(FILES), Cluster.uniform(slots), budget=0.5)
    index = run(planned, spark, progress="none")[RESULT]
    assert index.num_rows == len(FILES)
    assert index.equals(expected)


def test_plan_is_for_the_executors_that_spark_has(tmp_path: Path) -> None:
    (tmp_path / "graph.json").write_text(json.dumps({"format": "planner.graph/1", "tasks": [{"id": "a", "work": 1}]}))
    said = submit(str(ROOT / "jobs" / "plan.py"), "graph.json", "--json", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["executor_count"] == 2

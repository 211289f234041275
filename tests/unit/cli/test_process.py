"""The command line as a process: streams, pipes, and what it loads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from planner.io import write_cluster, write_graph
from tests.instances import CLUSTERS, GRAPHS

COMMAND = [sys.executable, "-m", "planner"]


def test_a_closed_pipe_is_no_error(graph: str) -> None:
    process = subprocess.Popen(
        [*COMMAND, "plan", graph, "--executors", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr.read() == ""
    process.stderr.close()


def test_no_hash_seed_changes_a_plan_and_planning_loads_no_spark(tmp_path: Path) -> None:
    write_graph(GRAPHS["wide"], tmp_path / "graph.json")
    write_cluster(CLUSTERS["four speeds, three hosts"], tmp_path / "cluster.toml")
    code = (
        "import sys; from planner.cli import main\n"
        "words = ['plan', 'graph.json', '--cluster', 'cluster.toml', '--iterations', '300', '--seed', '3', '--json']\n"
        "assert main([*words, '-o', sys.argv[1]]) == 0 and 'pyspark' not in sys.modules"
    )
    processes, plans = [], []
    for seed in ("1", "2"):
        words, environment = [sys.executable, "-c", code, seed], {"PYTHONHASHSEED": seed, "PLANNER_COMPILE": "now"}
        settings: Any = {"env": environment, "cwd": tmp_path, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        processes.append(subprocess.Popen(words, **settings))
    for seed, process in zip(("1", "2"), processes, strict=True):
        said, wrong = process.communicate(timeout=120)
        assert (process.returncode, wrong) == (0, b"")
        plan = json.loads((tmp_path / seed).read_text())
        assert json.loads(said)["makespan"] == plan["makespan"] > plan["lower_bound"], "it was searched for"
        plans.append((list(plan), plan["tasks"], plan["graph"], plan["cluster"]))
    assert plans[0] == plans[1]


def test_help_does_not_wait_for_numbers() -> None:
    code = (
        "import sys; from planner.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print([name for name in ('numpy', 'pandas', 'pyarrow', 'numba', 'pyspark') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.rstrip().endswith("[]") and "planner plan graph.json" in said.stdout

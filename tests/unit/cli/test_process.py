"""The command line as a process: streams, pipes, and what it loads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

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


def test_no_hash_seed_changes_a_plan(graph: str, tmp_path: Path) -> None:
    plans = []
    for seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": seed, "PLANNER_COMPILE": "now"}
        words = ["plan", graph, "--executors", "2", "-o", str(tmp_path / f"{seed}.json"), "--json"]
        said = subprocess.run([*COMMAND, *words], capture_output=True, check=True, env=environment)
        assert json.loads(said.stdout)["makespan"] == 5.0 and said.stderr == b""
        plan = json.loads((tmp_path / f"{seed}.json").read_text())
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


def test_only_run_loads_spark(graph: str) -> None:
    code = (
        "import sys; from planner.cli import main\n"
        f"assert main(['plan', {graph!r}, '--executors', '2']) == 0\n"
        "print('pyspark' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.rstrip().endswith("False")

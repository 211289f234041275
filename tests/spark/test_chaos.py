"""The short form of ``benchmarks/chaos.py``: one disturbed run of each kind, on a session of its own."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.spark, pytest.mark.timeout(300)]


def test_disturbed_runs_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "chaos.py"), "--quick", "-o", str(tmp_path / "page.md")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    with (tmp_path / "page.csv").open() as file:
        runs = list(csv.DictReader(file))
    assert [(run["equal"], run["twice"], run["hung"], run["error"]) for run in runs] == [("True", "0", "False", "")] * 6
    assert all(run["struck"] for run in runs), "every run was disturbed"
    assert any(int(run["slots_lost"]) for run in runs) and any(int(run["again"]) for run in runs)
    assert all(float(run["orphans"]) == 0 for run in runs)

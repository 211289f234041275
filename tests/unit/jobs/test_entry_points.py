"""The entry points for spark-submit: their words and exit codes, without Spark."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from scripts import scripted

JOBS = Path(__file__).resolve().parents[3] / "jobs"


def job(name: str, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a job without Java: it must not get as far."""
    return scripted(JOBS / name, *words, cwd=cwd)


def test_plan_is_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "g.json").write_text(json.dumps({"format": "planner.graph/1", "tasks": [{"id": "a", "work": 2}]}))
    command = [sys.executable, str(JOBS / "plan.py"), "g.json", "--executors", "2", "--json"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode == 0 and json.loads(said.stdout)["makespan"] == 2.0


def test_run_answers_mistakes_without_a_traceback(tmp_path: Path) -> None:
    said = job("run.py", "nothing.json", "--master", "lokal", cwd=tmp_path)
    assert said.returncode == 2 and said.stdout == ""
    assert "nothing.json" in said.stderr and "'lokal' is no master" in said.stderr
    assert "Traceback" not in said.stderr


def test_corpus_says_everything_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    words = ("--executors", "0", "--slots", "many", "--limit", "-1", "--budget", "soon", "--out", "full")
    said = job("corpus.py", *words[:4], "--limit=-1", *words[6:], cwd=tmp_path)
    assert said.returncode == 2 and "Traceback" not in said.stderr
    for named in ("--executors", "--slots", "--limit", "--budget", "--out: full is there already"):
        assert named in said.stderr


def test_corpus_refuses_a_folder_without_source_files(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    said = job("corpus.py", "--root", "empty", cwd=tmp_path)
    assert (
        said.returncode == 2 and said.stderr == "planner: there is no Python file below empty; expected at least one\n"
    )


@pytest.mark.parametrize("name", ["corpus.py", "plan.py", "run.py"])
def test_a_job_is_short_because_the_logic_is_elsewhere(name: str) -> None:
    assert len((JOBS / name).read_text(encoding="utf-8").splitlines()) < 80

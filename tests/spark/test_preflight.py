"""What the preflight refuses, and the setting that it names."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tarfile
import venv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark import SparkConf

from planner import Cluster, Executor, PreflightError
from planner.spark.executors import LiveExecutor, assign_slots
from planner.spark.preflight import _how_to_send, classic_session, setting_findings


def _session(**settings: str) -> Any:
    conf = SparkConf(loadDefaults=False).setAll(list(settings.items()))
    return SimpleNamespace(sparkContext=SimpleNamespace(getConf=lambda: conf))


def test_settings_that_work_against_a_plan_are_named() -> None:
    assert setting_findings(_session()) == []
    [wait] = setting_findings(_session(**{"spark.locality.wait": "0s"}))
    assert "set spark.locality.wait=3s" in str(wait)
    [copies] = setting_findings(_session(**{"spark.speculation": "true"}))
    assert "set spark.speculation=false" in str(copies)


def test_a_session_that_is_not_classic_is_refused() -> None:
    connect = type("SparkSession", (), {"__module__": "pyspark.sql.connect.session"})()
    with pytest.raises(PreflightError, match=r"needs a classic SparkSession.*connect.*\n.*without SPARK_REMOTE"):
        classic_session(connect)


def test_planned_executors_go_to_their_namesakes_and_else_where_there_is_room() -> None:
    live = [LiveExecutor("0", "a", 2), LiveExecutor("1", "b", 2), LiveExecutor("7", "c", 4)]
    same = Cluster((Executor("1", slots=2), Executor("0", slots=2)))
    assert [place.id for place in assign_slots(same, live)] == ["1", "1", "0", "0"]
    other = Cluster((Executor("x", slots=2), Executor("y", slots=4), Executor("z", slots=2)))
    places = [place.id for place in assign_slots(other, live)]
    assert places[2:6] == ["7"] * 4, "the largest goes where it fits whole"
    assert places[0] == places[1] != places[6] == places[7]
    parted = Cluster(tuple(Executor(f"p{i}") for i in range(8)))
    assert sorted(place.id for place in assign_slots(parted, live)) == ["0", "0", "1", "1", "7", "7", "7", "7"]


def test_what_is_missing_is_told_with_the_line_that_sends_it() -> None:
    ours = _how_to_send(["planner"])
    assert "--py-files planner.zip" in ours and "--archives" not in ours
    theirs = _how_to_send(["pyarrow", "numpy"])
    assert "that has numpy, pyarrow: --archives environment.tar.gz#environment --conf" in theirs
    assert "--py-files" not in theirs
    both = _how_to_send(["planner", "numpy"])
    assert "--py-files planner.zip" in both and "--archives" in both


def test_executors_without_the_packages_are_told_how_to_get_them_and_that_works(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    venv.create(bare, symlinks=True)  # this very Python, and nothing installed
    graph = tmp_path / "graph.json"
    task = {"id": "a", "run": "builtins:str", "args": [1]}
    graph.write_text(json.dumps({"format": "planner.graph/1", "tasks": [task]}))
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, root / "conf" / "package.py", tmp_path / "planner.zip"], check=True)
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYSPARK_PYTHON")}
    environment |= {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_DRIVER_PYTHON": sys.executable}

    def submit(*words: str) -> subprocess.CompletedProcess[str]:
        submit = [str(Path(sys.executable).parent / "spark-submit"), "--master", "local-cluster[1,1,1024]"]
        command = [*submit, "--py-files", "planner.zip", *words, str(root / "jobs" / "run.py"), str(graph)]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=240)

    bare_python = ("--conf", f"spark.pyspark.python={bare / 'bin' / 'python'}")
    done = submit(*bare_python, "--conf", f"spark.pyspark.driver.python={sys.executable}")
    said = done.stdout + done.stderr
    assert done.returncode == 2, said[-3000:]
    assert "lacks numpy, pyarrow, cloudpickle\n    to mend it: " in said
    assert "Traceback" not in said

    # An environment that has them: the bare one, with a path to those of this Python.
    [packages] = bare.glob("lib/python*/site-packages")
    (packages / "others.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    with tarfile.open(tmp_path / "environment.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(bare, arcname=".")
    [line] = re.findall(r"--archives .*(?= \()", said)
    done = submit(*shlex.split(line), "--conf", "spark.log.level=ERROR")
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]

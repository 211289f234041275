"""What the doctor says without a Java: what is wrong, with what mends it, and what measurements mean."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from planner import Cluster, Executor, PreflightError
from planner.cli import main
from planner.model.profile import ExecutorProfile, Profile, Spread
from planner.spark import doctor
from planner.spark.doctor import Check, Diagnosis, _measured
from planner.spark.session import session


def rates(middle: float) -> Spread:
    return Spread(middle * 0.9, middle, middle * 1.1)


def profile_of(*speeds: float, alone: float = 10.0, left: int = 10**10) -> Profile:
    """Give a profile of executors of these speeds on one host, whose slots would do so many pieces a second alone."""
    executors = tuple(
        ExecutorProfile(str(i), "h", 2, speed, rates(10 * speed), rates(alone * speed), 4.0, left, 0.3, 0.1)
        for i, speed in enumerate(speeds)
    )
    planned = Cluster(tuple(Executor(str(i), "h", slots=2, speed=v, memory_bytes=10**9) for i, v in enumerate(speeds)))
    return Profile(planned, executors, (), rates(20.0), rates(0.1), 0.5, {"master": "here", "measured": "now"})


def checks(profile: Profile) -> dict[str, Check]:
    return {check.name: check for check in _measured(profile)}


def test_what_was_measured_is_well_or_noted() -> None:
    assert {check.status for check in checks(profile_of(1, 1, 1)).values()} == {"ok"}
    slow = checks(profile_of(1, 0.25, 1))["speeds"]
    assert slow.status == "note" and slow.said.endswith("1 on h (0.25)") and "--cluster" in slow.mend
    shared = checks(profile_of(1, 1, alone=30.0))["cores"]
    assert shared.status == "note" and "3 × on h, with 4 slots on 4 cores" in shared.said
    scarce = checks(profile_of(1, 1, left=10**9))["memory"]
    assert scarce.status == "note" and "2 GB on h, which has 1 GB" in scarce.said
    many = checks(profile_of(*[1.0] * 11, *[0.5] * 10))["speeds"]
    assert ", and 2 more" in many.said


def test_a_note_is_no_reason_to_fail_and_what_is_wrong_is() -> None:
    note, wrong = Check("a", "note", "so", "do"), Check("b", "wrong", "no", "mend")
    assert Diagnosis((note,)).well and not Diagnosis((note, wrong)).well
    assert repr(Diagnosis((wrong,))) == "WRONG  b: no\n       to mend it: mend"
    assert Diagnosis((replace(note, status="ok"),)).to_dict()["checks"][0]["status"] == "ok"


def test_without_a_java_it_is_said_how_to_get_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "planner", "doctor", "--master", "local[1]"]
    environment = {**os.environ, "JAVA_HOME": str(tmp_path), "SPARK_LOCAL_IP": "127.0.0.1"}
    root = Path(__file__).resolve().parents[3]
    said = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, timeout=120, check=False)
    assert said.returncode == 2 and "Traceback" not in said.stderr
    assert f"Spark found no Java that starts: JAVA_HOME is {tmp_path}, where there is no bin/java" in said.stdout
    assert "apt-get install openjdk-17-jre-headless" in said.stdout


def test_a_session_that_is_not_classic_is_a_finding_and_no_error() -> None:
    connect = type("SparkSession", (), {"__module__": "pyspark.sql.connect.session"})()
    found = doctor(connect)
    assert not found.well and found.profile is None
    assert "needs a classic SparkSession" in repr(found) and "to mend it: make the session by" in repr(found)


def test_a_master_that_is_not_there_is_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SparkSession, "getActiveSession", staticmethod(lambda: None))
    file = tmp_path / "cluster.toml"
    assert main(["doctor", "--master", "spark://localhost:1", "-o", str(file)]) == 2
    said = capsys.readouterr()
    assert "WRONG  Spark: no Spark master answers at localhost:1 (Connection refused)" in said.out
    assert "to mend it: look at the master's web page" in said.out
    assert "1 check failed; what mends it" in said.err and f"{file} was not written" in said.err and not file.exists()
    several = session("spark://nowhere.invalid:7077,localhost:1")
    with pytest.raises(PreflightError, match=r"nowhere.invalid:7077 \(.*, localhost:1 \(Connection refused"), several:
        pass

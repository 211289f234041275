"""On real executors: TLS from the conf, secrets in nothing that is written, two runs on one session."""

from __future__ import annotations

import base64
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from pyspark import InheritableThread
from pyspark.sql import SparkSession
from readme import README

from planner import Cluster, GraphBuilder, PreflightError, RunError, plan
from planner.runtime.wire import Line
from planner.spark import discover, run

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # executors cannot import tests
ROOT = README.parent
SCRIPT = Path(__file__).with_name("secrets_of_a_run.py")
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the certificates that the docs make."""
    folder = tmp_path_factory.mktemp("certificates")
    for command in re.findall(r"^\$ (openssl .*)$", (ROOT / "docs" / "security.md").read_text("utf-8"), re.MULTILINE):
        subprocess.run(shlex.split(command), cwd=folder, check=True, capture_output=True)
    return folder


def _token() -> str:
    spec = importlib.util.spec_from_file_location("secrets_of_a_run", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.TOKEN)


def _forms(secret: bytes) -> Iterator[bytes]:
    """A secret as it is, in hexadecimal, and as it looks inside of base64, wherever it begins."""
    yield secret
    yield secret.hex().encode()
    for shift in range(3):
        coded = base64.b64encode(bytes(shift) + secret)
        yield coded[4:-4]


@needs_openssl
def test_secrets_are_in_nothing_that_a_run_writes(made: Path, tmp_path: Path) -> None:
    files = [str(made / name) for name in ("run.pem", "run.key", "ca.pem")]
    command = [sys.executable, str(SCRIPT), str(tmp_path), *files]
    more = {"PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, **more}, capture_output=True, timeout=240)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-5000:].decode()
    assert b"failed as it should" in done.stdout and b"streamed" in done.stdout and b"read /environment/" in done.stdout
    assert said.count(b"Command to send") > 100, "the debug log of py4j is there"
    written = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    names = "\n".join(written)
    for expected in (
        "events",
        ".page",
        "done/plan.json",
        "done/journal.jsonl",
        "failed/run.json",
        "results",
        "/stderr",
    ):
        assert expected in names, f"{expected} is not in\n{names}"
    assert any(b"SparkListenerJobStart" in text for text in written.values())
    written["what it said"] = said
    line = Line(_token())
    key = (made / "run.key").read_bytes()
    for secret in (line.token.encode(), line._shown.partition(b" ")[2], line._key, key.splitlines()[1]):
        for form in _forms(secret):
            assert [name for name, text in written.items() if form in text] == [], secret


def test_a_secret_would_be_found_in_any_form() -> None:
    secret = _token().encode()
    for before in range(7):
        coded = base64.b64encode(b"x" * before + secret + b"behind")
        assert any(form in coded for form in _forms(secret))


@needs_openssl
def test_what_is_wrong_with_certificates_is_said_before_anything_starts(
    spark: SparkSession, made: Path, tmp_path: Path
) -> None:
    planned = plan(_sleeping(1, 0.0), Cluster.uniform(3, 1))

    def findings(**settings: str) -> str:
        for key, value in settings.items():
            spark.conf.set(f"spark.planner.tls.{key}", value)
        try:
            with pytest.raises(PreflightError) as raised:
                run(planned, spark, run_dir=tmp_path / "run", progress="none")
        finally:
            for key in settings:
                spark.conf.unset(f"spark.planner.tls.{key}")
        assert not (tmp_path / "run").exists()
        return str(raised.value)

    said = findings(certificate=str(made / "run.pem"))
    assert "spark.planner.tls.key and spark.planner.tls.ca are not set" in said
    missing = str(tmp_path / "missing.key")
    said = findings(certificate=str(made / "run.pem"), key=missing, ca=str(tmp_path / "ca.pem"), name="planner")
    executors = [f"executor {executor.id}" for executor in discover(spark).executors]  # others may have lost some
    assert len(executors) == 3
    for who in ("the driver", *executors):
        assert f"spark.planner.tls.key on {who}: {missing} cannot be read: No such file or directory" in said
        assert f"spark.planner.tls.ca on {who}: {tmp_path}/ca.pem cannot be read" in said
    said = findings(certificate=str(made / "run.pem"), key=str(made / "run.key"), ca=str(made / "ca.pem"))
    assert f"spark.planner.tls.certificate on {executors[1]}" in said and "not valid for '127.0.0.1'" in said


def _sleeping(n: int, seconds: float) -> Any:
    builder = GraphBuilder()
    for i in range(n):
        builder.add("time:sleep", seconds, id=f"t{i}", work=max(seconds, 0.1))
    return builder.build()


def test_two_runs_that_have_room_on_one_session_both_work(spark: SparkSession) -> None:
    builder = GraphBuilder()
    for i in range(12):
        builder.add("operator:add", builder.add("builtins:int", i, id=f"int-{i}", work=0.1), 1, id=f"sum-{i}", work=0.1)
    planned = plan(builder.build(), Cluster.uniform(3, 1))
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(run(planned, spark, progress="none"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [result.values for result in results] == [{f"sum-{i}": i + 1 for i in range(12)}] * 2


def _until(path: str) -> None:
    """Hold a core until there is such a file; a minute at most, so that a test that fails holds up no other."""
    until = time.monotonic() + 60
    while not os.path.exists(path) and time.monotonic() < until:  # noqa: PTH110 - what is sent imports little
        time.sleep(0.05)


def test_a_run_whose_cores_another_holds_ends_and_names_it(spark: SparkSession, tmp_path: Path) -> None:
    first: list[Any] = []
    builder = GraphBuilder()
    for i in range(6):
        builder.add(_until, str(tmp_path / "enough"), id=f"t{i}", work=12)
    planned = plan(builder.build(), Cluster.uniform(3, 2))
    thread = threading.Thread(target=lambda: first.append(run(planned, spark, progress="none")))
    thread.start()
    _until_tasks_run(spark, 6)
    with pytest.raises(RunError, match="no slot had started") as raised:
        run(plan(_sleeping(1, 0.0), Cluster.uniform(3, 1)), spark, progress="none", rendezvous=3)
    said = raised.value.reason
    held = r"cores are held by other jobs of the session: job \d+ \(planner: 6 tasks on 6 slots\) runs 6 tasks"
    assert re.search(held, said), said
    (tmp_path / "enough").touch()
    thread.join(60)
    assert first[0].load.status == "done", "the first run is not disturbed"
    assert run(plan(_sleeping(1, 0.0), Cluster.uniform(3, 2)), spark, progress="none").load.status == "done"


def test_a_preflight_that_no_executor_answers_ends_and_names_who_holds_the_cores(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from planner.spark import preflight

    monkeypatch.setattr(preflight, "_checked", {})  # executors that have not been asked yet
    context, enough = spark.sparkContext, str(tmp_path / "enough")

    def until_enough(_: int) -> None:
        until = time.monotonic() + 60
        while not os.path.exists(enough) and time.monotonic() < until:  # noqa: PTH110
            time.sleep(0.05)

    def hold() -> None:
        context.setJobDescription("a long one of somebody else")
        context.parallelize(range(6), 6).foreach(until_enough)

    other = InheritableThread(target=hold)
    other.start()
    _until_tasks_run(spark, 6)
    with pytest.raises(PreflightError) as raised:
        run(plan(_sleeping(1, 0.0), Cluster.uniform(3, 1)), spark, progress="none", rendezvous=2)
    said = str(raised.value)
    assert "executors have not answered within 2 s: cores are held by other jobs of the session: job " in said
    assert "(a long one of somebody else) runs 6 tasks" in said
    (tmp_path / "enough").touch()
    other.join(60)
    assert run(plan(_sleeping(1, 0.0), Cluster.uniform(3, 1)), spark, progress="none").load.status == "done"


def _until_tasks_run(spark: SparkSession, wanted: int) -> None:
    tracker, until = spark.sparkContext.statusTracker(), time.monotonic() + 30
    while sum(info.numActiveTasks for s in tracker.getActiveStageIds() if (info := tracker.getStageInfo(s))) < wanted:
        assert time.monotonic() < until
        time.sleep(0.05)

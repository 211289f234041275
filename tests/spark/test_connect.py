"""``balance`` through Spark Connect: a real server with executors of its own, a client in another process."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyspark
import pytest

pytestmark = pytest.mark.spark

ROOT = Path(__file__).resolve().parents[2]
SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"


def free_port() -> int:
    """Give a port that nobody uses, and that the system gives to nobody who asks for any: Spark asks for many."""
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as listening, contextlib.suppress(OSError):
            listening.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a Connect server with two executors, and give its address."""
    port, folder = free_port(), tmp_path_factory.mktemp("connect")
    environment = os.environ | {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1", "spark.connect.grpc.binding.port": port,
        "spark.ui.enabled": "false", "spark.log.level": "ERROR", "spark.sql.warehouse.dir": folder / "warehouse",
    }  # fmt: skip
    submit = Path(pyspark.__path__[0]) / "bin" / "spark-submit"
    words = [submit, "--class", SERVER, "--master", "local-cluster[2,1,1024]"]
    words += [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen([*words, "spark-internal"], env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        until = time.monotonic() + 120
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                said = (folder / "server.log").read_text()
                assert server.poll() is None, said
                assert time.monotonic() < until, said
                time.sleep(0.2)
        yield f"sc://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def test_all_but_the_load_works_on_connect(address: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "SPARK_REMOTE"}
    environment |= {"PYTHONPATH": str(ROOT)}
    words = [sys.executable, str(Path(__file__).with_name("connect_forms.py")), address]
    said = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert said.returncode == 0, said.stderr[-4000:]
    assert said.stdout.split() == ["held"] * 11

"""A real cluster for the tests: three executors in processes of their own, and a Spark home of our own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.find_spark_home import _find_spark_home
from pyspark.sql import SparkSession

os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
os.environ.setdefault("PYSPARK_PYTHON", sys.executable)


SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""For JVMs of seconds: much of their time would go into optimising what is about to end."""


@pytest.fixture(scope="session", autouse=True)
def spark_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Take a Spark home of our own, of links to what is installed.

    Local clusters name applications by the second and keep them in the home: two that start at once would have the same
    folder, and executors refuse to start in one that is there.
    """
    installed, home = Path(_find_spark_home()), tmp_path_factory.mktemp("spark-home")
    for part in installed.iterdir():
        if part.name not in ("conf", "work"):
            (home / part.name).symlink_to(part)
    (home / "conf").mkdir()
    (home / "conf" / "spark-defaults.conf").write_text(f"spark.executor.defaultJavaOptions {SHORT_LIVED}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_HOME", str(home))
        patch.setenv("SPARK_SUBMIT_OPTS", SHORT_LIVED)  # drivers
        patch.setenv("SPARK_DAEMON_JAVA_OPTS", SHORT_LIVED)  # masters, workers, history servers
        yield


@pytest.fixture(scope="session")
def spark(spark_home: None) -> Iterator[SparkSession]:
    """Give a session with three executors of two slots each."""
    session = (
        SparkSession.builder.master("local-cluster[3,2,1024]")
        .appName("planner tests")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )
    yield session
    session.stop()

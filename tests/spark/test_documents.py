"""Pages that need Spark do what they say, in the session that all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from readme import PAGES, README, blocks, named, needs_spark
from walks import Walk

# The README has a test of its own, which starts what a reader would start.
WITH_SPARK = [page for page in PAGES if page != README and needs_spark(page)]


@pytest.mark.parametrize("page", WITH_SPARK, ids=named)
def test_a_page_does_what_it_says(page: Path, tmp_path: Path, spark: SparkSession, monkeypatch: Any) -> None:
    monkeypatch.setattr(SparkSession, "stop", lambda self: None)  # pages end with it; here others come after them
    with relative_to(tmp_path / "walk", spark):
        Walk(tmp_path / "walk").read(page)


@contextmanager
def relative_to(folder: Path, spark: SparkSession) -> Iterator[None]:
    """Let Spark read and write relative paths where the reader stands; its JVM has started elsewhere."""
    context: Any = spark.sparkContext
    hadoop = context._jvm.org.apache.hadoop.fs
    files = hadoop.FileSystem.getLocal(context._jsc.hadoopConfiguration())
    before = files.getWorkingDirectory()
    files.setWorkingDirectory(hadoop.Path(str(folder)))
    try:
        yield
    finally:
        files.setWorkingDirectory(before)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(line, id=f"{named(page)}: {' '.join(line)[:60]}")
        for page in PAGES
        for block in blocks("console", page)
        for line in block.commands()
        if line[0] == "spark-submit"
    ],
)
def test_spark_reads_the_options_of_a_line_of_spark_submit(line: list[str], spark: SparkSession) -> None:
    read_by_spark(spark, line[1:])


def read_by_spark(spark: SparkSession, words: list[str]) -> None:
    """Have Spark's own parser read the words, which raises at what it does not know."""
    jvm: Any = spark.sparkContext._jvm
    seq, no_environment = jvm.PythonUtils.toSeq(words), jvm.PythonUtils.toScalaMap({})
    said = jvm.org.apache.spark.deploy.SparkSubmitArguments(seq, no_environment)
    assert said.primaryResource().endswith(".py")


def test_spark_does_not_read_what_is_wrong(spark: SparkSession) -> None:
    with pytest.raises(Exception, match="no-such-option"):
        read_by_spark(spark, ["--no-such-option", "x", "jobs/run.py"])

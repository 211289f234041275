"""What is said of a Spark job that failed, without a JVM."""

from __future__ import annotations

import pytest

from planner.spark.launch import _cause

DIED = """An error occurred while calling z:org.apache.spark.api.python.PythonRDD.collectAndServe.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 6.0 failed 4 times
Caused by: java.io.EOFException
\tat org.apache.spark.util.SparkErrorUtils.tryWithSafeFinally$(SparkErrorUtils.scala:83)
\t... 1 more"""


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (DIED, "Job aborted due to stage failure: Task 0 in stage 6.0 failed 4 times"),
        (f"{DIED}\nModuleNotFoundError: No module named 'planner'", "ModuleNotFoundError: No module named 'planner'"),
        ("something else\nand more", "something else"),
        ("", "RuntimeError"),
    ],
)
def test_the_cause_of_a_failed_job_is_no_line_of_a_java_stack(said: str, cause: str) -> None:
    assert _cause(RuntimeError(said)) == cause

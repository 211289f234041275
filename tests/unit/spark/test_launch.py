"""What is said of a Spark job that failed, without a JVM."""

from __future__ import annotations

from planner.spark.launch import _cause


def test_the_cause_of_a_failed_job_is_no_line_of_a_java_stack() -> None:
    said = """An error occurred while calling z:org.apache.spark.api.python.PythonRDD.collectAndServe.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 61.0 failed 4 times, most recent
failure: Lost task 0.3 in stage 61.0 (TID 9) (127.0.0.1 executor 0): org.apache.spark.SparkException: Python worker
exited unexpectedly (crashed)
Caused by: java.io.EOFException: SocketError
\tat org.apache.spark.util.SparkErrorUtils.tryWithSafeFinally$(SparkErrorUtils.scala:83)
\t... 1 more"""
    assert _cause(Exception(said)) == "Caused by: java.io.EOFException: SocketError"

"""The Spark face: discover a session's executors, check it, run a plan on it."""

from planner.spark.executors import discover
from planner.spark.run import RunResult, run

__all__ = ["RunResult", "discover", "run"]

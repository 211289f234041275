"""The Spark face: discover a session's executors, check it, run a plan on it."""

from planner.spark.balance import balance
from planner.spark.balanced import BalancedGroups, Cogrouped
from planner.spark.executors import discover
from planner.spark.run import RunResult, run
from planner.spark.weights import KeyStats

__all__ = ["BalancedGroups", "Cogrouped", "KeyStats", "RunResult", "balance", "discover", "run"]

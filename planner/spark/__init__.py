"""The Spark face: discover a session's executors, check it, run a plan on it."""

from planner.spark.balance import balance
from planner.spark.balanced import BalancedGroups, Cogrouped
from planner.spark.executors import discover
from planner.spark.files import BalancedFiles, balance_files
from planner.spark.ranges import BalancedRanges, balance_ranges
from planner.spark.run import RunResult, run
from planner.spark.streaming import StreamResult, stream
from planner.spark.weights import KeyStats

__all__ = [
    "BalancedFiles",
    "BalancedGroups",
    "BalancedRanges",
    "Cogrouped",
    "KeyStats",
    "RunResult",
    "StreamResult",
    "balance",
    "balance_files",
    "balance_ranges",
    "discover",
    "run",
    "stream",
]

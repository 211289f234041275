"""The Spark face: discover a session's executors, check it, run a plan on it."""

from planner.spark.balance import balance
from planner.spark.balanced import BalancedGroups, Cogrouped
from planner.spark.defaults import spark_conf
from planner.spark.doctor import Check, Diagnosis, doctor
from planner.spark.executors import discover
from planner.spark.files import BalancedFiles, balance_files
from planner.spark.profile import profile
from planner.spark.ranges import BalancedRanges, balance_ranges
from planner.spark.run import RunResult, run
from planner.spark.streaming import StreamResult, stream
from planner.spark.weights import KeyStats

__all__ = [
    "BalancedFiles",
    "BalancedGroups",
    "BalancedRanges",
    "Check",
    "Cogrouped",
    "Diagnosis",
    "KeyStats",
    "RunResult",
    "StreamResult",
    "balance",
    "balance_files",
    "balance_ranges",
    "discover",
    "doctor",
    "profile",
    "run",
    "spark_conf",
    "stream",
]

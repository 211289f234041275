"""What is measured on one of a session's executors, because that is where it will run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from planner.errors import InputError

__all__ = ["measured_there"]

T = TypeVar("T")


def measured_there(spark: Any, measure: Callable[[], T]) -> tuple[T, int]:
    """Measure on an executor; what is wrong is raised here as it would be there.

    Parameters
    ----------
    spark : SparkSession
    measure : callable
        Without arguments. It and what it gives can be pickled.

    Returns
    -------
    T, int
        What it gives, and how many cores all executors have together, if every host is like the one that was asked.
    """
    from planner.runtime.process import cores_here
    from planner.spark.executors import live_executors
    from planner.spark.preflight import classic_session

    def answer(_: int) -> tuple[T | InputError, float]:
        try:
            return measure(), cores_here()
        except InputError as error:
            return error, cores_here()

    session = classic_session(spark)
    found, cores = session.sparkContext.parallelize([0], 1).map(answer).first()
    if isinstance(found, InputError):
        raise found
    hosts = {executor.host for executor in live_executors(session)}
    return found, max(1, int(cores * len(hosts)))

"""``profile(spark)``: a run of probes, one after another on every slot, and what the cluster was measured to be."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pyspark
from pyspark.sql import SparkSession

from planner import model
from planner.io import write_cluster
from planner.model.profile import Spread
from planner.model.units import MICROSECONDS
from planner.recipes.probe_plan import probes
from planner.recipes.profiling import measured
from planner.report import profile_text
from planner.spark.executors import LiveExecutor, discover, live_executors
from planner.spark.launch import SparkJob, pinned
from planner.spark.preflight import active_session, classic_session
from planner.spark.run import run

__all__ = ["Profile", "profile"]

_JOBS = 5


class Profile(model.Profile):
    """A `planner.model.Profile` that shows itself, and writes the cluster that it found."""

    def save(self, path: str | Path) -> Path:
        """Write the cluster, which `planner.read_cluster` reads; in TOML, all that was measured is its comment."""
        write_cluster(self.cluster, path, about=profile_text(self, width=200, unicode=True))
        return Path(path)

    def __repr__(self) -> str:
        return profile_text(self)


def profile(spark: SparkSession | None = None, *, progress: Literal["auto", "none"] = "auto") -> Profile:
    """Measure the executors of a Spark session, its links and its start-up costs.

    Probes are tasks of a run: a piece of work on each slot, alone and with all slots at once; tasks that do nothing;
    and values that go from slot to slot and back. It takes some 10 s, more where many slots share a host or links are
    slow. While others use the cluster, what is measured is what they leave.

    Parameters
    ----------
    spark : SparkSession, optional
        The active session when left out. It is neither stopped nor reconfigured.
    progress : {"auto", "none"}
        As of `run`.

    Returns
    -------
    Profile
        Its attribute ``cluster`` is what `planner.plan` takes.

    Raises
    ------
    InputError
        If no session is active.
    PreflightError
        If the session is not what a run needs.
    RunError
        If the probes did not come to an end.

    Examples
    --------
    >>> profile(spark).save("cluster.toml")  # doctest: +SKIP
    """
    session = classic_session(spark or active_session())
    probed = probes(discover(session))
    result = run(probed.plan, session, rebalance="none", progress=progress)
    [values] = result.values.values()
    slots_us = result.load.elapsed_us - result.load.measured_makespan_us
    job_s = _job_s(session, live_executors(session)[0])
    found = measured(probed, values, job_s, slots_us / MICROSECONDS, _settings(session))
    return Profile(**vars(found))


def _job_s(spark: SparkSession, executor: LiveExecutor) -> Spread:
    """Time jobs of one empty task; the first one warms up."""
    took = []
    for _ in range(_JOBS + 1):
        began = time.perf_counter()
        elements = pinned(spark.sparkContext, [None], [executor.location])
        job = SparkJob(spark.sparkContext, elements, "planner: what does a job cost?")
        job.over.wait()
        took.append(time.perf_counter() - began)
        if job.error is not None:
            raise job.error
    return Spread.of(took[1:])


def _settings(spark: SparkSession) -> dict[str, Any]:
    return {
        "measured": datetime.now().astimezone().isoformat(timespec="seconds"),
        "master": spark.sparkContext.master,
        "application": spark.sparkContext.applicationId,
        "spark": pyspark.__version__,
    }

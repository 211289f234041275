"""What a live Spark session has: its executors and their slots, and where each planned slot may go."""

from __future__ import annotations

import time
from dataclasses import dataclass

from pyspark.sql import SparkSession

from planner.errors import Finding, PreflightError
from planner.model.cluster import Cluster, Executor, Network
from planner.spark.settings import spark_bytes

__all__ = ["LiveExecutor", "assign_slots", "discover", "live_executors", "wait_for_slots"]


_YOUNG_S, _QUIET_S = 30.0, 2.0
"""A session younger than the first may still get executors; no new one for the second means that it will not."""


@dataclass(frozen=True)
class LiveExecutor:
    """An executor of a running application: its id, host, and how many tasks it runs at a time."""

    id: str
    host: str
    slots: int

    @property
    def location(self) -> str:
        """The location preference that names this executor and no other."""
        return f"executor_{self.host}_{self.id}"


def live_executors(spark: SparkSession) -> list[LiveExecutor]:
    """Give the executors that are alive, by id; in local mode that is the driver alone."""
    context = spark.sparkContext
    listed = context._jsc.sc().statusStore().executorList(True)
    master = str(context.master)
    local = master.startswith("local[") or master == "local"
    found = []
    for i in range(listed.size()):
        summary = listed.apply(i)
        if (summary.id() == "driver") != local:
            continue
        host = summary.hostPort().rpartition(":")[0] or summary.hostPort()
        slots = context.defaultParallelism if local else summary.maxTasks()
        found.append(LiveExecutor(summary.id(), host, slots))
    return sorted(found, key=lambda e: (len(e.id), e.id))


def wait_for_slots(spark: SparkSession, wanted: int, timeout: float = 30.0) -> list[LiveExecutor]:
    """Wait until the session has `wanted` slots, because executors register one after another.

    Raises
    ------
    PreflightError
        If they do not come within `timeout` seconds.
    """
    until = time.monotonic() + timeout
    while True:
        executors = live_executors(spark)
        have = sum(e.slots for e in executors)
        if have >= wanted:
            return executors
        if time.monotonic() > until:
            problem = f"the plan needs {wanted} slots at once, and the session has {have} on {len(executors)} executors"
            mend = (
                "plan for fewer (--executors, --slots), or start more: spark.executor.instances, spark.executor.cores, "
                "spark.cores.max, local-cluster[executors,slots,MB]"
            )
            if spark.conf.get("spark.dynamicAllocation.enabled", "false") == "true":
                mend += f"; with dynamic allocation also spark.dynamicAllocation.minExecutors={wanted}"
            raise PreflightError([Finding(problem, mend)])
        time.sleep(0.05)


def discover(spark: SparkSession, *, network: Network | None = None, wait: float = 10.0) -> Cluster:
    """Describe a live session as a cluster: its executors, their hosts, slots and memory, all of speed 1.

    Parameters
    ----------
    spark : SparkSession
    network : Network, optional
        Spark does not know its network; free transfers when left out.
    wait : float
        Seconds to wait for executors that have been asked for and are not there yet.

    Raises
    ------
    PreflightError
        If no executor comes.
    """
    wait_for_slots(spark, 1, wait)
    _settle(spark, wait)
    memory = spark_bytes(str(spark.conf.get("spark.executor.memory", "1g")))
    executors = tuple(
        Executor(e.id, host=e.host, slots=e.slots, memory_bytes=None if e.id == "driver" else memory)
        for e in live_executors(spark)
    )
    return Cluster(executors, network or Network())


def assign_slots(cluster: Cluster, live: list[LiveExecutor]) -> list[LiveExecutor]:
    """Decide on which live executor each planned slot runs.

    An executor of the same id takes its namesake's slots; then, largest first, each planned executor goes to the
    emptiest live one, whole where it fits and slot by slot where it does not.

    Returns
    -------
    list of LiveExecutor
        One for each slot of the cluster.
    """
    free = {e.id: e.slots for e in live}
    by_id = {e.id: e for e in live}
    chosen: dict[int, list[LiveExecutor]] = {}
    planned = sorted(enumerate(cluster.executors), key=lambda pair: (pair[1].id not in by_id, -pair[1].slots, pair[0]))
    for position, executor in planned:
        places: list[LiveExecutor] = []
        while len(places) < executor.slots:
            wanted = executor.slots - len(places)
            same = executor.id if free.get(executor.id, 0) > 0 and not places else None
            target = same or max(free, key=lambda key: (min(free[key], wanted), free[key]))
            take = min(wanted, free[target])
            places += [by_id[target]] * take
            free[target] -= take
        chosen[position] = places
    return [place for position in range(len(cluster.executors)) for place in chosen[position]]


_ASKED = ("executor.instances", "cores.max", "executor.cores")


def _asked_for(spark: SparkSession) -> int:
    context = spark.sparkContext
    master = str(context.master)
    if master == "local" or master.startswith("local["):
        return 1
    if master.startswith("local-cluster["):
        return int(master.removeprefix("local-cluster[").split(",")[0])
    asked = {name: int(context.getConf().get(f"spark.{name}", "0") or 0) for name in _ASKED}
    if asked["executor.instances"] or not asked["executor.cores"]:
        return asked["executor.instances"]
    return asked["cores.max"] // asked["executor.cores"]


def _settle(spark: SparkSession, timeout: float) -> None:
    """Wait for the executors that were asked for; where nobody said how many, until no more come."""
    wanted, until = _asked_for(spark), time.monotonic() + timeout
    have, since = len(live_executors(spark)), time.monotonic()
    young = time.time() - spark.sparkContext.startTime / 1000 < _YOUNG_S
    while time.monotonic() < until and (have < wanted if wanted else young and time.monotonic() - since < _QUIET_S):
        time.sleep(0.05)
        if (now := len(live_executors(spark))) != have:
            have, since = now, time.monotonic()

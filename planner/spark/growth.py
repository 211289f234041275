"""Room in a plan for executors that dynamic allocation may add while it runs."""

from __future__ import annotations

from dataclasses import replace

from pyspark.sql import SparkSession

from planner.bounds import lower_bound
from planner.cost import Problem
from planner.model.plan import Plan
from planner.spark.executors import live_executors

__all__ = ["with_room"]


def with_room(plan: Plan, spark: SparkSession) -> Plan:
    """Give a plan whose cluster has the executors, too, that the session may still get; nothing is planned on them.

    They are taken to be like the first one of the cluster. There are none unless ``spark.dynamicAllocation.enabled`` is
    set, and ``spark.dynamicAllocation.maxExecutors`` is above what the session has; and no more slots than tasks.
    """
    conf, first = spark.sparkContext.getConf(), plan.cluster.executors[0]
    most = conf.get("spark.dynamicAllocation.maxExecutors", "infinity") or "infinity"
    if (conf.get("spark.dynamicAllocation.enabled", "false") or "false") != "true" or not most.isdigit():
        return plan
    wanted = -(-max(0, plan.graph.n - plan.cluster.n_slots) // first.slots)
    count = min(int(most) - len(live_executors(spark)), wanted)
    if count <= 0:
        return plan
    taken = {executor.id for executor in plan.cluster.executors}
    names = [name for i in range(1, count + len(taken) + 1) if (name := f"later-{i}") not in taken][:count]
    more = tuple(replace(first, id=name) for name in names)
    cluster = replace(plan.cluster, executors=(*plan.cluster.executors, *more))
    return replace(plan, cluster=cluster, bound=lower_bound(Problem.of(plan.graph, cluster)))

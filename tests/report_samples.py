"""Plans and load reports to draw: random layered graphs, list-scheduled, then replayed with noise and failures."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from planner.model import SLOT_SCHEMA, TASK_SCHEMA, Bound, Cluster, Graph, LoadReport, Plan, Schedule, Trial


def plan_of(works, slots=4, ids=None, kinds=None, source=(), target=(), **changes) -> Plan:
    """List-schedule the tasks in their order, each on the slot that is free first."""
    graph = Graph.from_arrays(ids, work=works, source=source, target=target, kind=kinds)
    start, finish, slot, _ = _replay(graph, graph.work_us, slots)
    cluster = changes.pop("cluster", Cluster.uniform(slots))
    bound = Bound(-(-int(graph.work_us.sum()) // slots), "total work ÷ capacity of all slots")
    facts = {"seconds": 0.42, "value": 1.0, "trials": (Trial("heft", int(finish.max(initial=0)), 0.2),)}
    return Plan(graph, cluster, Schedule(slot, start, finish), bound, "heft", **(facts | changes))


def layered(n=300, slots=8, seed=0, ids=None, **changes) -> Plan:
    """Make a plan of a layered graph with log-normal works and four kinds of task."""
    rng = np.random.default_rng(seed)
    layers = max(n // (2 * slots), 1)
    layer = np.arange(n) * layers // max(n, 1)
    source, target = [], []
    for task in range(n):
        before = np.flatnonzero(layer == layer[task] - 1)
        for other in rng.choice(before, min(3, len(before)), replace=False).tolist():
            source.append(other)
            target.append(task)
    kinds = [("load", "clean", "fit", "score")[at * 4 // layers] for at in layer.tolist()]
    return plan_of(rng.lognormal(-2.3, 0.7, n), slots, ids, kinds, source, target, **changes)


def load_of(plan: Plan, *, failed=(), scale=1.0, noise=0.15, seed=1, ran_executor=None) -> LoadReport:
    """Replay a plan with noise; what depends on a failed task is not run."""
    graph, cluster = plan.graph, plan.cluster
    rng = np.random.default_rng(seed)
    spans = np.rint(graph.work_us * scale * rng.lognormal(0, noise, graph.n)).astype(np.int64)
    start, finish, slot, wait = _replay(graph, spans, cluster.n_slots, plan.schedule.slot)
    skipped: set[int] = set()
    for task in graph.order.tolist():
        if any(int(before) in skipped or int(before) in failed for before in graph.predecessors(task)):
            skipped.add(task)
    ran = np.array([task not in skipped for task in range(graph.n)], dtype=bool)
    executor = [cluster.executors[e].id for e in cluster.slot_executor[slot].tolist()]
    number = cluster.slot_number[slot].tolist()

    def measured(values):
        return [int(value) if yes else None for value, yes in zip(values, ran, strict=True)]

    status = ["skipped" if t in skipped else "failed" if t in failed else "done" for t in range(graph.n)]
    columns = {
        "task": graph.names,
        "kind": [graph.kinds[k] for k in graph.kind.tolist()],
        "status": status,
        "executor": executor,
        "slot": number,
        "attempt": [0] * graph.n,
        "start_us": measured(start),
        "finish_us": measured(finish),
        "wait_us": measured(wait),
        "cpu_us": measured((finish - start) // 2),
        "bytes_in": measured(rng.integers(0, 10**7, graph.n)),
        "bytes_out": measured(rng.integers(0, 10**7, graph.n)),
        "rows": [None] * graph.n,
        "peak_memory_bytes": measured(rng.integers(10**8, 3 * 10**8, graph.n)),
        "error": ["ValueError: <b>no float</b>" if t in failed else None for t in range(graph.n)],
        "planned_executor": executor,
        "planned_slot": number,
        "planned_start_us": np.rint(plan.schedule.start_us * scale).astype(np.int64).tolist(),
        "planned_finish_us": np.rint(plan.schedule.finish_us * scale).astype(np.int64).tolist(),
    }
    makespan = int(finish[ran].max(initial=0))
    slots = [
        _slot(plan, s, slot, ran, finish - start, wait, makespan, failed, ran_executor or {})
        for s in range(cluster.n_slots)
    ]
    return LoadReport(
        tasks=pa.table(columns, schema=TASK_SCHEMA),
        slots=pa.Table.from_pylist(slots, schema=SLOT_SCHEMA),
        status="failed" if failed else "done",
        predicted_makespan_us=round(plan.makespan_us * scale),
        measured_makespan_us=makespan,
        elapsed_us=makespan + 430_000,
        settings={"spark": "4.3.0", "master": "local-cluster[8,1,1024]"},
    )


def _replay(graph, spans, slots, fixed=None):
    free, start, finish = np.zeros(slots, np.int64), np.zeros(graph.n, np.int64), np.zeros(graph.n, np.int64)
    slot, wait = np.zeros(graph.n, np.int32), np.zeros(graph.n, np.int64)
    for task in graph.order.tolist():
        ready = max((int(finish[before]) for before in graph.predecessors(task)), default=0)
        slot[task] = int(np.argmin(np.maximum(free, ready))) if fixed is None else fixed[task]
        start[task] = max(int(free[slot[task]]), ready)
        wait[task] = start[task] - free[slot[task]]
        finish[task] = free[slot[task]] = start[task] + spans[task]
    return start, finish, slot, wait


def _slot(plan, s, slot, ran, spans, wait, makespan, failed, ran_executor):
    cluster = plan.cluster
    mine = (slot == s) & ran
    executor = cluster.executors[cluster.slot_executor[s]].id
    busy, waited = int(spans[mine].sum()), int(wait[mine].sum())
    return {
        "executor": executor,
        "slot": int(cluster.slot_number[s]),
        "host": "localhost",
        "pid": 1000 + s,
        "ran_executor": ran_executor.get(executor, executor),
        "ran_host": "127.0.0.1",
        "locality": "PROCESS_LOCAL",
        "start_us": -5000,
        "finish_us": makespan,
        "busy_us": busy,
        "wait_us": waited,
        "idle_us": makespan - busy - waited,
        "cpu_us": busy // 2,
        "tasks": int(mine.sum()),
        "rows": 0,
        "bytes_in": 1_000_000 * s,
        "bytes_out": 2_000_000 * s,
        "peak_memory_bytes": 100_000_000 + s,
        "failures": sum(1 for task in failed if slot[task] == s),
    }

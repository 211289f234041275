"""What limits a plan, in words; what would help, found by planning again."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from planner import model
from planner.cost import Problem
from planner.model.cluster import Cluster, Executor, Network
from planner.model.graph import Graph
from planner.model.units import MICROSECONDS, format_bytes, format_seconds
from planner.pipeline.planning import plan

__all__ = ["critical_chain", "explain"]

_SHOWN = 12


def critical_chain(found: model.Plan) -> list[int]:
    """Give the tasks that fix the makespan: from the last to end, back over whatever each of them waited for.

    A task waits for the input that came last, or for the task before it on its slot; where neither is why it did not
    start earlier, for a task on its executor that held memory until then.
    """
    schedule, graph = found.schedule, found.graph
    if not graph.n:
        return []
    position = np.empty(graph.n, dtype=np.int64)
    position[graph.order] = np.arange(graph.n)
    order = np.lexsort((position, schedule.finish_us, schedule.start_us, schedule.slot))
    before = np.full(graph.n, -1, dtype=np.int64)
    same = schedule.slot[order[1:]] == schedule.slot[order[:-1]]
    before[order[1:][same]] = order[:-1][same]
    chain = [int(schedule.finish_us.argmax())]
    while schedule.start_us[chain[-1]] > 0:
        task = chain[-1]
        reasons = [(arrives, source) for source, arrives in _inputs(found, task)]
        if before[task] >= 0:
            reasons.append((int(schedule.finish_us[before[task]]), int(before[task])))
        if max(reasons, default=(0, 0))[0] < schedule.start_us[task]:
            reasons += [(int(schedule.finish_us[other]), other) for other in _made_room(found, task)]
        if not reasons:
            break
        chain.append(max(reasons)[1])
    return chain[::-1]


def _made_room(found: model.Plan, task: int) -> list[int]:
    """Give the tasks on the same executor that held memory until a task started."""
    schedule, executor = found.schedule, found.cluster.slot_executor
    beside = executor[schedule.slot] == executor[schedule.slot[task]]
    holding = (schedule.start_us < schedule.finish_us) & (found.graph.memory_bytes > 0)
    ends: list[int] = np.flatnonzero(beside & holding & (schedule.finish_us == schedule.start_us[task])).tolist()
    return ends


def _inputs(found: model.Plan, task: int) -> list[tuple[int, int]]:
    """Give the tasks that a task waits for, and when their values have arrived."""
    graph, cluster, schedule = found.graph, found.cluster, found.schedule
    here = int(cluster.slot_executor[schedule.slot[task]])
    arrivals = []
    for edge in range(graph.pred_ptr[task], graph.pred_ptr[task + 1]):
        source = int(graph.pred[edge])
        there = int(cluster.slot_executor[schedule.slot[source]])
        sent = cluster.transfer_us(int(graph.edge_bytes[edge]), there, here)
        arrivals.append((source, int(schedule.finish_us[source]) + sent))
    return arrivals


def explain(found: model.Plan) -> str:
    """Say which tasks are critical, what bounds the makespan, and what would help."""
    if not found.graph.n:
        return "There is nothing to do."
    if found.objective == "efficiency":
        return "\n".join([_efficiency(found), _chain(found), _slots(found)])
    lines = [
        f"The plan takes {format_seconds(found.makespan_us)}; no plan can take less than "
        f"{format_seconds(found.bound.us)}, because {found.bound.reason}.",
        _proof(found),
        _chain(found),
        _slots(found),
        "What would help, each planned again:",
        *(f"  {line}" for line in _remedies(found)),
    ]
    return "\n".join(lines)


def _efficiency(found: model.Plan) -> str:
    least = f"no plan can take less than {format_seconds(found.bound.us)}, because {found.bound.reason}"
    takes = f"It takes {format_seconds(found.makespan_us)}; {least}."
    if found.gap <= 0:
        return f"The assignment's value is {found.value:g}, the greatest there is. {takes}"
    most = "" if found.best_value is None else f"; none can exceed {found.best_value:g}"
    return f"The assignment's value is {found.value:g}{most}. {takes}"


def _proof(found: model.Plan) -> str:
    if found.makespan_us <= found.bound.us:
        return "It is optimal: nothing but another graph or another cluster can make it shorter."
    return f"It is at most {max(found.gap, 1e-4):.2%} above the optimum."


def _chain(found: model.Plan) -> str:
    chain, schedule = critical_chain(found), found.schedule
    names = [found.graph.names[task] for task in chain]
    working = int((schedule.finish_us - schedule.start_us)[chain].sum())
    shown = names if len(names) <= _SHOWN else [*names[: _SHOWN // 2], "…", *names[-_SHOWN // 2 :]]
    count = "Critical is 1 task" if len(names) == 1 else f"Critical are {len(names)} tasks"
    text = f"{count}, {format_seconds(working)} of work: {' -> '.join(shown)}."
    sending = 0
    for source, task in itertools.pairwise(chain):
        arrives = dict(_inputs(found, task)).get(source, 0)
        sending += max(0, arrives - int(schedule.finish_us[source]))
    if sending:
        text += f" Between them values are {format_seconds(sending)} on their way."
    if rest := found.makespan_us - working - sending:
        text += f" For {format_seconds(rest)} none of them runs."
    return text


def _slots(found: model.Plan) -> str:
    busy = found.busy_us
    share = busy.sum() / (found.makespan_us * len(busy)) if found.makespan_us else 1.0
    fullest = int(busy.argmax())
    cluster = found.cluster
    name = cluster.executors[cluster.slot_executor[fullest]].id
    full = busy[fullest] / found.makespan_us if found.makespan_us else 1.0
    return f"Slots are busy {share:.0%} of the time; the fullest, on executor {name}, {full:.0%}."


def _remedies(found: model.Plan) -> list[str]:
    settings = {"method": "auto", "iterations": 2000, "seed": int(found.settings.get("seed", 0))}
    reference = min(plan(found.graph, found.cluster, **settings).makespan_us, found.makespan_us)  # type: ignore[arg-type]
    worlds: list[tuple[str, Graph, Cluster]] = [("one more executor", found.graph, _larger(found.cluster))]
    if found.graph.edge_bytes.any() and (found.cluster.class_us_per_byte.any() or found.cluster.class_latency_us.any()):
        free = replace(found.cluster, network=Network())
        worlds.append(("a network that costs nothing", found.graph, free))
    if not Problem.of(found.graph, found.cluster).fits:
        roomy = tuple(replace(executor, memory_bytes=None) for executor in found.cluster.executors)
        worlds.append(("memory without limit", found.graph, replace(found.cluster, executors=roomy)))
    heaviest = int(found.graph.work_us.argmax())
    name, size = found.graph.names[heaviest], format_seconds(int(found.graph.work_us[heaviest]))
    worlds.append(
        (f"splitting the heaviest task ({name}, {size}) in two", _halved(found.graph, heaviest), found.cluster)
    )
    lines = []
    if reference < found.makespan_us:
        lines.append(
            f"planning with method auto: {format_seconds(reference)} ({_change(found.makespan_us, reference)})"
        )
    for what, graph, cluster in worlds:
        makespan = plan(graph, cluster, **settings).makespan_us  # type: ignore[arg-type]
        if graph is found.graph or not cluster.overhead_us:
            # Such a world only allows more (two halves may run one after the other), so this plan can be had there too.
            makespan = min(makespan, reference)
        lines.append(f"{what}: {format_seconds(makespan)} ({_change(found.makespan_us, makespan)})")
    if not found.cluster.class_us_per_byte.any() and found.graph.edge_bytes.any():
        sent = format_bytes(int(found.graph.edge_bytes.sum()))
        lines.append(f"a faster network: nothing, because the plan takes it as free ({sent} on all edges)")
    return lines


def _change(before: int, after: int) -> str:
    if after == before:
        return "no gain"
    return f"{abs(before - after) / before:.1%} {'less' if after < before else 'more'}"


def _larger(cluster: Cluster) -> Cluster:
    """Add one more executor like the fastest."""
    model_executor = max(cluster.executors, key=lambda executor: executor.speed)
    taken = {executor.id for executor in cluster.executors}
    name = next(name for i in range(len(taken) + 1) if (name := f"extra{i}") not in taken)
    more: Executor = replace(model_executor, id=name)
    return replace(cluster, executors=(*cluster.executors, more))


def _halved(graph: Graph, task: int) -> Graph:
    """Replace one task by two halves that may run side by side."""
    source = graph.pred.astype(np.int64)
    target = np.repeat(np.arange(graph.n), np.diff(graph.pred_ptr))
    into, out = target == task, source == task
    work = graph.work_us / MICROSECONDS
    work[task] /= 2
    return Graph.from_arrays(
        work=np.append(work, work[task]),
        source=np.concatenate([source, source[into], np.full(out.sum(), graph.n)]),
        target=np.concatenate([target, np.full(into.sum(), graph.n), target[out]]),
        edge_bytes=np.concatenate([graph.edge_bytes, graph.edge_bytes[into], graph.edge_bytes[out]]),
        memory=np.append(graph.memory_bytes, graph.memory_bytes[task]),
        kind=[graph.kinds[kind] for kind in [*graph.kind.tolist(), int(graph.kind[task])]],
        pins={**graph.pins, graph.n: graph.pins[task]} if task in graph.pins else graph.pins,
        apart={**graph.apart, graph.n: graph.apart[task]} if task in graph.apart else graph.apart,
    )

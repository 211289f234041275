"""The validator of stage plans: does a plan keep every rule? It shares no code with what it judges."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

from planner.errors import Fault, InvalidPlanError
from planner.model.stage_plan import StagePlan

__all__ = ["validate_stages"]

_SHOWN = 20
_SYNC_TRIPS = 4


def validate_stages(plan: StagePlan) -> None:
    """Check a stage plan against its graph.

    Every layer is in a stage, and every stage holds one and has as many executors as replicas, all different and all
    there; layers of one colour class are together, and no forward layer waits for one of a later stage; executors run
    nothing that only hosts run, and hold no more than their memory; loads, memory and bottleneck are what layers and
    cuts make them, and the lower bound is not above the bottleneck.

    Parameters
    ----------
    plan : StagePlan

    Raises
    ------
    InvalidPlanError
        With every broken rule (of each sort the first 20).
    """
    if faults := [*_shape_faults(plan)]:
        raise InvalidPlanError(faults)
    checks = (_together_faults, _order_faults, _place_faults, _memory_faults, _load_faults, _bound_faults)
    if faults := [fault for check in checks for fault in [*check(plan)][:_SHOWN]]:
        raise InvalidPlanError(faults)


def _layer(plan: StagePlan, layer: int) -> str:
    return f"layers[{plan.graph.names[layer]!r}]"


def _edges(plan: StagePlan) -> Iterator[tuple[int, int]]:
    graph = plan.graph
    for layer in range(graph.n):
        for after in graph.succ[graph.succ_ptr[layer] : graph.succ_ptr[layer + 1]].tolist():
            yield layer, after


def _shape_faults(plan: StagePlan) -> Iterator[Fault]:
    stages = len(plan.replicas)
    if len(plan.stage) != plan.graph.n:
        yield Fault("stage", f"there are {len(plan.stage)} stages for {plan.graph.n} layers; expected one each")
    if {*plan.stage.tolist()} != {*range(stages)}:
        yield Fault("stage", f"not all of {stages} stages, and no others, hold layers")
    for name in ("executors", "on_host", "load_ns", "memory_bytes"):
        if len(getattr(plan, name)) != stages:
            yield Fault(name, f"there are {len(getattr(plan, name))} for {stages} stages; expected one each")


def _together_faults(plan: StagePlan) -> Iterator[Fault]:
    first: dict[int, int] = {}
    for layer, color in enumerate(plan.graph.color_class.tolist()):
        other = first.setdefault(color, layer)
        if plan.stage[other] != plan.stage[layer]:
            yield Fault(_layer(plan, layer), f"is not in the stage of {plan.graph.names[other]!r}, of the same class")


def _order_faults(plan: StagePlan) -> Iterator[Fault]:
    backward = plan.graph.backward
    for before, after in _edges(plan):
        if not backward[before] and not backward[after] and plan.stage[before] > plan.stage[after]:
            yield Fault(_layer(plan, after), f"is in a stage before that of {plan.graph.names[before]!r}")


def _place_faults(plan: StagePlan) -> Iterator[Fault]:
    kinds: dict[bool, set[int]] = {False: set(), True: set()}
    for stage, executors in enumerate(plan.executors):
        host = bool(plan.on_host[stage])
        if len({*executors}) != int(plan.replicas[stage]) or len(executors) != int(plan.replicas[stage]):
            yield Fault(f"stages[{stage}]", f"has {plan.replicas[stage]} replicas on the executors {executors}")
        if not host and not all(0 <= executor < plan.n_executors for executor in executors):
            yield Fault(f"stages[{stage}]", f"is on {executors}; there are {plan.n_executors} executors")
        if host and (len(executors) != 1 or executors[0] in kinds[True]):
            yield Fault(f"stages[{stage}]", f"is on the hosts {executors}; expected one of its own")
        kinds[host].update(executors)
    for layer in range(plan.graph.n):
        if not plan.graph.supported[layer] and not plan.on_host[plan.stage[layer]]:
            yield Fault(_layer(plan, layer), "runs on a host only, and is on an executor")


def _memory_faults(plan: StagePlan) -> Iterator[Fault]:
    held: dict[int, int] = defaultdict(int)
    for layer, size in enumerate(plan.graph.memory_bytes.tolist()):
        held[int(plan.stage[layer])] += size
    for stage, size in enumerate(plan.memory_bytes.tolist()):
        if size != held[stage]:
            yield Fault(f"stages[{stage}]", f"takes {held[stage]} bytes; the plan says {size}")
    of: dict[int, int] = defaultdict(int)
    for stage, executors in enumerate(plan.executors):
        for executor in executors if not plan.on_host[stage] else ():
            of[executor] += held[stage]
    for executor, size in of.items():
        if plan.memory_limit_bytes is not None and size > plan.memory_limit_bytes:
            yield Fault(f"executors[{executor}]", f"holds {size} bytes of {plan.memory_limit_bytes}")


def _load_faults(plan: StagePlan) -> Iterator[Fault]:
    slack = plan.graph.n + 2  # nanoseconds: each layer's transfer is rounded
    for stage, load in enumerate(_loads(plan)):
        if abs(load - int(plan.load_ns[stage])) > slack:
            yield Fault(f"stages[{stage}]", f"takes {load:.0f} ns a micro-batch; the plan says {plan.load_ns[stage]}")
    busy: dict[tuple[bool, int], int] = defaultdict(int)
    for stage, executors in enumerate(plan.executors):
        for executor in executors:
            busy[bool(plan.on_host[stage]), executor] += int(plan.load_ns[stage])
    most, what = max(busy.values(), default=0), "the fullest executor takes"
    shared = 0 if plan.cores is None else -(-_computed(plan) // plan.cores)
    if shared > most:
        most, what = shared, f"on {plan.cores} cores, all stages take"
    if plan.bottleneck_ns != most:
        yield Fault("bottleneck_ns", f"is {plan.bottleneck_ns}; {what} {most}")


def _computed(plan: StagePlan) -> int:
    """Add up what is computed on executors for one micro-batch, carrying it included."""
    carrying: int = plan.carrying_ns * sum(not host for host in plan.on_host.tolist())
    times = zip(plan.graph.time_ns.tolist(), plan.stage.tolist(), strict=True)
    work: int = sum(time_ns for time_ns, stage in times if not plan.on_host[stage])
    return work + carrying


def _loads(plan: StagePlan) -> list[float]:
    """Work out what each stage costs, layer by layer."""
    graph, stage = plan.graph, plan.stage.tolist()
    compute, sync = [0.0] * plan.n_stages, [0.0] * plan.n_stages
    for layer, s in enumerate(stage):
        compute[s] += float(graph.host_ns[layer] if plan.on_host[s] else graph.time_ns[layer])
        sync[s] += _SYNC_TRIPS * graph.sync_bytes[layer] / plan.bandwidth * 1e9 if graph.sync_bytes[layer] else 0.0
    takers: dict[int, set[int]] = defaultdict(set)
    for before, after in _edges(plan):
        takers[before].add(stage[after])
    sent = [0.0] * plan.n_stages
    cut = [0.0] * (plan.n_stages + 1)  # what crosses from before a stage to it and behind
    for layer, to in takers.items():
        cost = float(graph.send_ns[layer]) if graph.send_ns is not None else _sending(plan, layer)
        touched = to | {stage[layer]}
        if len(touched) > 1:
            for s in touched:
                sent[s] += cost
            for s in range(min(touched) + 1, max(touched) + 1):
                cut[s] += cost
    return [_load(plan, s, compute[s], sent[s], sync[s], (cut[s], cut[s + 1])) for s in range(plan.n_stages)]


def _sending(plan: StagePlan, layer: int) -> float:
    return 0.0 if math.isinf(plan.bandwidth) else int(plan.graph.output_bytes[layer]) / plan.bandwidth * 1e9


def _load(plan: StagePlan, s: int, compute: float, sent: float, sync: float, crossing: tuple[float, float]) -> float:
    if plan.on_host[s]:
        return compute
    m = int(plan.replicas[s])
    work = compute + (0.0 if plan.overlap else sent)
    alone = (work + sync * (m - 1) / m) / m
    return max(alone, *(each / m for each in crossing)) if plan.overlap and s else alone


def _bound_faults(plan: StagePlan) -> Iterator[Fault]:
    if plan.lower_bound_ns > plan.bottleneck_ns:
        yield Fault("lower_bound_ns", f"is {plan.lower_bound_ns}, above the bottleneck of {plan.bottleneck_ns}")

"""Check what was asked for, split, and say where every stage runs: one function from layers to a stage plan."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from planner.errors import Fault, InfeasibleError, InputError
from planner.model.layers import LayerGraph
from planner.model.stage_plan import StagePlan
from planner.model.units import parse_bytes, parse_rate
from planner.staging import Devices, Found, blocks_of, split
from planner.staging.blocks import Blocks
from planner.staging.loads import stage_sums

__all__ = ["SHARED", "plan_stages", "shared_ns"]

MOST_EXECUTORS = 1000
MOST_CORES = 1_000_000
_LONGEST_S = 1e6
"""Seconds above which sending one output is taken for a mistake."""
SHARED = "all that is computed, on shared cores"
"""Why no bottleneck can be smaller, where there are fewer cores than executors."""
_MOST_NS = 2**62
"""Sums of times, over all executors, that 64 bits hold."""


def plan_stages(
    layers: LayerGraph,
    *,
    executors: int | None,
    hosts: int = 0,
    memory: str | float | None = None,
    bandwidth: str | float = "inf",
    replicate: bool = False,
    stages: int | None = None,
    overlap: bool = False,
    cores: int | None = None,
    carrying_ns: int = 0,
) -> StagePlan:
    """Split layers into stages; parameters, errors and result as of `planner.models.Model.plan`.

    Where executors share cores, a plan with as many executors as cores may be the better one, as it carries less;
    ``carrying_ns`` is what that takes, as in `planner.model.StagePlan`.

    Examples
    --------
    >>> plan_stages(LayerGraph.from_arrays(time_ns=[3, 3]), executors=2).bottleneck_ns
    3
    """
    began = time.perf_counter()
    faults: list[Fault] = []
    count = _whole("executors", executors, 1, faults)
    beside = _whole("hosts", hosts, 0, faults)
    if stages is not None and _whole("stages", stages, 1, faults) <= count and not faults:
        problem = f"is {stages}; expected more than the {count} executors (or none: as many as are best)"
        faults.append(Fault("stages", problem))
    if cores is not None:
        _whole("cores", cores, 1, faults, most=MOST_CORES)
    room = None if memory is None else _parsed("memory", memory, parse_bytes, faults)
    rate = _parsed("bandwidth", bandwidth, parse_rate, faults)
    if faults:
        raise InputError(faults)
    largest = float(max(layers.output_bytes.max(initial=0), layers.sync_bytes.max(initial=0)))
    if largest / rate > _LONGEST_S:
        raise InputError([Fault("bandwidth", f"is so low that sending {largest:.0f} bytes takes more than 11 days")])
    blocks = blocks_of(layers, rate)
    devices = Devices(count, beside, room, count if replicate else 1, bool(overlap))
    columns = (blocks.time_ns, blocks.host_ns, blocks.sync_ns, 2 * blocks.net_ns)
    if sum(float(column.sum()) for column in columns) * count > _MOST_NS:
        raise InputError([Fault("bandwidth", "is so low, or times are so long, that a micro-batch takes years")])
    shared = _Shared(cores, carrying_ns, stages)
    plans = [_plan(layers, blocks, devices, rate, shared)]
    if cores is not None and cores < count and stages is None:
        with suppress(InfeasibleError):
            fewer = _plan(layers, blocks, devices._replace(accelerators=cores), rate, shared)
            plans.append(replace(fewer, n_executors=count))
    best = min(plans, key=lambda plan: plan.bottleneck_ns)
    bound = plans[0]  # of all executors; with fewer, none can be better
    return replace(
        best,
        lower_bound_ns=min(bound.lower_bound_ns, best.bottleneck_ns),
        bound_reason=bound.bound_reason,
        seconds=time.perf_counter() - began,
    )


class _Shared(NamedTuple):
    """Cores that executors share, what each stage takes of them besides its layers, and the most stages asked for."""

    cores: int | None
    carrying_ns: int
    stages: int | None

    def least_ns(self, work_ns: int, executors: int) -> int:
        """Give what no plan without hosts and replicas is below: few stages fill few executors, many carry much."""
        if self.cores is None:
            return 0
        counts = range(1, (self.stages or executors) + 1)
        times = (max(-(-work_ns // min(n, executors)), self.on(work_ns, n)) for n in counts)
        return min(times)

    def on(self, work_ns: int, stages: int) -> int:
        """Give the time for which a micro-batch takes all cores."""
        return 0 if self.cores is None else -(-(work_ns + self.carrying_ns * stages) // self.cores)


def _plan(layers: LayerGraph, blocks: Blocks, devices: Devices, rate: float, shared: _Shared) -> StagePlan:
    found = split(blocks, devices, layers.names, stages=shared.stages)
    planned = StagePlan(
        graph=layers,
        stage=found.split.stage[blocks.block].astype(np.int32),
        replicas=found.split.replicas,
        executors=_executors(found),
        on_host=found.split.on_host,
        load_ns=found.split.load_ns,
        memory_bytes=stage_sums(found.split.stage, blocks.memory_bytes),
        bottleneck_ns=found.bottleneck_ns,
        lower_bound_ns=found.lower_bound_ns,
        bound_reason=found.bound_reason,
        n_executors=devices.accelerators,
        memory_limit_bytes=devices.memory_bytes,
        bandwidth=math.inf if layers.send_ns is not None else rate,
        method=found.method,
        notes=found.notes,
        overlap=devices.overlap,
        cores=shared.cores,
        carrying_ns=shared.carrying_ns,
    )
    planned = replace(planned, bottleneck_ns=max(planned.bottleneck_ns, shared_ns(planned)))
    work_ns = int(layers.time_ns.sum())
    least = shared.on(work_ns, 1) if devices.replicas > 1 else shared.least_ns(work_ns, devices.accelerators)
    if least > planned.lower_bound_ns and not devices.hosts:  # hosts could take some of it
        planned = replace(planned, lower_bound_ns=least, bound_reason=SHARED)
    return planned


def shared_ns(plan: StagePlan) -> int:
    """Give the nanoseconds for which a micro-batch takes all cores that executors share; 0 where they share none."""
    on_executors = int((~plan.on_host).sum())
    work_ns = int(plan.graph.time_ns[~plan.on_host[plan.stage]].sum())
    return _Shared(plan.cores, plan.carrying_ns, None).on(work_ns, on_executors)


def _executors(found: Found) -> tuple[tuple[int, ...], ...]:
    """Give executors their numbers, and hosts theirs, in the order of the stages."""
    if found.executor is not None:
        return tuple((int(executor),) for executor in found.executor)
    following = {False: 0, True: 0}
    placed = []
    for host, replicas in zip(found.split.on_host.tolist(), found.split.replicas.tolist(), strict=True):
        placed.append(tuple(range(following[host], following[host] + replicas)))
        following[host] += replicas
    return tuple(placed)


def _whole(name: str, value: Any, least: int, faults: list[Fault], most: int = MOST_EXECUTORS) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        told = "is not given" if value is None else f"is {value!r}"
        faults.append(Fault(name, f"{told}; expected a whole number from {least} to {most}"))
        return least
    return int(value)


def _parsed(name: str, value: Any, parse: Any, faults: list[Fault]) -> Any:
    try:
        return parse(value)
    except InputError as error:
        faults.append(Fault(name, str(error)))
    except TypeError:
        faults.append(Fault(name, f"is {value!r}; expected a number, or text with a unit"))
    return 1

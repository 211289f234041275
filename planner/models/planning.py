"""Check what was asked for, split, and say where every stage runs: one function from layers to a stage plan."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from planner.errors import Fault, InputError
from planner.model.layers import LayerGraph
from planner.model.stage_plan import StagePlan
from planner.model.units import parse_bytes, parse_rate
from planner.staging import Devices, Found, blocks_of, split
from planner.staging.loads import stage_sums

__all__ = ["plan_stages"]

MOST_EXECUTORS = 1000
_LONGEST_S = 1e6
"""Seconds above which sending one output is taken for a mistake."""
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
) -> StagePlan:
    """Split layers into stages; parameters, errors and result as of `planner.models.Model.plan`.

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
    found = split(blocks, devices, layers.names, stages=stages)
    return StagePlan(
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
        seconds=time.perf_counter() - began,
        notes=found.notes,
        overlap=devices.overlap,
    )


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


def _whole(name: str, value: Any, least: int, faults: list[Fault]) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= MOST_EXECUTORS:
        told = "is not given" if value is None else f"is {value!r}"
        faults.append(Fault(name, f"{told}; expected a whole number from {least} to {MOST_EXECUTORS}"))
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

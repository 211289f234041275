"""Workloads of the device-placement benchmark: layers or operators with their times, sizes, colour classes and edges.

Source: github.com/msr-fiddle/dnn-partitioning, published with J. Tarnawski et al., Efficient Algorithms for Device
Placement of DNN Graph Operators, NeurIPS 2020. Times are milliseconds; its accelerators are our executors, and its CPUs
are hosts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from planner.io.checks import Faults, show
from planner.model.layers import LayerGraph

__all__ = ["Workload", "is_dnn_partitioning", "layers_of_workload"]

_NS_PER_MS = 1e6
_MOST_DEVICES = 1000
_KEYS = ("maxFPGAs", "maxCPUs", "maxSizePerFPGA", "nodes", "edges")


class Workload(NamedTuple):
    """A graph, and what a file states it is to run on: None and 0 where it states nothing."""

    layers: LayerGraph
    executors: int | None = None
    hosts: int = 0
    memory_bytes: int | None = None


def is_dnn_partitioning(document: Any) -> bool:
    """Tell whether a document has the keys of this format."""
    return isinstance(document, dict) and "nodes" in document and "maxFPGAs" in document


def layers_of_workload(document: dict[str, Any], faults: Faults) -> Workload:
    """Give the graph of a document, and the devices that it states.

    Raises
    ------
    InputError
        With every fault and its path.
    """
    devices = [faults.whole(key, document.get(key), 0, _MOST_DEVICES) for key in ("maxFPGAs", "maxCPUs")]
    room = faults.number("maxSizePerFPGA", document.get("maxSizePerFPGA"), "bytes of an accelerator")
    nodes = faults.items("nodes", document.get("nodes"), "a list of nodes")
    index: dict[int, int] = {}
    columns: dict[str, list[float]] = {key: [] for key in ("fpgaLatency", "cpuLatency", "size")}
    names, supported, backward = [], [], []
    color: list[tuple[int, int]] = []
    for i, node in enumerate(nodes):
        path = f"nodes[{i}]"
        if not isinstance(node, dict):
            faults.expected(path, node, "a table")
            continue
        number = faults.whole(f"{path}.id", node.get("id"), 0, 2**53)
        if index.setdefault(number, i) != i:
            faults.add(f"{path}.id", f"is {number}, as that of nodes[{index[number]}]; expected distinct ids")
        for key, column in columns.items():
            column.append(_at_least_0(f"{path}.{key}", node.get(key, 0 if key == "size" else None), faults))
        names.append(_name(node, number))
        supported.append(_flag(f"{path}.supportedOnFpga", node.get("supportedOnFpga", True), faults))
        backward.append(_flag(f"{path}.isBackwardNode", node.get("isBackwardNode", False), faults))
        color.append((0, node["colorClass"]) if isinstance(node.get("colorClass"), int) else (1, i))
    source, target, cost = _edges(document.get("edges"), index, len(nodes), faults)
    faults.raise_if_any()
    classes = {each: k for k, each in enumerate(sorted(set(color)))}
    layers = LayerGraph.from_arrays(
        _distinct(names),
        time_ns=np.array(columns["fpgaLatency"]) * _NS_PER_MS,
        host_ns=np.array(columns["cpuLatency"]) * _NS_PER_MS,
        supported=supported,
        memory_bytes=columns["size"],
        send_ns=np.array(cost) * _NS_PER_MS,
        color_class=[classes[each] for each in color],
        backward=backward,
        source=source,
        target=target,
    )
    return Workload(layers, devices[0], devices[1], int(room))


def _edges(
    given: Any, index: dict[int, int], count: int, faults: Faults
) -> tuple[list[int], list[int], list[float]]:  # fmt: skip
    source, target, cost = [], [], [-1.0] * count
    for e, edge in enumerate(faults.items("edges", given, "a list of edges")):
        path = f"edges[{e}]"
        if not isinstance(edge, dict):
            faults.expected(path, edge, "a table")
            continue
        stated = edge.get("sourceId"), edge.get("destId")
        ends = [index.get(number) if isinstance(number, int) else None for number in stated]
        if ends[0] is None or ends[1] is None:
            faults.add(path, f"is {show(stated[0])} -> {show(stated[1])}; expected the ids of two nodes")
            continue
        paid = _at_least_0(f"{path}.cost", edge.get("cost"), faults)
        if cost[ends[0]] not in (-1.0, paid) and abs(cost[ends[0]] - paid) > _SAME:
            faults.add(path, f"costs {paid}, another edge of its source {cost[ends[0]]}; expected one cost a node")
        cost[ends[0]] = paid
        source.append(ends[0])
        target.append(ends[1])
    return source, target, [max(each, 0.0) for each in cost]


_SAME = 1e-6
"""Milliseconds by which the costs of one node's edges may differ, as the published tool has it."""


def _at_least_0(path: str, value: Any, faults: Faults) -> float:
    number = faults.number(path, value, "a number >= 0")
    if number < 0:
        faults.add(path, f"is {number}; expected a number >= 0")
    return max(number, 0.0)


def _flag(path: str, value: Any, faults: Faults) -> bool:
    if value not in (0, 1):
        faults.expected(path, value, "true or false, or 1 or 0")
    return bool(value)


def _name(node: dict[str, Any], number: int) -> str:
    name = node.get("name")
    return name if isinstance(name, str) and name else f"node{number}"


def _distinct(names: list[str]) -> list[str]:
    """Give names that stand twice a number."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return found

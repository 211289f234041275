"""Read ONNX files, and find out what their graphs are made of."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from planner.errors import Fault, InputError
from planner.model.faults import cycle_faults
from planner.submodels.libraries import onnx
from planner.submodels.onnx_model import Layer, OnnxModel, Weight
from planner.submodels.references import is_random, names_read, tensors
from planner.submodels.runtime_types import with_runtime_types
from planner.submodels.tensor_data import is_external, piece_fault
from planner.submodels.value_types import infer_types

__all__ = ["read_onnx"]

MOST_TOLD = 20
"""Faults of one file that are told; the rest is counted."""


def read_onnx(path: str | Path) -> OnnxModel:
    """Read an ONNX file; weights that lie in other files stay there, so the size of a model does not matter.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    InputError
        With every fault: no such file, no ONNX, values that nothing gives or two nodes give, cycles, external data that
        is missing, too short or outside the model's folder, and nothing that could be cut.

    Notes
    -----
    A weight whose name is an input's, too, may be given another value when the model runs as a whole. Here it is a
    weight and nothing else. Nodes that no output depends on are left out.
    """
    path = Path(path)
    proto = _load(path)
    graph = proto.graph
    weights: dict[str, Weight] = {tensor.name: tensor for tensor in graph.initializer}
    weights |= {tensor.values.name: tensor for tensor in graph.sparse_initializer}
    all_nodes = _without_functions(proto, weights)
    weights |= {node.output[0]: tensor for node in all_nodes for tensor in _constant(node)}
    inputs = [value.name for value in graph.input if value.name not in weights]
    outputs = [value.name for value in graph.output]
    nodes = [node for node in all_nodes if not _constant(node)]
    faults = [*_graph_faults(nodes, [*weights, *inputs], outputs), *_data_faults(weights, nodes, path.parent)]
    _raise_if_any(path, faults)
    nodes = _in_order(path, nodes)
    constants, rest = _apart(nodes, weights)
    known = {*weights, *(value for node in constants for value in node.output)}
    rest = _used(rest, outputs)
    if not rest:
        _raise_if_any(path, [Fault("outputs", "none is computed from an input; expected a model that has layers")])
    model = OnnxModel(
        path=path,
        proto=proto,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        layers=tuple(_layers(rest, known)),
        weights=weights,
        constants=tuple(constants),
        types=infer_types(proto, [*constants, *rest], weights, inputs, path.parent),
    )
    return with_runtime_types(model)


def _load(path: Path) -> onnx.ModelProto:
    if not path.is_file():
        raise InputError([Fault(str(path), "there is no such file; expected an ONNX model")])
    try:
        proto = onnx.load_model(path, format="protobuf", load_external_data=False)
    except Exception as error:  # what protobuf raises, without knowing it by name
        raise InputError([Fault(str(path), f"is no ONNX model: {error}")]) from error
    if not proto.graph.node:
        raise InputError([Fault(str(path), "has no nodes; expected an ONNX model")])
    return proto


def _without_functions(proto: onnx.ModelProto, weights: Iterable[str]) -> list[onnx.NodeProto]:
    """Give the nodes with those of functions in the places where these are called; weights are not copied for it."""
    if not proto.functions:
        return list(proto.graph.node)
    bare = onnx.ModelProto(ir_version=proto.ir_version, opset_import=proto.opset_import, functions=proto.functions)
    bare.graph.CopyFrom(onnx.GraphProto(name="bare", node=proto.graph.node, output=proto.graph.output))
    for name in dict.fromkeys([*(value.name for value in proto.graph.input), *weights]):
        bare.graph.input.add(name=name)
    return list(onnx.inliner.inline_local_functions(bare, convert_version=True).graph.node)


def _constant(node: onnx.NodeProto) -> list[onnx.TensorProto]:
    """Give the tensor of a node that is nothing else."""
    if node.op_type != "Constant" or node.domain not in ("", "ai.onnx"):
        return []
    return [attribute.t for attribute in node.attribute if attribute.name == "value" and attribute.HasField("t")]


def _graph_faults(nodes: Sequence[onnx.NodeProto], known: Sequence[str], outputs: Sequence[str]) -> Iterator[Fault]:
    """Say which values are given twice, and which are read and never given."""
    given = dict.fromkeys(known, "the model")
    for i, node in enumerate(nodes):
        for value in filter(None, node.output):
            if value in given:
                yield Fault(f"nodes[{i}]", f"gives {value!r}, which {given[value]} gives already; expected one giver")
            given[value] = f"nodes[{i}]"
    for i, node in enumerate(nodes):
        for value in names_read(node):
            if value not in given:
                yield Fault(f"nodes[{i}]", f"a {node.op_type} reads {value!r}, which nothing gives")
    for value in outputs:
        if value not in given:
            yield Fault("outputs", f"nothing gives {value!r}")


def _data_faults(weights: Mapping[str, Weight], nodes: Iterable[onnx.NodeProto], folder: Path) -> Iterator[Fault]:
    """Say which weights do not lie where the model says."""
    held = [(name, part) for name, tensor in weights.items() for part in _parts(tensor)]
    held += [(node.name or node.op_type, tensor) for node in nodes for tensor in tensors(node)]
    for name, tensor in held:
        if is_external(tensor) and (fault := piece_fault(tensor, name, folder)):
            yield fault


def _parts(tensor: Weight) -> Sequence[onnx.TensorProto]:
    return (tensor.values, tensor.indices) if isinstance(tensor, onnx.SparseTensorProto) else (tensor,)


def _raise_if_any(path: Path, faults: Sequence[Fault]) -> None:
    if faults:
        told = [Fault(f"{path}: {fault.path}", fault.problem) for fault in faults[:MOST_TOLD]]
        more = len(faults) - MOST_TOLD
        raise InputError(told + [Fault(str(path), f"and {more} more faults like these")] * (more > 0))


def _in_order(path: Path, nodes: Sequence[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """Give nodes in a topological order: their own, where it is one."""
    giver = {value: i for i, node in enumerate(nodes) for value in node.output if value}
    before = [{giver[name] for name in names_read(node) if name in giver} for node in nodes]
    after: list[list[int]] = [[] for _ in nodes]
    for i, earlier in enumerate(before):
        for j in earlier:
            after[j].append(i)
    waits = [len(earlier) for earlier in before]
    ready = [i for i, count in enumerate(waits) if not count]
    order: list[int] = []
    while ready:
        order.append(i := heapq.heappop(ready))
        for j in after[i]:
            waits[j] -= 1
            if not waits[j]:
                heapq.heappush(ready, j)
    if len(order) < len(nodes):
        edges = [(j, i) for i, earlier in enumerate(before) for j in sorted(earlier)]
        names = [node.name or f"{node.op_type}_{i}" for i, node in enumerate(nodes)]
        _raise_if_any(path, cycle_faults(names, [j for j, _ in edges], [i for _, i in edges]))
    return [nodes[i] for i in order]


def _apart(
    nodes: Iterable[onnx.NodeProto], weights: Iterable[str]
) -> tuple[list[onnx.NodeProto], list[onnx.NodeProto]]:
    """Tell nodes that depend on weights only, and draw nothing at random, from all others."""
    known, constants, rest = set(weights), [], []
    for node in nodes:
        if all(name in known for name in names_read(node)) and not is_random(node):
            known.update(node.output)
            constants.append(node)
        else:
            rest.append(node)
    return constants, rest


def _used(nodes: Sequence[onnx.NodeProto], outputs: Iterable[str]) -> list[onnx.NodeProto]:
    """Give the nodes that an output depends on; of nodes in a topological order."""
    wanted, used = set(outputs), []
    for node in reversed(nodes):
        if not wanted.isdisjoint(filter(None, node.output)):
            wanted.update(names_read(node))
            used.append(node)
    return used[::-1]


def _layers(nodes: Sequence[onnx.NodeProto], constants: set[str]) -> Iterator[Layer]:
    seen: set[str] = set()
    for i, node in enumerate(nodes):
        name = node.name or f"{node.op_type}_{i}"
        if name in seen:
            name = f"{name}#{i}"
        seen.add(name)
        read = names_read(node)
        yield Layer(
            name=name,
            node=node,
            takes=tuple(value for value in read if value not in constants),
            constants=tuple(value for value in read if value in constants),
            gives=tuple(value for value in node.output if value),
        )

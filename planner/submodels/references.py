"""What an ONNX node refers to beyond its own inputs: names that its subgraphs capture, tensors, and chance.

A node such as ``If`` or ``Loop`` holds graphs, and these may use any value of the graphs around them. Such names are
inputs of the node just as much as those that it lists.
"""

from __future__ import annotations

from collections.abc import Iterator

from planner.submodels.libraries import onnx

__all__ = ["captured", "is_random", "names_read", "subgraphs", "tensors"]

RANDOM = frozenset(
    ("Bernoulli", "Dropout", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")
)
"""Operators that may give something else each time: two copies of one of them are two values."""


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Give the graphs that a node holds, not those inside them."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def captured(node: onnx.NodeProto) -> list[str]:
    """Give the names that the subgraphs of a node take from the graphs around them, each once, in their order."""
    found: dict[str, None] = {}
    for graph in subgraphs(node):
        own = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
        own |= {tensor.values.name for tensor in graph.sparse_initializer}
        for inner in graph.node:
            own.update(inner.output)
        for inner in graph.node:
            found |= dict.fromkeys(name for name in [*inner.input, *captured(inner)] if name and name not in own)
        found |= dict.fromkeys(value.name for value in graph.output if value.name not in own)
    return list(found)


def names_read(node: onnx.NodeProto) -> list[str]:
    """Give the names that a node reads, its subgraphs included, each once."""
    return list(dict.fromkeys(name for name in [*node.input, *captured(node)] if name))


def tensors(node: onnx.NodeProto) -> Iterator[onnx.TensorProto]:
    """Give the tensors that a node and its subgraphs hold."""
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
    for graph in subgraphs(node):
        yield from graph.initializer
        for inner in graph.node:
            yield from tensors(inner)


def is_random(node: onnx.NodeProto) -> bool:
    """Tell whether a node or its subgraphs may draw random numbers."""
    return node.op_type in RANDOM or any(is_random(inner) for graph in subgraphs(node) for inner in graph.node)

"""An ONNX model as planner sees it: layers that depend on what the model is given, and constants that do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from planner.submodels.libraries import onnx
from planner.submodels.references import names_read
from planner.submodels.tensor_data import tensor_bytes, value_bytes

__all__ = ["Layer", "OnnxModel", "Weight"]

Weight: TypeAlias = "onnx.TensorProto | onnx.SparseTensorProto"


@dataclass(frozen=True, eq=False)
class Layer:
    """A node of an ONNX graph that is cut into stages: what it gives depends on the model's inputs, or on chance.

    Attributes
    ----------
    name : str
        The node's own, made distinct; the operator and a number where it has none.
    node : NodeProto
    takes : tuple of str
        Model inputs and values of other layers that it reads, its subgraphs included.
    constants : tuple of str
        Weights and values of constant nodes that it reads, its subgraphs included.
    gives : tuple of str
        The values it computes.
    """

    name: str
    node: onnx.NodeProto
    takes: tuple[str, ...]
    constants: tuple[str, ...]
    gives: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class OnnxModel:
    """An ONNX file whose graph was understood; weights that lie in files beside it are still there.

    Attributes
    ----------
    path : Path
    proto : ModelProto
        As read: its nodes are those before functions were put in place, and what lies in other files is not in it.
    inputs, outputs : tuple of str
        What it is given and gives; an input that has a weight of its name is that weight.
    layers : tuple of Layer
        In a topological order: that of the file, where it is one.
    weights : mapping of str to TensorProto or SparseTensorProto
        Initializers, and the tensors of ``Constant`` nodes.
    constants : tuple of NodeProto
        Nodes that depend on weights only, in a topological order: every stage that needs one has a copy of it.
    types : mapping of str to TypeProto
        Of inputs, constants, and values of layers, as far as they could be inferred.
    """

    path: Path
    proto: onnx.ModelProto
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    layers: tuple[Layer, ...]
    weights: Mapping[str, Weight]
    constants: tuple[onnx.NodeProto, ...]
    types: Mapping[str, onnx.TypeProto]

    @cached_property
    def producer(self) -> dict[str, int]:
        """The layer that gives each value."""
        return {value: i for i, layer in enumerate(self.layers) for value in layer.gives}

    def needed(self, names: Iterable[str]) -> tuple[list[onnx.NodeProto], list[str]]:
        """Give what some constants are made of.

        Parameters
        ----------
        names : iterable of str
            Weights and values of constant nodes.

        Returns
        -------
        nodes : list of NodeProto
            Constant nodes, in a topological order.
        weights : list of str
            In the order of the file.
        """
        left, seen, nodes = list(names), set[str](), set[int]()
        while left:
            name = left.pop()
            if name in seen:
                continue
            seen.add(name)
            if name in self._maker:
                place = self._maker[name]
                nodes.add(place)
                left += self._constant_takes[place]
        return [self.constants[i] for i in sorted(nodes)], [name for name in self.weights if name in seen]

    def constant_bytes(self, name: str) -> int:
        """Give the bytes of a constant and of all that it is made of; as far as its size is known."""
        if name in self.weights:
            return tensor_bytes(self.weights[name])
        nodes, weights = self.needed([name])
        made = [value for node in nodes for value in node.output if value in self.types]
        return sum(tensor_bytes(self.weights[w]) for w in weights) + sum(
            value_bytes(self.types[value]) or 0 for value in made
        )

    @cached_property
    def _maker(self) -> dict[str, int]:
        return {value: i for i, node in enumerate(self.constants) for value in node.output if value}

    @cached_property
    def _constant_takes(self) -> list[list[str]]:
        return [names_read(node) for node in self.constants]

    def __repr__(self) -> str:
        takes, gives = ", ".join(self.inputs), ", ".join(self.outputs)
        return f"OnnxModel({self.path.name}: {len(self.layers)} layers, {takes} -> {gives})"
